"""What every test shares: example counts, tiers, what a skip means, and the record of the fault tests."""

import json
import os
from collections import Counter
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest
import yaml
from hypothesis.configuration import set_hypothesis_home_dir

from tests.needs import namespaces_refused

ROOT = Path(__file__).parents[1]
FAULTS = ROOT / "tests" / "faults.yaml"
RECORD = ROOT / ".cache" / "faults.json"
AGAINST_THE_CLOCK = {
    "scenarios",
    "contracts",
    "dashboard",
    "field",
    "uplink",
    "test_demo.py",
    "test_read_write.py",
    "test_run.py",
}
"""Sockets and processes in real time: a virtual machine that stops for a moment fails them, so each is given two more tries,
which the summary counts."""
SOAK = bool(os.environ.get("GATEWAY_SOAK"))
NO_SKIP = bool(os.environ.get("GATEWAY_NO_SKIP"))

# I-…: at least 500 examples per push, the same for the same commit; 10,000 nightly, others every time, those that failed are kept
set_hypothesis_home_dir(ROOT / ".cache" / "hypothesis")
SLOW = [hypothesis.HealthCheck.too_slow]
for name, examples in (("quick", 50), ("ci", 500), ("soak", 10_000)):
    hypothesis.settings.register_profile(
        name, max_examples=examples, derandomize=not SOAK, deadline=None, suppress_health_check=SLOW
    )
hypothesis.settings.load_profile("soak" if SOAK else "ci" if NO_SKIP else "quick")


@pytest.fixture(scope="session")
def soak() -> bool:
    """Whether full times and counts are asked for instead of compressed ones."""
    return SOAK


def fault_ids(item: pytest.Item) -> set[str]:
    """The ids an item claims to cover."""
    return {str(fault) for mark in item.iter_markers("fault") for fault in mark.args}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse ids that no list knows; skip what this run or this kernel cannot do."""
    known = yaml.safe_load(FAULTS.read_text(encoding="utf-8"))
    for item in items:
        if strangers := sorted(fault_ids(item) - set(known)):
            raise pytest.UsageError(f"{item.nodeid}: {FAULTS.name} has no {', '.join(strangers)}")
        if AGAINST_THE_CLOCK.intersection(item.path.parts):
            item.add_marker(pytest.mark.flaky(reruns=2))
        if item.get_closest_marker("tier_s") and not SOAK:
            item.add_marker(pytest.mark.skip(reason="tier S: `make soak` runs it"))
        if item.get_closest_marker("tier_r") and (refused := namespaces_refused()):
            item.add_marker(pytest.mark.skip(reason=f"tier R: {refused}"))


def reason_of(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Why a test was skipped."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


def refuse_skip(report: pytest.TestReport | pytest.CollectReport, *, excused: bool) -> None:
    """Turn a skip into a failure where nothing may be missing."""
    if NO_SKIP and report.skipped and not excused and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, but GATEWAY_NO_SKIP is set: {reason_of(report)}"


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A whole module that skips itself is a skip as well."""
    report = yield
    refuse_skip(report, excused=False)
    return report


RESULTS: dict[str, dict[str, str]] = {}
"""Fault id -> node id -> passed, failed or skipped."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Judge skips, and say in the report which faults the test covers."""
    report = yield
    excused = bool(item.get_closest_marker("tier_s")) or bool(
        item.get_closest_marker("tier_r") and namespaces_refused()
    )
    refuse_skip(report, excused=excused)
    report.user_properties.append(("faults", sorted(fault_ids(item))))
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note what became of every fault test, here or in a worker."""
    for fault in dict(report.user_properties).get("faults", ()):
        tests = RESULTS.setdefault(str(fault), {})
        if report.when == "call" or not report.passed:
            tests[report.nodeid] = report.outcome if tests.get(report.nodeid) != "failed" else "failed"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave the results of the fault tests for `make faults`."""
    if RESULTS and not hasattr(session.config, "workerinput"):
        RECORD.parent.mkdir(exist_ok=True)
        RECORD.write_text(json.dumps(RESULTS, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List what was skipped, and what would bring it."""
    reasons = Counter(reason_of(report) for report in terminalreporter.stats.get("skipped", []))
    if reasons:
        terminalreporter.section("not tested on this machine")
        for reason, count in sorted(reasons.items()):
            terminalreporter.write_line(f"{count:4d} x {reason}")
