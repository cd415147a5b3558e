"""Where clients fetch files: by the names under which Django's storage has them."""

from django.conf import settings


def url_of(name: str, *, origin: str = "") -> str:
    """Return the address of a file: at `origin`, which is the market's own, unless files are served elsewhere; without it, a path."""
    media: str = settings.MEDIA_URL
    return f"{origin}{media}{name}" if media.startswith("/") else f"{media}{name}"
