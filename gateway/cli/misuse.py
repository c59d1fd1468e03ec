"""A command line that cannot be taken, told in the reader's language: the parsers that read it speak English only."""

import re
from typing import Any

from gateway.texts import text

KNOWN = (
    (r"No such option: (?P<name>\S+)|unrecognized arguments: (?P<also>.*)", "usage.no_option"),
    (r"No such command '(?P<name>[^']*)'", "usage.no_command"),
    (r"the following arguments are required: (?P<name>.*)", "usage.missing"),
    (
        r"Option '(?P<name>[^']*)' requires an argument|argument (?P<also>\S+): expected one argument",
        "usage.needs_value",
    ),
    (r"Got unexpected extra argument(?:s|\(s\))? \((?P<name>.*)\)", "usage.too_much"),
    (r"Input should be a valid integer|argument (?P<of>\S+): invalid int value", "usage.no_integer"),
    (r"Input should be a valid number|argument (?P<of>\S+): invalid float value", "usage.no_number"),
    (r"Input should be greater than or equal to (?P<bound>\S+)", "usage.too_small"),
    (r"Input should be less than or equal to (?P<bound>\S+)", "usage.too_large"),
    (r"Value error, '[^']*' does not match the formats|Input should be a valid datetime", "usage.no_time"),
    (r"(?:Value error, )?'[^']*' is not one of (?P<known>.*)\.", "usage.none_of"),
    (r"argument (?P<of>\S+): invalid choice: .* \(choose from (?P<known>.*)\)", "usage.none_of"),
)
"""How they put it. `name` and `also` are what it is about, `of` the option whose value it is."""


def misuse(said: str, *, command: str, name: str = "", missing: bool = False, near: str = "") -> str:
    """What is wrong with it and how to learn more; what is not known stays English.

    `name`: the argument it is about; `near`: what may have been meant.
    """
    what = _what(said, name, missing=missing)
    return text("usage.wrong", what=text("usage.near", what=what, near=near) if near else what, command=command)


def misuse_of(exc: Any) -> str:
    """The same of an exception of typer's parser."""
    param = getattr(exc, "param", None)
    name = (
        "" if param is None else (param.opts[0] if param.param_type_name == "option" else param.metavar or param.name)
    )
    command = getattr(getattr(exc, "ctx", None), "command_path", "gateway")
    near = ", ".join(sorted(getattr(exc, "possibilities", None) or ()))
    missing = type(exc).__name__ == "MissingParameter"
    return misuse(str(exc.message), command=command, name=name, missing=missing, near=near)


def _what(said: str, name: str, *, missing: bool) -> str:
    if missing:
        return text("usage.missing", name=name)
    why = said
    for form, key in KNOWN:
        if found := re.match(form, said):
            parts = {part: value for part, value in found.groupdict().items() if value is not None}
            name = parts.pop("of", name)
            parts["name"] = parts.get("name") or parts.get("also", "")
            why = text(key, **parts)
            break
    return text("usage.of", name=name, why=why) if name else why
