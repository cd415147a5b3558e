"""What each status is called, for people."""

from http import HTTPStatus

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

_TITLES = {
    400: _("Bad request"),
    401: _("Not signed in"),
    402: _("Payment declined"),
    403: _("Not allowed"),
    404: _("Not found"),
    405: _("Method not allowed"),
    406: _("Not acceptable"),
    409: _("Conflict"),
    411: _("Length required"),
    412: _("Changed meanwhile"),
    413: _("Too large"),
    415: _("Unsupported media type"),
    422: _("Key used before"),
    429: _("Too many requests"),
    500: _("Internal error"),
    503: _("Not available just now"),
}


def title_of(status: int) -> str:
    """Return the title of problems with this status, in the reader's language."""
    title = _TITLES.get(status)
    return gettext(title) if title else HTTPStatus(status).phrase
