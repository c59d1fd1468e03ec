"""Commands of typer whose help is texts by key: `help="option.…"`, and what they do below `about.`."""

import sys
from collections.abc import Callable, Iterator
from enum import Enum
from inspect import Parameter, signature
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

import typer
from typer.core import TyperCommand, TyperGroup
from typer.models import ArgumentInfo, OptionInfo

from gateway.cli.helpsheet import Row, Sheet, page
from gateway.cli.misuse import misuse_of
from gateway.texts import text

METAVARS: dict[object, str] = {Path: "PATH", str: "TEXT", int: "N", float: "X"}


class _Telling:
    """A command that tells in the reader's language what it cannot take."""

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run; ends with an exit code like the parser's own, but for what it says."""
        if not standalone_mode:
            return super().main(*args, standalone_mode=False, **extra)  # type: ignore[misc]  # a command follows in the order
        try:
            code = super().main(*args, standalone_mode=False, **extra)  # type: ignore[misc]  # the same
        except typer.TyperException as exc:
            is_help = type(exc).__name__ == "NoArgsIsHelpError"
            print(exc.message if is_help else misuse_of(exc), file=sys.stderr)
            sys.exit(exc.exit_code)
        except typer.Abort:
            sys.exit(1)
        sys.exit(code if isinstance(code, int) else 0)


class Spoken(_Telling, TyperCommand):
    """One command."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the page; `ctx` and `formatter` are of the parser that typer brings."""
        formatter.write(_page(ctx.command_path, self.callback))


class SpokenGroup(_Telling, TyperGroup):
    """A command that has commands."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the page."""
        path = ctx.command_path.split()[1:]
        about = [(name, text(f"about.{'.'.join((*path, name))}")) for name in self.commands]
        rows = [Row(name, says.split("\n\n")[0]) for name, says in about]
        usage = f"{ctx.command_path} {text('help.command')} …"
        formatter.write(page(Sheet(usage, f"about.{'.'.join(path)}", commands=rows)))


def group() -> typer.Typer:
    """What a command's own commands hang on."""
    return typer.Typer(cls=SpokenGroup, no_args_is_help=True, add_completion=False)


def _page(command_path: str, function: Callable[..., Any] | None) -> str:
    given = {} if function is None else signature(function).parameters
    arguments, options = [], []
    for one in given.values():
        of, info = get_args(one.annotation)
        if isinstance(info, ArgumentInfo):
            arguments.append(Row(_argument(one, info), _says(one, info)))
        else:
            options.append(Row(_option(one, of, info), _says(one, info)))
    options.append(Row("--help", text("help.this")))
    usage = " ".join([command_path, f"[{text('help.options')}]", *(row.names for row in arguments)])
    return page(Sheet(usage, f"about.{'.'.join(command_path.split()[1:])}", arguments, options))


def _argument(param: Parameter, info: ArgumentInfo) -> str:
    """`SITE.yaml`, `[POINT…]`."""
    named = str(info.metavar or param.name.upper())
    return named if param.default is Parameter.empty else f"[{named.strip('[]')}]"


def _option(param: Parameter, of: Any, info: OptionInfo) -> str:
    """`--out DIR`, `--noise/--no-noise`."""
    plain = f"--{param.name.replace('_', '-')}"
    first = [info.default] if isinstance(info.default, str) else []  # typer takes the first name for a default
    given = [*first, *(info.param_decls or ())]
    if of is bool:
        return ", ".join(given) or f"{plain}/--no-{plain[2:]}"
    names = ", ".join(given) or plain
    bounds = "" if info.min is None and info.max is None else f" {_bound(info.min)}…{_bound(info.max)}"
    return f"{names} {info.metavar or _metavar(of)}{bounds}"


def _bound(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _metavar(of: Any) -> str:
    """What stands for a value of this type."""
    if get_origin(of) in (UnionType, list):
        return _metavar(get_args(of)[0])
    if isinstance(of, type) and issubclass(of, Enum):
        return "|".join(str(one.value) for one in of)
    return METAVARS.get(of) or "|".join(str(one) for one in get_args(of))


def _says(param: Parameter, info: ArgumentInfo | OptionInfo) -> str:
    return " ".join(_said(param, info))


def _said(param: Parameter, info: ArgumentInfo | OptionInfo) -> Iterator[str]:
    """What it is, and what it is else."""
    yield text(info.help or "")
    if param.default is Parameter.empty and isinstance(info, OptionInfo):
        yield f"[{text('help.required')}]"
    elif _is_shown(param.default):
        yield f"[{text('help.default', value=param.default)}]"
    elif isinstance(param.default, Enum):
        yield f"[{text('help.default', value=param.default.value)}]"


def _is_shown(default: object) -> bool:
    """Whether a default says anything: a text that is not empty, a path, a number."""
    return isinstance(default, str | Path | int | float) and default != "" and not isinstance(default, bool | Enum)
