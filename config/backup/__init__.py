"""`manage.py backup` and `restore`: a folder with a copy of each database, and a manifest of what is in every table.

The copies are made by pg_dump and SQLite's VACUUM INTO. This package adds the manifest, which a restored database is compared with, and
refuses to restore what is damaged, does not fit, or would overwrite a database that is in use.
"""

import msgspec
from django.core.management.base import CommandError


class BackupError(CommandError):
    """A backup cannot be made, is damaged, or must not be restored here; the message says why and what to do."""


class TableDigest(msgspec.Struct, frozen=True):
    """How many rows a table has, and a sum of their hashes as 32 hexadecimal digits, which does not depend on their order."""

    rows: int
    digest: str
