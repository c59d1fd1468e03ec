"""What `gateway simulate` and `gateway demo` leave behind: report.json, and the same as a page in report.html."""

import json
import os
from pathlib import Path
from typing import Any

from gateway.insight.page.build import Heading, page
from gateway.insight.report import report_of
from gateway.insight.trace import read_recording
from gateway.insight.verdict import Promise
from gateway.texts import language


def write_report(folder: Path, name: str, timezone: str, promise: Promise) -> dict[str, Any]:
    """Make both from the records of the run in the folder; the report. ConfigError for a record that cannot be read."""
    recording = read_recording(folder / "trace.csv")
    report = report_of(recording, folder)
    (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    heading = Heading(name, timezone, promise, language(os.environ))
    (folder / "report.html").write_text(page(folder, recording, report, heading), encoding="utf-8")
    return report
