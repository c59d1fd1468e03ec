"""The list of commands; each lives in a file of its own, which is imported when it is called."""

import os
import sys
from importlib import import_module

import typer

HELP = {
    "demo": "The main job in real time over real sockets, as three processes.",
    "run": "The daemon: control a site.",
    "check": "Every error of site files, profiles and scenarios, with its place.",
    "apply": "A running gateway takes a site file over, or goes back.",
    "simulate": "The same control code and a plant in virtual time.",
    "score": "Score a trace.",
    "scan": "What is on an IP range, a serial line or an OPC UA server; proposes a site file.",
    "new": "A guided start of a site file.",
    "decode": "Raw registers in every type and order, plausible ones marked.",
    "profile": "Try a profile, or make one from a table of registers.",
    "watch": "The site of a running gateway, live in the terminal.",
    "commission": "The acceptance test of a site, and a report a person can sign.",
    "selftest": "Measure what an asset is capable of, by safe steps.",
    "lines": "How each line and each device on it does; the bytes of a line.",
    "read": "Read points of a device once.",
    "write": "Write one control of a device once, after asking.",
    "emulate": "The devices of a scenario alone, for a test bench.",
    "audit": "The audit chain.",
    "user": "Who may use the dashboard; a link that logs in once.",
    "backup": "Site and state in one signed archive.",
    "restore": "Site and state back from an archive.",
    "support": "A bundle for who helps, without secrets.",
    "report": "What a period used, cost and emitted; events with their evidence.",
    "export": "History out as CSV or Parquet.",
    "replay": "Run the steps of a decision log again and compare.",
}


SETTINGS = {
    "OPENBLAS_NUM_THREADS": "1",  # our matrices are small: its threads would only spin beside the first one
    "PYDANTIC_DISABLE_PLUGINS": "__all__",  # nobody else takes part in checks, and none is looked for in every package
}
"""What libraries read from the environment when they are first imported; who sets it otherwise is obeyed."""


def main() -> None:
    """Run the command named by the first argument; exit codes as documented in docs/commands.md."""
    os.environ.update(SETTINGS | os.environ)
    arguments = sys.argv[1:]
    name = arguments[0] if arguments else ""
    if name in ("--version", "-V"):
        from gateway import __version__

        print(f"vpp-gateway {__version__}")
        return
    if name not in HELP:
        _overview(wrong=name)
        raise SystemExit(0 if name in ("", "--help", "-h") else 2)
    module = import_module(f"gateway.cli.{name}")
    app = getattr(module, "app", None)
    if app is None:
        app = typer.Typer(add_completion=False, help=HELP[name])
        app.command(name=name)(getattr(module, name))
    try:
        app(args=arguments[1:], prog_name=f"gateway {name}")
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _overview(wrong: str) -> None:
    if wrong and not wrong.startswith("-"):
        print(f"gateway: there is no command {wrong!r}", file=sys.stderr)
    print("usage: gateway COMMAND …\n")
    for name, sentence in HELP.items():
        print(f"  {name:10} {sentence}")
    print("\n`gateway COMMAND --help` tells more.")
