#!/bin/sh
# granian 2.8.9, WSGI: the process's whole environment lies in every request's `environ`. A server that was started with HTTP_PROXY, as on many
# company networks, so has `request.headers["Proxy"]` in Django, which nobody sent. gunicorn 27.0.1 gives the request and nothing else.
# PEP 3333 allows a server to add "operating system environment variables".
# Expected: HTTP_… is what the client sent. Cure: start granian without such variables.
. "$(dirname "$0")/setup.sh"
with_python granian==2.8.9 gunicorn==27.0.1 Django==5.2.19

cat > expected <<'END'
granian: header Proxy http://proxy.invalid:3128; DEPOT in environ True
gunicorn: header Proxy None; DEPOT in environ False
END
cat > application.py <<'END'
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="unused")


def show(request):
    return HttpResponse(f"header Proxy {request.headers.get('Proxy')}; DEPOT in environ {'DEPOT' in request.META}")


urlpatterns = [path("", show)]
application = get_wsgi_application()
END
cat > ask.py <<'END'
import os
import signal
import socket
import subprocess
import time
from urllib.request import ProxyHandler, build_opener

for name in ("granian", "gunicorn"):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    started = {
        "granian": ["env/bin/granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", port, "application:application"],
        "gunicorn": ["env/bin/gunicorn", "--bind", f"127.0.0.1:{port}", "--no-control-socket", "application:application"],
    }[name]
    environment = os.environ | {"HTTP_PROXY": "http://proxy.invalid:3128", "DEPOT": "Seoul"}
    with open(f"{name}.log", "wb") as log:
        server = subprocess.Popen(started, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        for _ in range(300):
            try:
                answer = build_opener(ProxyHandler({})).open(f"http://127.0.0.1:{port}/", timeout=10).read().decode()
                break
            except OSError:
                time.sleep(0.1)
        else:
            answer = "no answer"
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    print(f"{name}: {answer}")
END
env/bin/python ask.py > seen
compare
