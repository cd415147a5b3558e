"""The outage as a picture."""

from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot as plt  # after the choice of what it draws with
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from bench.outage.findings import phases
from bench.outage.plan import Plan
from bench.outage.users import PAID, Answer, is_taken
from bench.outage.watching import Seen

_INK, _TAKEN, _LATER, _REFUSED, _CALLS = "#333333", "#4477aa", "#88ccee", "#cc6677", "#228833"
_STATES = {"closed": "#e8f3ea", "half_open": "#fff3c4", "open": "#f8dede"}
_NAMES = {"closed": "breaker closed", "half_open": "half-open", "open": "open"}


def draw(*, plan: Plan, answers: Sequence[Answer], looks: Sequence[Seen], path: Path) -> None:
    """Write the picture to `path`: by the second, what was asked and answered, and what reached the provider."""
    mpl.rcParams.update(
        {"svg.fonttype": "none", "svg.hashsalt": "gdmarket", "font.size": 10, "axes.spines.top": False, "axes.spines.right": False}
    )
    seconds = range(int(looks[-1].at_s) + 1)
    figure, axes = plt.subplots(3, 1, figsize=(9, 7), sharex=True, height_ratios=[3, 2, 2], layout="constrained")
    with_payment, without, provider = axes
    paying = [answer for answer in answers if answer.wish == PAID]
    taken = _by_second([a for a in paying if is_taken(a.status)], seconds)
    refused = _by_second([a for a in paying if a.status == HTTPStatus.SERVICE_UNAVAILABLE], seconds)
    with_payment.bar(seconds, taken, width=1.0, align="edge", color=_TAKEN, label="taken (201, 202)")
    with_payment.bar(seconds, refused, width=1.0, align="edge", bottom=taken, color=_REFUSED, label="503, pay later")
    with_payment.set_title("Requests that pay at once, a second", loc="left")
    others = _by_second([a for a in answers if a.wish != PAID and is_taken(a.status)], seconds)
    without.bar(seconds, others, width=1.0, align="edge", color=_LATER, label="taken (200, 201)")
    without.set_title("Everything else: requests to pay later, lists, status", loc="left")
    provider.bar(seconds, _calls(looks, seconds), width=1.0, align="edge", color=_CALLS, label="calls")
    provider.set_title("Calls that reach the payment provider, a second", loc="left")
    provider.set_xlabel("seconds")
    for panel in axes:
        _shade(panel, looks)
        panel.set_ylim(bottom=0)
        for at_s in (plan.well_s, plan.recovers_at_s):
            panel.axvline(at_s, color=_INK, linestyle=":", linewidth=1)
        panel.legend(loc="upper right", frameon=True, framealpha=0.9)
    top = with_payment.get_ylim()[1]
    with_payment.text(plan.well_s, top, " provider slow", va="top", color=_INK)
    with_payment.text(plan.recovers_at_s, top, " well again", va="top", color=_INK)
    bands = [Patch(color=colour, label=_NAMES[state]) for state, colour in _STATES.items()]
    figure.legend(handles=bands, loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(path, format="svg", metadata={"Date": None, "Title": "A payment provider that takes longer than its time-out"})


def _by_second(answers: Sequence[Answer], seconds: range) -> list[int]:
    return [sum(int(answer.answered_s) == second for answer in answers) for second in seconds]


def _calls(looks: Sequence[Seen], seconds: range) -> list[int]:
    until = [max((look.calls for look in looks if look.at_s < second + 1), default=0) for second in seconds]
    return [after - before for before, after in zip([0, *until], until, strict=False)]


def _shade(panel: Axes, looks: Sequence[Seen]) -> None:
    for phase in phases(looks):
        panel.axvspan(phase.begins_s, phase.ends_s, color=_STATES[phase.state], zorder=0, linewidth=0)
