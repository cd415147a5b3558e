"""What SQLite needs: a local disk with a write-ahead log, and that it writes with care."""

import os
from pathlib import Path

from django.db.backends.base.base import BaseDatabaseWrapper

from config.doctor.findings import Findings, Stance, at, fail, ok, warn

LEAST = (3, 35, 0)  # UPDATE … RETURNING
_FULL = 2
# File systems over a network, on which several machines' locks and the write-ahead log's shared memory do not work.
_REMOTE = {"9p", "afs", "ceph", "cifs", "fuse.glusterfs", "fuse.sshfs", "glusterfs", "nfs", "nfs4", "smb2", "smb3", "smbfs"}


def is_there(name: str | Path) -> bool:
    """Say whether there is such a database; one in memory always is."""
    return ":memory:" in str(name) or "mode=memory" in str(name) or Path(name).is_file()


def examine(connection: BaseDatabaseWrapper, what: str, stance: Stance) -> Findings:
    """Look at the journal, the care of writing, the file and what it lies on."""
    path = Path(connection.settings_dict["NAME"])
    with connection.cursor() as cursor:
        (journal,) = cursor.execute("PRAGMA journal_mode").fetchone()
        (synchronous,) = cursor.execute("PRAGMA synchronous").fetchone()
    kind = file_system_of(path.parent, mounts=Path("/proc/self/mounts"))
    if kind in _REMOTE:
        yield fail(
            f"{what}: file", f"lies on {kind}, over a network", "put GDMARKET_DATA_DIR on a disk of this machine, or take PostgreSQL"
        )
    if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        yield fail(f"{what}: file", f"{path} or its folder cannot be written to", "give both to the user that runs the market")
    if journal != "wal":
        yield fail(f"{what}: journal", f"is {journal}, not WAL", "put GDMARKET_DATA_DIR on a disk that can do it, and mind DATABASE_URL")
    elif synchronous < _FULL:
        remedy = "take synchronous out of DATABASE_URL"
        yield at(stance.strict, f"{what}: journal", "a power cut may lose what was acknowledged", remedy)
    else:
        yield ok(f"{what}: journal", "WAL, written with care")
    if stance.deploy:
        yield warn(what, "serves one machine and one writer at a time", "take PostgreSQL before a second machine does")


def file_system_of(folder: Path, *, mounts: Path) -> str:
    """Return the kind of file system that a folder lies on by the system's list of mounts; "" where there is no such list."""
    if not mounts.is_file():
        return ""
    place = folder.resolve()
    found = [
        (len(mount.parts), kind)
        for line in mounts.read_text().splitlines()
        for _device, at_, kind, *_ in [line.split()]
        if place.is_relative_to(mount := Path(at_.replace("\\040", " ")))
    ]
    return max(found, default=(0, ""), key=lambda pair: pair[0])[1]
