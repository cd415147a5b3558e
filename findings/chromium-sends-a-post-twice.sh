#!/bin/sh
# Chromium 156 (Debian's): a server reads a POST on a connection that was used before, and closes it without an answer. Chromium sends the POST
# again on a new connection, and the page learns nothing of it: the server has done it twice. Node's fetch reports an error.
# Expected: an error, as a POST is not idempotent (RFC 9110, section 9.2.2, allows it only where the client knows that nothing was done).
# Needs Debian's package chromium.
. "$(dirname "$0")/setup.sh"

cat > expected <<'END'
chromium: the page saw 200; POSTs at the server: 2
node: the page saw TypeError; POSTs at the server: 1
END
cat > serve.py <<'END'
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

SEND = """const post = async (at) => { await (await fetch(at + '/first')).text();
  try { return (await fetch(at + '/order', {method: 'POST', body: 'one drill'})).status } catch (error) { return error.name } };"""
PAGE = f"<body><script>{SEND} post('').then((seen) => {{ document.body.textContent = `saw [${{seen}}]` }})</script>"
posts = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(PAGE if self.path == "/" else "ok")

    def do_POST(self):
        posts.append(self.rfile.read(int(self.headers["Content-Length"])))
        if len(posts) == 1:
            self.close_connection = True
        else:
            self.answer("done")

    def answer(self, text):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
Thread(target=server.serve_forever, daemon=True).start()
at = f"http://127.0.0.1:{server.server_port}"
browser = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir=profile", "--virtual-time-budget=10000", "--dump-dom"]
for name, command in (("chromium", [*browser, at]), ("node", ["node", "-e", SEND + f"post('{at}').then((seen) => console.log(`saw [${{seen}}]`))"])):
    posts.clear()
    output = subprocess.run(command, capture_output=True, text=True, timeout=90).stdout
    print(f"{name}: the page saw {output.split('saw [')[-1].split(']')[0]}; POSTs at the server: {len(posts)}")
END
python3 serve.py > seen
compare
