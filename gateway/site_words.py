"""A site as plain words for the configuration page: everything the owner wrote, no secret."""

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from math import isfinite
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from gateway.dashboard.records import Config
from gateway.model.site import Site

HIDDEN = "(secret)"
ADDRESS = re.compile(r"(\w+://)[^/\s@\"']*@")


def config_of(site: Site, file: Path | None = None, *, raw: bytes | None = None) -> Config:
    """The site, its numbers in inside units; files by name only, addresses without user and password.

    `file` is the site file: its text as it is now, which names secrets but holds none; `raw`: what is in force instead.
    """
    text = ""
    if raw is not None:
        text = ADDRESS.sub(r"\1", raw.decode("utf-8-sig"))
    elif file is not None:
        try:
            text = ADDRESS.sub(r"\1", file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):  # away since the start: what was made of it is still true
            text = ""
    return Config(site.id if file is None else file.name, text, _plain(site))


def _plain(item: Any) -> Any:
    if is_dataclass(item) and not isinstance(item, type):
        return {entry.name: _plain(getattr(item, entry.name)) for entry in fields(item) if entry.name != "folder"}
    if isinstance(item, Enum):
        return item.value
    if isinstance(item, Path):
        return item.name
    if isinstance(item, bytes):  # keys are bytes, words are not
        return HIDDEN
    if isinstance(item, Mapping):
        return {str(key): _plain(value) for key, value in item.items()}
    if isinstance(item, list | tuple | frozenset):
        return [_plain(one) for one in item]
    if isinstance(item, float) and not isfinite(item):
        return None
    return _address(item) if isinstance(item, str) and "://" in item else item


def _address(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
