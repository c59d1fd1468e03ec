"""`gateway report`: what a period used, cost and emitted, and what events delivered, with the evidence."""

import json
import os
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from gateway.cli.complain import complain
from gateway.errors import ConfigError, StoreError
from gateway.texts import language, text

FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S"]


def report(
    from_: Annotated[datetime | None, typer.Option("--from", formats=FORMATS, help="option.report.from")] = None,
    to: Annotated[datetime | None, typer.Option(formats=FORMATS, help="option.report.to")] = None,
    site: Annotated[Path | None, typer.Option(metavar="SITE.yaml", help="option.report.site")] = None,
    state: Annotated[Path, typer.Option(help="option.state")] = Path("state"),
    settlement: Annotated[str, typer.Option(help="option.report.settlement")] = "usual",
    as_json: Annotated[bool, typer.Option("--json", help="option.report.json")] = False,  # noqa: FBT002 - a flag
    out: Annotated[Path | None, typer.Option(metavar="report.html", help="option.report.out")] = None,
) -> None:
    """Report a period; the gateway may run meanwhile. Exit 2 bad site file or arguments, 3 no history."""
    from gateway.clock import SystemClock
    from gateway.config.read import load_site, profiles_of
    from gateway.insight.settlement import SETTLEMENTS
    from gateway.lastsite import remembered
    from gateway.reckoning import in_json, reckon

    if settlement not in SETTLEMENTS:
        raise typer.BadParameter(text("refused.choice", given=settlement, known=", ".join(SETTLEMENTS)))
    file = remembered(state) if site is None else site
    if file is None:
        raise typer.BadParameter(text("usage.which_site", state=state))
    try:
        configured = load_site(file)
        profiles = profiles_of(configured)
        window = _window(from_, to, configured.timezone, SystemClock().utc_ms())
        found = reckon(configured, profiles, state, from_ms=window[0], to_ms=window[1], rules=SETTLEMENTS[settlement])
        if out is not None:
            from gateway.insight.page.usage import usage_page

            page = usage_page(in_json(found), language=language(os.environ))
            out.write_text(page, encoding="utf-8")
    except ConfigError as exc:
        complain(exc)
        raise typer.Exit(2) from exc
    except (StoreError, sqlite3.Error, OSError) as exc:
        complain(exc)
        raise typer.Exit(3) from exc
    if as_json:
        print(json.dumps(in_json(found), indent=2, allow_nan=False))
        return
    from gateway.cli.report_lines import lines_of

    for line in lines_of(in_json(found)):
        print(line)
    if out is not None:
        print(text("usage.written", file=out))


def _window(from_: datetime | None, to: datetime | None, timezone: str, now_ms: int) -> tuple[int, int]:
    """The period in UTC ms; what is to come is left out."""
    zone = ZoneInfo(timezone)
    now = datetime.fromtimestamp(now_ms / 1000.0, zone)
    begin = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0) if from_ is None else from_
    end = now if to is None else to
    if to is not None and to.hour == to.minute == to.second == 0:
        end = to + timedelta(days=1)  # a day is meant whole
    first, last = (round(one.replace(tzinfo=zone).timestamp() * 1000.0) for one in (begin, end))
    last = min(last, now_ms)
    if first >= last:
        raise typer.BadParameter(text("export.window"))
    return first, last
