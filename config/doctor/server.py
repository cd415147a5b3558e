"""gunicorn's settings, as the doctor needs them."""

from importlib import import_module


def names_read() -> set[str]:
    """Return the variables that gunicorn's settings read; none where they are not right."""
    try:
        return set(import_module("config.server").env.dump())
    except SystemExit:
        return set()


def server_setting(name: str, unread: int) -> int:
    """Return one of gunicorn's settings; `unread` where they are not right and gunicorn would not start."""
    try:
        return int(getattr(import_module("config.server"), name))
    except SystemExit:
        return unread
