"""A check of the circuit breakers. Run by `manage.py doctor`."""

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage

from gdmarket.breaker import store
from gdmarket.breaker.models import State
from gdmarket.checks import DATA, finding, register


@register(DATA)
def check_circuits(**_: Any) -> Iterator[CheckMessage]:
    """Look for dependencies that are not called."""
    for name, circuit in store.list_circuits().items():
        if circuit.state is not State.CLOSED:
            hint = f"remove the cause; the next calls close it, unless it was opened by hand: manage.py breaker close {name}"
            yield finding("breaker.W001", f"{name} is {circuit.state.value}: {circuit.reason}", hint)
