"""The whole page from the records of a run: one file, no other host, nothing executed that the page does not name by hash."""

from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from html import escape
from importlib.resources import files
from pathlib import Path

from gateway.insight.events import Event
from gateway.insight.ledger import read_events
from gateway.insight.page.axis import SHORT_S, wall_clock
from gateway.insight.page.chart import Mark, Stretch, group
from gateway.insight.page.events import event_part
from gateway.insight.page.figures import Report, heroes, missing, promised
from gateway.insight.page.hours import hours_table
from gateway.insight.page.lanes import Kilo, asset_lane, close_looks, close_part, gauge_lanes, kilo, site_lanes
from gateway.insight.page.tongues import TAGS, both, said
from gateway.insight.page.tracks import Tracks, read_tracks
from gateway.insight.score import Signals, signals_of
from gateway.insight.trace import Recording
from gateway.insight.verdict import Promise

DEFS = (
    '<svg class="defs" aria-hidden="true"><defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><line class="hatch" x1="0" y1="0" x2="0" y2="6"/></pattern><pattern id="cross" '
    'width="6" height="6" patternUnits="userSpaceOnUse"><rect class="cross" width="6" height="6"/><path class="crossed" '
    'd="M0 0L6 6M6 0L0 6"/></pattern></defs></svg>'
)


@dataclass(frozen=True, slots=True)
class Heading:
    """What the records do not say: the run's name, the site's time zone, what was promised, the language to begin with."""

    name: str
    timezone: str
    promise: Promise
    language: str


def page(folder: Path, recording: Recording, report: Report, heading: Heading) -> str:
    """The page of a run whose files lie in the folder. ConfigError for events that cannot be read."""
    signals, tracks, events = signals_of(recording), read_tracks(folder), read_events(folder)
    began = wall_clock(tracks.begin_utc, heading.timezone)
    whole = Stretch(
        float(recording.trace.t_s[0]),
        recording.trace.end_s,
        began if recording.trace.end_s > SHORT_S else None,
        tuple(Mark(event.start_s, event.end_s) for event in events),
    )
    target = kilo(recording.trace.held("target_w"))
    parts = [
        part("page.result", f"{heroes(report)}{promised(report, heading.promise)}{missing(report)}"),
        part("page.run", group("".join(site_lanes(signals, target, whole)), whole)),
        close(signals, target, whole),
        part("page.assets", assets(tracks, whole)),
        part("page.state", state) if (state := gauges(tracks, whole)) else "",
        part("page.events", happened) if (happened := all_events(events, signals, target, report, whole)) else "",
        part("page.hours", table) if (table := hours_table(signals, whole)) else "",
    ]
    return document(heading, summary(report, whole.end_s - whole.begin_s, began, heading), "".join(parts))


def part(key: str, body: str) -> str:
    """A section with its heading."""
    return f"<section><h2>{both(key)}</h2>{body}</section>"


def close(signals: Signals, target: Kilo, whole: Stretch) -> str:
    """Ten minutes as they usually are, and the worst."""
    looks = "".join(close_part(key, stretch, signals, target) for key, stretch in close_looks(signals, whole))
    return part("page.close", looks) if looks else ""


def assets(tracks: Tracks, whole: Stretch) -> str:
    """A lane for each asset on one time axis."""
    return group("".join(asset_lane(escape(name), track, whole) for name, track in tracks.assets.items()), whole)


def gauges(tracks: Tracks, whole: Stretch) -> str:
    """Charge and temperatures; empty when nobody recorded any."""
    lanes = "".join(gauge_lanes(tracks, whole))
    return group(lanes, whole) if lanes else ""


def all_events(events: list[Event], signals: Signals, target: Kilo, report: Report, whole: Stretch) -> str:
    """Every event that began within the record."""
    return "".join(
        event_part(event, signals, target, report, whole)
        for event in events
        if whole.begin_s <= event.start_s < whole.end_s
    )


def summary(report: Report, span_s: float, began: datetime | None, heading: Heading) -> str:
    """How long, when, which seed, which version."""
    span = (
        f"{span_s / 3600.0:.1f} h"
        if span_s >= 7200.0
        else f"{span_s / 60.0:.0f} min"
        if span_s >= 180.0
        else f"{span_s:.0f} s"
    )
    when = "" if began is None else began.strftime("%Y-%m-%d %H:%M")
    seed = "–" if report["seed"] is None else report["seed"]
    return both("page.about", span=span, began=when, zone=heading.timezone, seed=seed, version=report["version"])


def document(heading: Heading, about: str, body: str, *, key: str = "page") -> str:
    """Head, policy, looks and script round the body; `key` is the prefix of the texts of title and foot."""
    here = files(__package__)
    css, script = ((here / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    policy = f"default-src 'none'; style-src '{digest(css)}'; script-src '{digest(script)}'; base-uri 'none'; form-action 'none'"
    titles = {of: said(f"{key}.title", of, name=heading.name) for of in TAGS}
    return (
        f'<!doctype html>\n<html lang="{TAGS[heading.language]}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{titles[heading.language]}</title>\n<style>{css}</style>\n</head>\n<body>\n{DEFS}"
        f'<a class="skip" href="#main">{both("page.skip")}</a>'
        f'<header><h1>{both(f"{key}.title", name=heading.name)}</h1><span class="sub">{about}</span>'
        f'<button id="tongue" hidden data-en="{titles["en"]}" data-zh="{titles["zh"]}"><span lang="en">中文</span>'
        f'<span lang="zh-CN">English</span></button><button id="theme" hidden>{both("page.theme")}</button></header>\n'
        f'<main id="main">{body}</main>\n<footer>{both(f"{key}.footer")}</footer>\n<script>{script}</script>\n</body>\n</html>\n'
    )


def digest(text: str) -> str:
    """How a content policy names an inline block."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
