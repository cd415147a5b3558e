"""The scaling as a picture."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot as plt  # after the choice of what it draws with

from bench.autoscale.scaling import Look

_INK, _SERVING, _WANTED, _USED, _ASKED = "#333333", "#4477aa", "#cc6677", "#228833", "#88ccee"


def draw(*, looks: Sequence[Look], aim: int, load_s: tuple[float, float], path: Path) -> None:
    """Write the picture to `path`: replicas, what they use of their request, and requests a second."""
    mpl.rcParams.update(
        {"svg.fonttype": "none", "svg.hashsalt": "gdmarket", "font.size": 10, "axes.spines.top": False, "axes.spines.right": False}
    )
    at_s = [look.at_s for look in looks]
    figure, axes = plt.subplots(3, 1, figsize=(9, 6.5), sharex=True, height_ratios=[3, 2, 2], layout="constrained")
    replicas, used, asked = axes
    replicas.step(at_s, [look.wanted for look in looks], where="post", color=_WANTED, linestyle="--", label="wanted by the rule")
    replicas.step(at_s, [look.serving for look in looks], where="post", color=_SERVING, linewidth=2, label="serving")
    replicas.set_title("Replicas", loc="left")
    used.plot(at_s, [100 * look.utilisation for look in looks], color=_USED, marker=".", label="used")
    used.axhline(aim, color=_INK, linestyle="--", linewidth=1, label="aim")
    used.set_title("CPU of a replica, % of its request", loc="left")
    rates = [(after.requests - before.requests) / (after.at_s - before.at_s) for before, after in pairwise(looks)]
    asked.step(at_s[1:], rates, where="pre", color=_ASKED, linewidth=2, label="answered")
    asked.set_title("Requests a second", loc="left")
    asked.set_xlabel("seconds")
    for panel in axes:
        panel.set_ylim(bottom=0)
        panel.axvspan(*load_s, color="#fff3c4", zorder=0, linewidth=0)
        panel.legend(loc="upper right", frameon=True, framealpha=0.9)
    figure.savefig(path, format="svg", metadata={"Date": None, "Title": "Replicas follow the load"})
