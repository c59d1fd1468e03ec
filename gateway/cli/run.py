"""`gateway run`: the daemon."""

import asyncio
import gc
import os
import resource
import sys
from argparse import ArgumentParser, BooleanOptionalAction
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from gateway.cli.complain import complain
from gateway.errors import ConfigError, ControlLost, StoreError
from gateway.texts import text

ARGUMENTS: Mapping[str, Mapping[str, Any]] = {
    "site": {"type": Path, "metavar": "SITE.yaml"},
    "--state": {"type": Path, "metavar": "DIR", "default": Path("state")},
    "--shadow": {"action": "store_true"},
    "--trace": {"type": Path, "metavar": "FILE"},
    "--decisions": {"type": Path, "metavar": "FILE"},
    "--origin": {"type": float, "metavar": "S"},
    "--port": {"type": int, "metavar": "N"},
    "--dashboard": {"action": BooleanOptionalAction, "default": True},
    "--loop": {"choices": ("uvloop", "asyncio"), "default": "uvloop"},
    "--log-level": {"type": str.lower, "choices": ("debug", "info", "warning", "error"), "default": "info"},
}
"""As argparse takes them; what each is: a text below `option.run.`."""


class _Parser(ArgumentParser):
    """One that says in the reader's language what it cannot take."""

    def error(self, message: str) -> NoReturn:
        """Say it and end."""
        from gateway.cli.misuse import misuse

        print(misuse(message, command=self.prog), file=sys.stderr)
        raise SystemExit(2)


def app(args: Sequence[str], prog_name: str) -> None:
    """Take the arguments apart and run. By argparse: what the other commands use costs a sixth of the daemon's start."""
    if {"--help", "-h"} & set(args):
        print(_help(prog_name), end="")
        raise SystemExit(0)
    parser = _Parser(prog_name, add_help=False, allow_abbrev=False)
    for name, how in ARGUMENTS.items():
        parser.add_argument(name, **how)
    run(**vars(parser.parse_args(args)))


def _help(prog_name: str) -> str:
    from gateway.cli.helpsheet import Row, Sheet, page

    names = {name: how.get("metavar") or "|".join(how.get("choices", ())) for name, how in ARGUMENTS.items()}
    names["--dashboard"] = "/ --no-dashboard"
    rows = [Row(f"{name} {names[name]}".rstrip(), _says(name)) for name in ARGUMENTS if name != "site"]
    site = Row(names["site"], _says("site"))
    usage = f"{prog_name} [{text('help.options')}] {site.names}"
    return page(Sheet(usage, "about.run", [site], [*rows, Row("--help", text("help.this"))]))


def _says(name: str) -> str:
    word = name.removeprefix("--").replace("-", "_")
    says, default = text("option.site" if word == "site" else f"option.run.{word}"), ARGUMENTS[name].get("default")
    return says if default in (None, True) else f"{says} [{text('help.default', value=default)}]"


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
    gc.set_threshold(
        50_000, 1_000, 1_000
    )  # until all is built: only what is new, seldom; nearly nothing of it is garbage
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
