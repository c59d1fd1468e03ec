"""The report as a page: it needs nothing else, runs only what it names, tells everything twice, and loses no spike."""

import ast
import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.insight.held import Held
from gateway.insight.page.axis import number, ticks, time_ticks, wall_clock
from gateway.insight.page.build import Heading, page
from gateway.insight.page.thin import thin
from gateway.insight.page.tracks import Words, read_tracks
from gateway.insight.report import report_of
from gateway.insight.trace import read_recording
from gateway.insight.verdict import Promise
from gateway.texts import words

ROOT = Path(__file__).parents[2]
START_MS = 1_784_160_000_000
"""2026-07-16T00:00Z."""
VOID = {"meta", "link", "br", "img", "input", "hr"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two hours at a row a second: regulation throughout, one demand response, one automatic response, a battery."""
    folder = tmp_path_factory.mktemp("run")
    head = "t_s,utc,mode,signal,capacity_w,basepoint_w,target_w,site_w,true_site_w,baseline_w"
    rows = [head + ",<b>.command_w,<b>.power_w,<b>.headroom_w,<b>.footroom_w,<b>.reason"]
    for t in range(7200):
        x = round(float(np.sin(t / 90.0)), 4)
        target = 600_000 - 200_000 * x
        site = target + 900_000 * (t == 3333) + 700 * (t % 5)
        asset = (
            f"{-200_000 * x:.0f},{-200_000 * x:.0f},1,1,{'max' if abs(x) > 0.99 else 'target'}"
            if t % 3 == 0
            else ",,,,"
        )
        baseline = 650_000 if 3600 <= t < 5400 else ""
        rows.append(
            f"{t},2026-07-16T00:00:00.000Z,remote,{x},200000,600000,{target:.1f},{site:.1f},{site:.1f},{baseline},{asset}"
        )
    (folder / "trace.csv").write_text("\n".join(rows), encoding="utf-8")
    events = [
        {"id": "dr<1>", "service": "dr", "start_s": 3600, "for_s": 1800, "shed_w": 50_000},
        {"id": "ar2", "service": "ar", "start_s": 6000, "for_s": 600, "shed_w": 50_000},
    ]
    (folder / "events.json").write_text(json.dumps(events), encoding="utf-8")
    lines = [
        {
            "t_s": 7000.0 + 60.0 * at,
            "utc_ms": START_MS + 60_000 * at,
            "stale_after_s": {},
            "in": {"readings": {"b/battery.soc": [50.0 + at, 0, 0, 0.0]}},
        }
        for at in range(3)
    ]
    text = "\n".join(json.dumps(line, separators=(",", ":")) for line in lines)
    (folder / "decisions.jsonl").write_text(text + '\n{"t_s":9,"in"', encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def html(folder):
    recording = read_recording(folder / "trace.csv")
    return page(folder, recording, report_of(recording, folder), Heading("a<b", "Asia/Shanghai", Promise(), "en"))


class Reader(HTMLParser):
    """Collects tags, and finds those that are not closed."""

    def __init__(self):
        super().__init__()
        self.tags, self.open, self.faults = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append((tag, self.getpos()))


@pytest.fixture(scope="module")
def read(html):
    reader = Reader()
    reader.feed(html)
    return reader


def test_the_page_is_well_formed(read):
    assert read.faults == []
    assert read.open == []


def test_the_page_names_no_other_file_or_host(read, html):
    references = [
        value for _, attrs in read.tags for name, value in attrs.items() if name in ("src", "href", "srcset", "action")
    ]
    assert [one for one in references if not one.startswith("#")] == []
    assert re.findall(r"url\((?!#)|@import|https?:", html) == []


def test_the_page_runs_and_wears_only_what_its_policy_names_by_hash(read, html):
    policy = next(attrs["content"] for tag, attrs in read.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    for tag in ("style", "script"):
        inline = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        assert len(inline) == 1
        assert b64encode(sha256(inline[0].encode()).digest()).decode() in policy
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    forbidden = [(tag, name) for tag, attrs in read.tags for name in attrs if name == "style" or name.startswith("on")]
    assert forbidden == []


def test_names_from_the_records_cannot_become_markup(html):
    assert "<b>" not in html
    assert "dr<1>" not in html
    assert "a<b" not in html
    assert "&lt;b&gt;" in html


def test_everything_is_told_in_both_languages(read):
    tongues = [attrs["lang"] for tag, attrs in read.tags if tag == "span" and "lang" in attrs]
    assert tongues.count("en") == tongues.count("zh-CN") > 50


def test_every_key_of_the_page_has_a_text():
    used = {
        call.args[0].value
        for path in (ROOT / "gateway/insight/page").glob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in ("both", "said", "part")
        if call.args and isinstance(call.args[0], ast.Constant)
    }
    assert len(used) > 30
    assert used - set(words("en")) == set()


def test_the_page_shows_its_figures_events_assets_and_gauges(html):
    text = re.sub(r"<style>.*?</style>|<script>.*?</script>|<[^>]+>", " ", html, flags=re.DOTALL)
    for wanted in (
        "PJM score",
        "Demand response dr&lt;1&gt;",
        "Automatic response ar2",
        "&lt;b&gt;",
        "State of charge, b",
        "its upper limit",
        "需求响应",
        "2.0 h from 2026-07-16 08:00",
    ):
        assert wanted in text, wanted
    assert "1,5" in text  # the spike of 1.5 MW is on the axis


def test_every_picture_says_in_words_what_it_shows(html):
    figures = re.findall(r"<figure.*?</figure>", html, re.DOTALL)
    assert len(figures) >= 7
    assert all(" to " in figure and "<h3>" in figure for figure in figures)


def test_a_long_run_makes_no_larger_page(html):
    assert len(html.encode()) < 600_000


def test_without_a_signal_or_events_there_is_still_a_page(tmp_path):
    rows = ["t_s,site_w,a.command_w,a.power_w,a.headroom_w,a.footroom_w,a.reason"] + [
        f"{t},5000,1,,,,safe" for t in range(5)
    ]
    (tmp_path / "trace.csv").write_text("\n".join(rows), encoding="utf-8")
    recording = read_recording(tmp_path / "trace.csv")
    html = page(tmp_path, recording, report_of(recording, tmp_path), Heading("x", "", Promise(samples=False), "zh"))
    reader = Reader()
    reader.feed(html)
    assert (reader.faults, reader.open) == ([], [])
    assert '<html lang="zh-CN">' in html


def test_tracks_keep_changes_only_and_pass_over_a_cut_off_line(folder):
    tracks = read_tracks(folder)
    assert list(tracks.assets) == ["<b>"]
    assert tracks.mode.word == ("remote",)
    assert tracks.gauges["b/battery.soc"].value.tolist() == [50.0, 51.0, 52.0]
    assert tracks.gauges["b/battery.soc"].t_s.tolist() == [0.0, 60.0, 120.0]


def test_a_word_s_share_is_the_time_it_held():
    assert Words((0.0, 30.0, 90.0), ("a", "b", "a"), 100.0).shares() == {"b": 0.6, "a": 0.4}


@st.composite
def records(draw):
    gaps = draw(st.lists(st.floats(0.05, 3.0), min_size=1, max_size=30))
    times = np.cumsum(gaps)
    values = draw(
        st.lists(st.one_of(st.floats(-1e3, 1e3), st.just(float("nan"))), min_size=len(gaps), max_size=len(gaps))
    )
    return Held(times, np.array(values), float(times[-1] + draw(st.floats(0.1, 3.0))))


@settings(max_examples=60, deadline=None)
@given(records(), st.integers(1, 12), st.floats(-5.0, 5.0), st.floats(1.0, 60.0))
def test_no_column_of_a_picture_loses_a_value(held, count, begin_s, span_s):
    edges = np.linspace(begin_s, begin_s + span_s, count + 1)
    found = thin(held, edges)
    ends = np.append(held.t_s[1:], held.end_s)
    for at in range(count):
        inside = [
            value
            for value, start, stop in zip(held.value, held.t_s, ends, strict=True)
            if start < edges[at + 1] and stop > edges[at] and np.isfinite(value)
        ]
        if not inside:
            assert np.isnan(found.mean[at])
            continue
        assert (found.least[at], found.most[at]) == (min(inside), max(inside))
        assert min(inside) - 1e-6 <= found.mean[at] <= max(inside) + 1e-6


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_few_round_and_hold_the_range(low, span):
    found = ticks(low, low + span)
    assert found[0] <= low + 1e-6 * span
    assert found[-1] >= low + span * (1 - 1e-6)
    assert 2 <= len(found) <= 8


@pytest.mark.parametrize(
    ("value", "step", "expected"),
    [(1234.5, 100, "1,234"), (-0.04, 0.1, "0.0"), (-12.5, 0.5, "−12.5"), (23.7, 0.2, "23.7")],
)
def test_a_number_has_the_decimals_of_its_step(value, step, expected):
    assert number(value, step) == expected


def test_time_is_marked_by_the_site_s_clock():
    begin = wall_clock("2026-07-16T15:50:00.000Z", "Asia/Shanghai")
    assert begin is not None
    assert [shown for _, shown in time_ticks(0.0, 3000.0, begin)] == [
        f"{h:02d}:{m:02d}" for h, m in ((23, 50), (0, 0), (0, 10), (0, 20), (0, 30), (0, 40))
    ]
    assert time_ticks(0.0, 90.0, None)[1][1] == "0:15"
    assert wall_clock("", "Asia/Shanghai") is None
