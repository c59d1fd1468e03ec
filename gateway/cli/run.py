"""`gateway run`: the daemon."""

import asyncio
import gc
import os
import resource
import sys
from argparse import ArgumentParser, BooleanOptionalAction
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from gateway.cli.complain import complain
from gateway.errors import ConfigError, ControlLost, StoreError
from gateway.texts import text


def app(args: Sequence[str], prog_name: str) -> None:
    """Take the arguments apart and run. By argparse: what the other commands use costs a sixth of the daemon's start."""
    parser = ArgumentParser(prog_name, description=run.__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("site", type=Path, metavar="SITE.yaml", help="the site file")
    add("--state", type=Path, metavar="DIR", default=Path("state"), help="where control state, outbox and audit live")
    add("--shadow", action="store_true", help="decide and log, write nothing")
    add("--trace", type=Path, metavar="FILE", help="write trace.csv here")
    add("--decisions", type=Path, metavar="FILE", help="write a plain copy of the decision log here")
    add("--origin", type=float, metavar="S", help="boot time that t_s of the trace counts from")
    add("--port", type=int, metavar="N", help="first port tried for the dashboard instead of the site file's; 0: any")
    add("--dashboard", action=BooleanOptionalAction, default=True, help="serve dashboard and API")
    add("--loop", choices=("uvloop", "asyncio"), default="uvloop", help="event loop")
    levels = ("debug", "info", "warning", "error")
    add("--log-level", type=str.lower, choices=levels, default="info", help="the least that is logged")
    run(**vars(parser.parse_args(args)))


def run(
    site: Path,
    *,
    state: Path,
    shadow: bool,
    trace: Path | None,
    decisions: Path | None,
    origin: float | None,
    port: int | None,
    dashboard: bool,
    loop: str,
    log_level: str,
) -> None:
    """Control a site until SIGTERM. Exit 2 bad configuration, 3 store unusable, 4 control lost."""
    gc.disable()  # until all is built: nearly nothing of it is garbage, and the collector would look at it a hundred times
    from gateway import applied
    from gateway.log import configure

    configure(level=log_level)
    try:
        begun = applied.begin(site, state)
    except ConfigError as exc:
        complain(exc)
        raise SystemExit(2) from exc
    except StoreError as exc:
        complain(exc)
        raise SystemExit(3) from exc
    configured = begun.configured.site
    if begun.why:
        print(text("run.not_used", file=site, why=begun.why), file=sys.stderr)

    from gateway.app import App
    from gateway.clock import SystemClock
    from gateway.notify import Notifier
    from gateway.options import Options

    listen = configured.dashboard if port is None else replace(configured.dashboard, port=port)
    options = Options(
        state=state,
        shadow=shadow,
        trace=trace,
        decisions=decisions,
        origin_s=origin,
        site_file=site,
        configured=begun.configured,
        not_used=begun.why,
        dashboard=listen if dashboard else None,
        on_url=lambda url: _tell(url, state),
    )

    async def serve() -> None:
        app = App(
            configured, begun.configured.profiles, SystemClock(), options, Notifier(os.environ.get("NOTIFY_SOCKET"))
        )
        _make_room()
        await app.run()

    try:
        with asyncio.Runner(loop_factory=_factory(loop)) as runner:
            runner.run(serve())
    except ConfigError as exc:
        complain(exc)
        raise SystemExit(2) from exc
    except StoreError as exc:
        complain(exc)
        raise SystemExit(3) from exc
    except ControlLost as exc:
        complain(exc)
        raise SystemExit(4) from exc


def _make_room() -> None:
    """As many descriptors as allowed: every line is one. What was built lives for ever: the collector need not look."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    gc.freeze()
    gc.set_threshold(10_000, 20, 100)
    gc.enable()


def _tell(url: str, state: Path) -> None:
    """Where the dashboard is; until it has an owner, where the code for the first one lies: not the code itself."""
    print(text("run.dashboard", url=url), flush=True)
    if (code := state / "setup-code").exists():
        print(text("run.setup", file=code), flush=True)


def _factory(name: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    if name == "uvloop":
        try:
            import uvloop
        except ImportError:  # not on this platform: the standard loop does the same, slower
            return None
        factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
        return factory
    return None
