"""Run an image as a cluster would, and walk one rental through it: `./dev image --check TAG`.

As its own user, on a read-only root, without a capability, with a volume for its data: migrate, load the demo, serve with a relay beside
it, walk from outside, look inside, stop. Needs docker or podman, which it is told to use by CONTAINER_ENGINE or finds.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from argparse import ArgumentParser
from typing import NoReturn

from deploy import walk

ENGINES = ("docker", "podman")
_HARDENED = ("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges")
_DATA = "/var/lib/gdmarket"
# What a look inside must find; each line is a shell command that succeeds.
_INSIDE = {
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
    """docker or podman, and what it started for this check."""

    def __init__(self, *, name: str, tag: str, arguments: list[str]) -> None:
        self._name, self._tag, self._arguments = name, tag, arguments
        self._label = f"gdmarket-check-{os.getpid()}"
        self._started: list[str] = []

    def ask(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run one command of the engine's."""
        return subprocess.run([self._name, *command], capture_output=True, text=True, check=False)

    def run(self, *command: str) -> None:
        """Run a command of the market's to its end."""
        ended = self.ask("run", "--rm", *self._options(), self._tag, *command)
        if ended.returncode:
            end(f"{' '.join(command)}: exit code {ended.returncode}\n{ended.stdout}{ended.stderr}")
        print(f"image: ran {' '.join(command)}", flush=True)

    def start(self, *command: str, name: str, options: tuple[str, ...] = ()) -> str:
        """Start a container that goes on, and return its name."""
        container = f"{self._label}-{name}"
        started = self.ask("run", "--detach", f"--name={container}", *options, *self._options(), self._tag, *command)
        self._started.append(container)
        if started.returncode:
            end(started.stderr)
        return container

    def stop(self, container: str) -> tuple[float, int]:
        """Stop a container as a cluster does, and return how long that took and its exit code."""
        began_s = time.monotonic()
        self.ask("stop", "--time=30", container)
        took_s = time.monotonic() - began_s
        return took_s, int(self.ask("inspect", "--format={{.State.ExitCode}}", container).stdout)

    def logs(self, container: str) -> str:
        """Return what a container said."""
        said = self.ask("logs", container)
        return said.stdout + said.stderr

    def clear(self) -> None:
        """Remove all that was started, and the data."""
        self.ask("rm", "--force", *self._started)
        self.ask("volume", "rm", "--force", self._label)

    def _options(self) -> tuple[str, ...]:
        environment = ("--env=GDMARKET_SECRET_KEY=only-for-the-check-of-an-image-and-long-enough-to-please", "--env=GDMARKET_THREADS=4")
        return (*_HARDENED, *environment, f"--volume={self._label}:{_DATA}", *self._arguments)


def main(arguments: list[str]) -> None:
    """Check the image; ends with exit code 1 and a sentence where something is not as it should be."""
    parser = ArgumentParser(prog="./dev image --check", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tag", nargs="?", default="gdmarket:local")
    options, others = parser.parse_known_args(arguments)
    engine = Engine(name=_engine(), tag=options.tag, arguments=others)
    try:
        _check(engine)
    finally:
        engine.clear()
    print(f"image: {options.tag} is as it should be", flush=True)


def _check(engine: Engine) -> None:
    engine.run("python", "manage.py", "migrate", "--verbosity=0")
    engine.run("python", "manage.py", "load_demo")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    relay = engine.start("python", "manage.py", "relay", name="relay")
    web = engine.start(name="web", options=(f"--publish=127.0.0.1:{port}:8000",))
    try:
        walk.main([f"http://127.0.0.1:{port}"])
    except SystemExit:
        print(engine.logs(web), engine.logs(relay), file=sys.stderr)
        raise
    for what, command in _INSIDE.items():
        looked = engine.ask("exec", web, "sh", "-c", command)
        if looked.returncode:
            end(f"not so: {what}\n{looked.stdout}{looked.stderr}")
        print(f"image: {what}", flush=True)
    for container in (relay, web):
        took_s, code = engine.stop(container)
        if code:
            end(f"{container} ended with {code} after {took_s:.1f} s:\n{engine.logs(container)}")
        print(f"image: {container} stopped within {took_s:.1f} s", flush=True)


def _engine() -> str:
    named = os.environ.get("CONTAINER_ENGINE")
    found = [named] if named else [name for name in ENGINES if shutil.which(name) and _answers(name)]
    return found[0] if found else end(f"None of these is here and answers: {', '.join(ENGINES)}.")


def _answers(engine: str) -> bool:
    return subprocess.run([engine, "info"], capture_output=True, check=False).returncode == 0


def end(why: str) -> NoReturn:
    """End with a sentence."""
    sys.exit(f"image: {why}")


if __name__ == "__main__":
    main(sys.argv[1:])
