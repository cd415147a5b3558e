"""Keeping the view: facts as the bus delivers them, a whole generation built anew, and both compared with the owners."""

from apps.status_view.services.checking import Difference, list_differences, look_again
from apps.status_view.services.generations import activate_previous, discard_others, get_generations
from apps.status_view.services.owners import Sources, count_owned
from apps.status_view.services.projecting import apply_facts
from apps.status_view.services.rebuilding import Progress, rebuild_view

__all__ = [
    "Difference",
    "Progress",
    "Sources",
    "activate_previous",
    "apply_facts",
    "count_owned",
    "discard_others",
    "get_generations",
    "list_differences",
    "look_again",
    "rebuild_view",
]
