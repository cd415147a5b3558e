"""Why a rental was cancelled, as people read it."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

REASONS: Mapping[str, Promise] = {
    "no_hold_left": _("the payment was cancelled, and the item may not be held unpaid any longer"),
    "item_withdrawn": _("the item was withdrawn"),
    "item_unknown": _("the item is not known"),
}
"""Of what the market itself did; people write other reasons."""


def say_reason(reason: str) -> str:
    """Return a reason in the language that is active; what a person wrote as it is."""
    return str(REASONS.get(reason, reason))
