#!/bin/sh
# What a client sends again without being told so: urllib3 2.8.0 with its defaults (`PoolManager()`, an empty `status_forcelist`) obeys a
# Retry-After of 429 and 503, for DELETE as well, sleeps as long as it says, and sends a DELETE again whose connection broke. requests 2.34.2, on
# urllib3, does neither. ky 1.14.3 and got 14.6.6 send DELETE again after 502 and after a broken connection. `curl --retry` (Debian's) sends a
# POST again after 500, 502 and 504, when it may have been done.
# Expected: no retry of a status that nobody listed, and of a POST never. So a second DELETE may meet a 409 though the first succeeded.
# Needs curl and node.
. "$(dirname "$0")/setup.sh"
with_python urllib3==2.8.0 requests==2.34.2
with_node ky@1.14.3 got@14.6.6

cat > expected <<'END'
urllib3 DELETE 503, Retry-After 1: sent 2, slept True
urllib3 DELETE 503: sent 1, slept False
urllib3 DELETE broken: sent 2, slept False
requests DELETE 503, Retry-After 1: sent 1, slept False
requests DELETE broken: sent 1, slept False
ky DELETE 502: sent 2
ky DELETE broken: sent 2
ky POST 502: sent 1
got DELETE 502: sent 2
got DELETE broken: sent 2
got POST 502: sent 1
curl --retry 1, POST 500: sent 2
curl --retry 1, POST 502: sent 2
curl --retry 1, POST 504: sent 2
curl --retry 1, POST 409: sent 1
END
cat > send.js <<'END'
import got from 'got';
import ky from 'ky';

const [, , name, method, url] = process.argv;
await (name === 'ky' ? ky : got)(url, { method }).catch(() => {});
END
cat > serve.py <<'END'
import subprocess
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import requests
import urllib3

got = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        got.append(self.path)
        if self.path == "/broken" and len(got) == 1:
            self.close_connection = True
            return
        status, _, retry_after = self.path.strip("/").partition("-")
        self.send_response(int(status) if len(got) == 1 else 200)
        if retry_after:
            self.send_header("Retry-After", retry_after)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_DELETE = do_POST = answer

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
Thread(target=server.serve_forever, daemon=True).start()
at = f"http://127.0.0.1:{server.server_port}"


def sent(call, *, slept=False):
    got.clear()
    began = time.monotonic()
    with suppress(Exception):
        call()
    return f"sent {len(got)}" + (f", slept {time.monotonic() - began >= 1}" if slept else "")


urllib = urllib3.PoolManager()
print("urllib3 DELETE 503, Retry-After 1:", sent(lambda: urllib.request("DELETE", f"{at}/503-1"), slept=True))
print("urllib3 DELETE 503:", sent(lambda: urllib.request("DELETE", f"{at}/503"), slept=True))
print("urllib3 DELETE broken:", sent(lambda: urllib.request("DELETE", f"{at}/broken"), slept=True))
print("requests DELETE 503, Retry-After 1:", sent(lambda: requests.delete(f"{at}/503-1"), slept=True))
print("requests DELETE broken:", sent(lambda: requests.delete(f"{at}/broken"), slept=True))
for name in ("ky", "got"):
    for method, path in (("DELETE", "502"), ("DELETE", "broken"), ("POST", "502")):
        print(f"{name} {method} {path}:", sent(lambda: subprocess.run(["node", "send.js", name, method, f"{at}/{path}"])))
for status in (500, 502, 504, 409):
    command = ["curl", "-s", "--retry", "1", "-d", "one drill", f"{at}/{status}"]
    print(f"curl --retry 1, POST {status}:", sent(lambda: subprocess.run(command)))
END
env/bin/python serve.py > seen
compare
