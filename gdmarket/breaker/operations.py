"""What an operator does by hand: see how dependencies stand, open, close."""

from gdmarket.breaker import names, store
from gdmarket.breaker.breaker import log_transition
from gdmarket.breaker.errors import NoSuchDependencyError
from gdmarket.breaker.models import Circuit, CircuitSnapshot, State


def list_circuits() -> dict[str, CircuitSnapshot]:
    """Return how every dependency stands that there is, by name and in their order."""
    return dict(sorted((dict.fromkeys(names.declared(), CircuitSnapshot()) | store.read_all()).items()))


def open_by_hand(*, name: str, for_s: float | None, reason: str) -> None:
    """Let nobody ask a dependency for so many seconds, or with None until it is closed; a second time, from now on.

    :raises NoSuchDependencyError: if there is none of this name
    """
    _refuse_unknown(name)
    store.make_row(name=name)
    Circuit.objects.filter(name=name).update(**store.opened(for_s=for_s, reason=reason))
    log_transition(name=name, state=State.OPEN, reason=reason)


def close_by_hand(*, name: str, reason: str) -> bool:
    """Let everybody ask a dependency again, and forget what was before; say whether it was not so already.

    :raises NoSuchDependencyError: if there is none of this name
    """
    _refuse_unknown(name)
    was_open = Circuit.objects.filter(name=name).exclude(state=State.CLOSED).update(**store.closed(reason=reason)) == 1
    if was_open:
        log_transition(name=name, state=State.CLOSED, reason=reason)
    return was_open


def _refuse_unknown(name: str) -> None:
    known = list_circuits()
    if name not in known:
        raise NoSuchDependencyError(dependency=name, known=", ".join(known) or "-")
