"""What bound an asset, as a strip along the time axis and as shares of the time in words."""

import numpy as np

from gateway.insight.page.axis import percent
from gateway.insight.page.chart import Stretch
from gateway.insight.page.thin import COLUMNS
from gateway.insight.page.tongues import known
from gateway.insight.page.tracks import Words

FREE = frozenset({"target", "rest"})
OFF = frozenset(
    {
        "safe",
        "not_following",
        "offline",
        "returning",
        "not_offered",
        "soc_unknown",
        "comfort_unknown",
        "cycles",
        "interlock",
        "manual",
        "frozen",
    }
)
LOOKS = ("free", "bound", "off")
FEWEST = 0.005
"""A share of the time below this is not told."""


def look(reason: str) -> str:
    """How a reason looks: free, at a limit, or not to be had."""
    code = reason.partition(":")[0]
    return "free" if code in FREE else "off" if code in OFF else "bound"


def strip(words: Words, stretch: Stretch) -> str:
    """Per column the look that held longest; blank where it was free."""
    edges = stretch.edges_s
    bounds = np.append(words.t_s, words.end_s)
    looks = [look(word) for word in words.word]
    weights = []
    for name in LOOKS:
        spans = np.where([one == name for one in looks], np.diff(bounds), 0.0)
        weights.append(np.diff(np.interp(edges, bounds, np.concatenate(([0.0], np.cumsum(spans))))))
    chosen = np.argmax(np.array(weights), axis=0)
    turns = np.flatnonzero(np.diff(chosen)) + 1
    begins, stops = np.append(0, turns), np.append(turns, COLUMNS)
    rects = "".join(
        f'<rect class="{LOOKS[chosen[begin]]}" x="{100.0 * begin / COLUMNS:.3f}%" '
        f'width="{100.0 * (stop - begin) / COLUMNS:.3f}%" y="0" height="100%"/>'
        for begin, stop in zip(begins.tolist(), stops.tolist(), strict=True)
        if LOOKS[chosen[begin]] != "free"
    )
    return f'<svg class="strip" aria-hidden="true">{rects}</svg>'


def told(words: Words) -> str:
    """The reasons by their share of the time, largest first."""
    parts = [
        f'<span class="why {look(word)}"><svg class="swatch" aria-hidden="true"><rect class="{look(word)}" width="100%" '
        f'height="100%"/></svg>{known("page.reason", word)} {percent(share, 0)}</span>'
        for word, share in words.shares().items()
        if share >= FEWEST and word
    ]
    return "".join(parts)
