"""Run an image as a cluster would, and complete one rental on it: `./dev image --check TAG`.

It runs as the image's user, on a read-only root, without capabilities. Needs docker or podman; CONTAINER_ENGINE chooses.
"""

import os
import secrets
import shutil
import subprocess
import sys
import time
from argparse import ArgumentParser

from deploy import walk
from deploy.servers.ports import free_port

ENGINES = ("docker", "podman")
_HARDENED = ("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges")
_DATA = "/var/lib/gdmarket"
# Shell commands that must succeed in the container, by what they show.
_CHECKS = {
    "it runs as user 10001": 'test "$(id -u):$(id -g)" = 10001:10001',
    "it has no capability": "grep -q '^CapBnd:.0*$' /proc/self/status && grep -q '^NoNewPrivs:.1$' /proc/self/status",
    "its root is read-only": '! touch /app/here 2>/dev/null && ! touch "$GDMARKET_STATIC_DIR/here" 2>/dev/null',
    "it can back up PostgreSQL": "pg_dump --version && pg_restore --version",
    "it has no pip, setuptools, compiler or cache": "! python -c 'import pip' 2>/dev/null && ! python -c 'import setuptools' 2>/dev/null"
    " && ! command -v cc gcc make && test ! -e ~root/.cache",
    "its bill of materials names Django": """python -c "
import json
parts = {part['name'].lower() for part in json.load(open('/usr/share/gdmarket/sbom.cdx.json'))['components']}
assert 'django' in parts and 'pip' not in parts
" """,
    "its bytecode was written when it was built": 'test -n "$(find /app -name "*.pyc" -print -quit)"',
}


class Engine:
    """docker or podman, and the containers and the volume of this check."""

    def __init__(self, *, name: str, tag: str, arguments: list[str]) -> None:
        self._name = name
        self._label = f"gdmarket-check-{os.getpid()}"
        self._started: list[str] = []
        environment = (f"--env=GDMARKET_SECRET_KEY={secrets.token_urlsafe(48)}", "--env=GDMARKET_THREADS=4")
        self._image = (*_HARDENED, *environment, f"--volume={self._label}:{_DATA}", *arguments, tag)

    def call(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run one command of the engine."""
        return subprocess.run([self._name, *command], capture_output=True, text=True, check=False)

    def run(self, *command: str) -> None:
        """Run a command in a container to its end."""
        done = self.call("run", "--rm", *self._image, *command)
        if done.returncode:
            sys.exit(f"image: {' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        print(f"image: ran {' '.join(command)}", flush=True)

    def start(self, *command: str, name: str, options: tuple[str, ...] = ()) -> str:
        """Start a container in the background, and return its name."""
        container = f"{self._label}-{name}"
        self._started.append(container)
        done = self.call("run", "--detach", f"--name={container}", *options, *self._image, *command)
        if done.returncode:
            sys.exit(f"image: {done.stderr}")
        return container

    def stop(self, container: str) -> None:
        """Stop a container as a cluster does; exits unless its exit code is 0."""
        began_s = time.monotonic()
        self.call("stop", "--time=30", container)
        took_s = time.monotonic() - began_s
        code = self.call("inspect", "--format={{.State.ExitCode}}", container).stdout.strip()
        if code != "0":
            sys.exit(f"image: {container} ended with {code} after {took_s:.1f} s:\n{self.logs(container)}")
        print(f"image: {container} stopped within {took_s:.1f} s", flush=True)

    def logs(self, container: str) -> str:
        """Return a container's log."""
        logs = self.call("logs", container)
        return logs.stdout + logs.stderr

    def clean_up(self) -> None:
        """Remove the containers and the volume."""
        self.call("rm", "--force", *self._started)
        self.call("volume", "rm", "--force", self._label)


def main(arguments: list[str]) -> None:
    """Check the image; exits with code 1 and a message at the first failure."""
    parser = ArgumentParser(prog="./dev image --check", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tag", nargs="?", default="gdmarket:local")
    options, others = parser.parse_known_args(arguments)
    engine = Engine(name=_engine_name(), tag=options.tag, arguments=others)
    try:
        _check(engine)
    finally:
        engine.clean_up()
    print(f"image: {options.tag} passed", flush=True)


def _check(engine: Engine) -> None:
    engine.run("python", "manage.py", "migrate", "--verbosity=0")
    engine.run("sh", "-c", "GDMARKET_PUBLIC_DEMO=true python manage.py load_demo")
    port = free_port()
    relay = engine.start("python", "manage.py", "relay", name="relay")
    web = engine.start(name="web", options=(f"--publish=127.0.0.1:{port}:8000",))
    try:
        walk.main([f"http://127.0.0.1:{port}"])
    except SystemExit:
        print(engine.logs(web), engine.logs(relay), file=sys.stderr)
        raise
    for what, command in _CHECKS.items():
        done = engine.call("exec", web, "sh", "-c", command)
        if done.returncode:
            sys.exit(f"image: failed: {what}\n{done.stdout}{done.stderr}")
        print(f"image: {what}", flush=True)
    engine.stop(relay)
    engine.stop(web)


def _engine_name() -> str:
    if named := os.environ.get("CONTAINER_ENGINE"):
        return named
    for name in ENGINES:
        if shutil.which(name) and not subprocess.run([name, "info"], capture_output=True, check=False).returncode:
            return name
    sys.exit(f"image: none of these is installed and running: {', '.join(ENGINES)}")


if __name__ == "__main__":
    main(sys.argv[1:])
