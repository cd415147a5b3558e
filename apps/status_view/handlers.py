"""The projection: facts change the rows they concern, many at a time. Nothing is published, so that the view can be rebuilt at will."""

from collections.abc import Sequence

from apps.status_view.domain import Fact
from apps.status_view.services import projecting
from gdmarket import bus


@bus.batch
@bus.idempotent
def on_facts(facts: Sequence[Fact]) -> None:
    """Bring the rows that these facts concern up to them, all at once."""
    projecting.apply_facts(facts=facts)
