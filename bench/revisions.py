"""Checkouts to measure: another revision's files and packages beside this one, kept under the data folder for the next time."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from deploy.report import progress
from deploy.servers.process import ROOT

_LOCK = Path("requirements/run.lock")


@dataclass(frozen=True, kw_only=True, slots=True)
class Revision:
    """A checkout and the Python that has its packages."""

    name: str
    folder: Path
    python: str


def this() -> Revision:
    """Return this checkout, with what is not committed in it."""
    name = _git("rev-parse", "--short=10", "HEAD") or "no revision"
    changed = len((_git("status", "--porcelain", "--untracked-files=no") or "").splitlines())
    return Revision(name=f"{name} and {changed} files not committed" if changed else name, folder=ROOT, python=sys.executable)


def built(revision: str) -> Revision:
    """Return the checkout of another revision, made once; exits with a message if there is none such."""
    commit = _git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    if commit is None:
        sys.exit(f"There is no revision {revision!r} here. `git log --oneline` lists them; `git fetch` gets more.")
    folder = kept() / commit[:16]
    if not folder.exists():
        progress(f"Checking {commit[:10]} out into {folder}")
        _check_out(commit, folder)
    if not (folder / _LOCK).is_file():
        sys.exit(f"Revision {commit[:10]} has no {_LOCK}: it cannot be run.")
    return Revision(name=commit[:10], folder=folder, python=_python_of(folder))


def _check_out(commit: str, folder: Path) -> None:
    """Write the files of a commit. No worktree of git's: it would stay on its list."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as half, tempfile.TemporaryFile() as archive:
        subprocess.run(["git", "archive", commit], cwd=ROOT, stdout=archive, check=True)
        archive.seek(0)
        subprocess.run(["tar", "-x", "-C", half], stdin=archive, check=True)
        Path(half).chmod(0o755)
        shutil.copytree(half, folder, symlinks=True)


def _python_of(folder: Path) -> str:
    """Return a Python with the packages that a checkout locks: this one where both lock the same."""
    lock = (folder / _LOCK).read_bytes()
    if lock == (ROOT / _LOCK).read_bytes():
        return sys.executable
    venv = kept() / f"venv-{hashlib.sha256(lock).hexdigest()[:16]}"
    python = venv / "bin" / "python"
    if not (venv / "installed").exists():
        progress(f"Installing its packages into {venv}")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True)
        install = [
            "-m",
            "pip",
            "install",
            "-qq",
            "--disable-pip-version-check",
            "--no-input",
            "--require-hashes",
            "-r",
            str(folder / _LOCK),
        ]
        if subprocess.run([str(python), *install], check=False).returncode:
            sys.exit(f"The packages of {folder / _LOCK} could not be installed. Run the command again to go on.")
        (venv / "installed").touch()
    return str(python)


def kept() -> Path:
    """Return the folder for what a measurement needs again the next time."""
    return Path(os.environ.get("GDMARKET_DATA_DIR", ROOT / "var")).absolute() / "bench"


def _git(*arguments: str) -> str | None:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.rstrip() if done.returncode == 0 else None
