"""The list of commands; each lives in a file of its own, which is imported when it is called."""

import os
import sys
from importlib import import_module

COMMANDS = (
    "demo",
    "run",
    "check",
    "apply",
    "simulate",
    "score",
    "scan",
    "new",
    "decode",
    "profile",
    "watch",
    "commission",
    "selftest",
    "lines",
    "read",
    "write",
    "emulate",
    "audit",
    "user",
    "backup",
    "restore",
    "support",
    "report",
    "export",
    "replay",
)


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
    if name not in COMMANDS:
        _overview(wrong=name)
        raise SystemExit(0 if name in ("", "--help", "-h") else 2)
    module = import_module(f"gateway.cli.{name}")
    app = getattr(module, "app", None)
    if app is None:
        import typer  # the daemon does without

        from gateway.cli.spoken import Spoken

        app = typer.Typer(add_completion=False)
        app.command(name=name, cls=Spoken)(getattr(module, name))
    try:
        app(args=arguments[1:], prog_name=f"gateway {name}")
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _overview(wrong: str) -> None:
    from gateway.texts import text

    if wrong and not wrong.startswith("-"):
        print(text("help.no_such", wrong=wrong), file=sys.stderr)
    print(text("help.usage") + "\n")
    for name in COMMANDS:
        print(f"  {name:10} {text(f'help.{name}')}")
    print("\n" + text("help.more"))
