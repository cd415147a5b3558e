"""What the repository must not contain, and Django's check of a deployment."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import ROOT

# Homes, other local folders, and this checkout. The Dockerfile's paths are those of the image.
LOCAL_PATH = re.compile(rb"(?<![\w.])(?:/(?:home|Users|root|opt|tmp|mnt|srv)/[\w.-]|%s(?![\w.-]))" % re.escape(str(ROOT)).encode())
CONFLICT_MARKER = re.compile(rb"^(?:<{7}|>{7})(?: |$)", re.MULTILINE)
PRODUCTION = {
    "GDMARKET_SECRET_KEY": "k9!" + "".join(chr(97 + number % 26) + str(number) for number in range(30)),
    "GDMARKET_HTTPS": "true",
    "GDMARKET_ALLOWED_HOSTS": "market.example.com",
    "DATABASE_URL": "postgresql://market:secret@db.example.com/market",
}


def _tracked() -> list[str]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [name for name in listing.decode().split("\0") if name and (ROOT / name).is_file()]


def test_no_file_contains_a_local_path() -> None:
    assert [name for name in _tracked() if name != "Dockerfile" and LOCAL_PATH.search((ROOT / name).read_bytes())] == []


@pytest.mark.parametrize("path", [ROOT, ROOT / "dev", Path("/", "home", "min", "market"), Path("/", "tmp", "notes.md")])
def test_a_local_path_is_found(path: Path) -> None:
    assert LOCAL_PATH.search(f"see {path}".encode())


def test_no_file_contains_a_conflict_marker() -> None:
    assert [name for name in _tracked() if CONFLICT_MARKER.search((ROOT / name).read_bytes())] == []


def test_the_locks_name_no_address_and_hash_every_package() -> None:
    for lock in (ROOT / "requirements").glob("*.lock"):
        text = lock.read_text()
        assert "://" not in text, lock
        packages = re.split(r"\n(?=\S)", text.strip())
        assert [package.splitlines()[0] for package in packages if "--hash=sha256:" not in package] == [], lock


def test_the_development_lock_contains_the_runtime_lock() -> None:
    run, dev = ((ROOT / "requirements" / name).read_text() for name in ("run.lock", "dev.lock"))
    pin = re.compile(r"^([\w.-]+==[^ ]+)", re.MULTILINE)
    assert set(pin.findall(run)) <= set(pin.findall(dev))


def test_a_deployment_passes_django_s_own_check() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GDMARKET_", "DATABASE"))} | PRODUCTION
    check = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert check.returncode == 0, check.stderr
    assert "no issues" in check.stdout
