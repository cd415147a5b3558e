"""The static files, listed once for all clients of the tests: each client makes a middleware, which would list them anew in 10 ms."""

from typing import Any

from whitenoise.middleware import WhiteNoiseMiddleware

_list_files = WhiteNoiseMiddleware.add_files_from_finders
_listed: dict[str, dict[str, Any]] = {}


def list_static_files_once() -> None:
    """Replace what whitenoise does for each middleware."""
    WhiteNoiseMiddleware.add_files_from_finders = _add_listed_files


def _add_listed_files(middleware: Any) -> None:
    prefix = middleware.static_prefix
    if prefix not in _listed:
        own, middleware.files = middleware.files, {}
        _list_files(middleware)
        _listed[prefix], middleware.files = middleware.files, own
    middleware.files |= _listed[prefix]
