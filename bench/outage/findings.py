"""What the outage came to, told from the answers and the looks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import groupby
from statistics import quantiles

from bench.outage.plan import Plan
from bench.outage.users import PAID, Answer, is_taken
from bench.outage.watching import Seen
from bench.report import Figure
from gdmarket.breaker.models import State

# Other processes know of a change within 250 ms, and what was under way then is over after the time-out.
_KNOWN_S = 0.25


@dataclass(frozen=True, kw_only=True, slots=True)
class Phase:
    """For how long the breaker stood so, and how many calls reached the provider meanwhile."""

    state: str
    begins_s: float
    ends_s: float
    calls: int
    charges: int


def phases(looks: Sequence[Seen]) -> list[Phase]:
    """Return how the breaker stood, one after the other."""
    runs = [list(run) for _, run in groupby(looks, key=lambda look: look.state)]
    return [
        Phase(
            state=run[0].state,
            begins_s=run[0].at_s,
            ends_s=after[0].at_s if after else run[-1].at_s,
            calls=(after or run)[0 if after else -1].calls - run[0].calls,
            charges=(after or run)[0 if after else -1].charges - run[0].charges,
        )
        for run, after in zip(runs, [*runs[1:], []], strict=True)
    ]


def figures(*, plan: Plan, answers: Sequence[Answer], looks: Sequence[Seen]) -> list[Figure]:
    """Return the figures, beside what was aimed at."""
    stood = phases(looks)
    settled_s = plan.timeout_ms / 1000 + _KNOWN_S
    open_ = [phase for phase in stood if phase.state == State.OPEN]
    trials = [phase for phase in stood if phase.state == State.HALF_OPEN]
    others = [answer for answer in answers if answer.wish != PAID]
    refused = [
        answer
        for answer in answers
        if answer.wish == PAID
        and answer.status == HTTPStatus.SERVICE_UNAVAILABLE
        and any(phase.begins_s + settled_s <= answer.asked_s and answer.answered_s <= phase.ends_s for phase in open_)
    ]
    return [
        Figure(what="requests in all", values=[len(answers)], unit=""),
        Figure(what="without payment: taken", values=[100 * _share(others)], unit="%", aim="100"),
        Figure(what="with payment: taken", values=[sum(is_taken(a.status) for a in answers if a.wish == PAID)], unit=""),
        Figure(what="with payment: 503 while open", values=[len(refused)], unit=""),
        Figure(what="with payment: 503 while open, p50", values=[_cut(refused, 50)], unit="ms"),
        Figure(what="with payment: 503 while open, p99", values=[_cut(refused, 99)], unit="ms", aim="at most 50"),
        Figure(what="answers that are neither taken nor 503", values=[_odd(answers)], unit="", aim="0"),
        Figure(what="calls to the provider while open", values=[sum(_calls_while_open(looks, open_, settled_s))], unit="", aim="0"),
        Figure(what="trials (half-open)", values=[len(trials)], unit=""),
        Figure(
            what="most charges let through in one trial", values=[max((t.charges for t in trials), default=0)], unit="", aim="at most 2"
        ),
        Figure(
            what="closed again after the provider was well", values=[_healed_s(plan, stood)], unit="s", aim=_aim_of_healing(plan, open_)
        ),
    ]


def _share(answers: Sequence[Answer]) -> float:
    return sum(is_taken(answer.status) for answer in answers) / len(answers)


def _cut(answers: Sequence[Answer], percent: int) -> float:
    return quantiles([answer.latency_ms for answer in answers], n=100)[percent - 1] if len(answers) > 1 else 0.0


def _odd(answers: Sequence[Answer]) -> int:
    return sum(not is_taken(answer.status) and answer.status != HTTPStatus.SERVICE_UNAVAILABLE for answer in answers)


def _calls_while_open(looks: Sequence[Seen], open_: Sequence[Phase], settled_s: float) -> Iterator[int]:
    for phase in open_:
        within = [look.calls for look in looks if phase.begins_s + settled_s <= look.at_s < phase.ends_s]
        yield within[-1] - within[0] if within else 0


def _healed_s(plan: Plan, stood: Sequence[Phase]) -> float:
    closed = [phase.begins_s for phase in stood if phase.state == State.CLOSED and phase.begins_s > plan.recovers_at_s]
    return closed[0] - plan.recovers_at_s if closed else float("inf")


def _aim_of_healing(plan: Plan, open_: Sequence[Phase]) -> str:
    during = [phase.ends_s - phase.begins_s for phase in open_ if phase.begins_s < plan.recovers_at_s]
    return f"at most {2 * during[-1]:.0f}" if during else ""
