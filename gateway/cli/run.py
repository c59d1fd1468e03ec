"""`gateway run`: the daemon."""

import asyncio
import gc
import os
import resource
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.complain import complain
from gateway.errors import ConfigError, ControlLost, StoreError
from gateway.texts import text


def run(
    site: Annotated[Path, typer.Argument(metavar="SITE.yaml", help="the site file")],
    state: Annotated[Path, typer.Option(help="where control state, outbox and audit live")] = Path("state"),
    shadow: Annotated[bool, typer.Option("--shadow", help="decide and log, write nothing")] = False,  # noqa: FBT002 - a flag
    trace: Annotated[Path | None, typer.Option(help="write trace.csv here")] = None,
    decisions: Annotated[Path | None, typer.Option(help="write a plain copy of the decision log here")] = None,
    origin: Annotated[float | None, typer.Option(help="boot time that t_s of the trace counts from")] = None,
    port: Annotated[
        int | None, typer.Option(help="first port tried for the dashboard instead of the site file's; 0: any")
    ] = None,
    dashboard: Annotated[bool, typer.Option(help="serve dashboard and API")] = True,  # noqa: FBT002 - a flag
    loop: Annotated[str, typer.Option(help="event loop: uvloop or asyncio")] = "uvloop",
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error")] = "info",
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
        raise typer.Exit(2) from exc
    except StoreError as exc:
        complain(exc)
        raise typer.Exit(3) from exc
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
        raise typer.Exit(2) from exc
    except StoreError as exc:
        complain(exc)
        raise typer.Exit(3) from exc
    except ControlLost as exc:
        complain(exc)
        raise typer.Exit(4) from exc


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
