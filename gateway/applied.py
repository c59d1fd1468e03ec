"""The configuration applied last, as a file of the state directory; what a start begins with. Blocks: use a thread.

A site file may be cut short by a full disk, a broken copy or a power cut and still be good YAML, with half the building
missing. So a start compares it with what was applied last: the same bytes start; a file that is wrong, is cut, or has
lost things without saying so (`...`, YAML's own end mark, on the last line) does not: the last good one starts instead.
Where nothing was applied yet a file that ends in the middle of a line is refused.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway import statefile
from gateway.config.read import Configured, load_whole
from gateway.errors import ConfigError, Problem, StoreError
from gateway.texts import say
from gateway.texts.causes import cause
from gateway.yamltext import MAX_BYTES

FORMAT = 1
NAME = "applied.yaml"
END = b"..."
HOLDS = ("connections", "devices", "assets")
"""Sections that do not lose anything unsaid."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What was applied last."""

    file: str
    """The site file it was read from; its folder is where its secrets and profiles lie."""
    sha256: str
    own: str
    """The site file the gateway runs with …"""
    own_sha256: str
    """… and what was in it then: as long as that is so, nobody has touched it since."""
    at_ms: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class Begin:
    """What a start begins with; `why`: why not with the site file as it is now."""

    configured: Configured
    file: Path
    why: str = ""


def digest(raw: bytes) -> str:
    """What a configuration is told by."""
    return hashlib.sha256(raw).hexdigest()


def save(folder: Path, configured: Configured, file: Path, *, own: Path, utc_ms: int) -> None:
    """Keep this as applied last: after a power cut the old or the new is there, whole. StoreError."""
    raw = configured.raw
    head = {
        "format": FORMAT, "file": str(file.absolute()), "sha256": digest(raw),
        "own": str(own.absolute()), "own_sha256": _now_in(own), "at_ms": utc_ms,
    }  # fmt: skip
    statefile.put(folder / NAME, b"# " + json.dumps(head).encode() + b"\n" + raw)


def load(folder: Path) -> Applied | None:
    """What was applied last; None when there is nothing, or it is not whole. StoreError when a newer version wrote it."""
    path = folder / NAME
    try:
        line, _, raw = path.read_bytes().partition(b"\n")
        head = json.loads(line.removeprefix(b"# "))
        found = Applied(head["file"], head["sha256"], head["own"], head["own_sha256"], head["at_ms"], raw)
        newer = head["format"] > FORMAT
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise StoreError(say("refused.unreadable", file=path, why=cause(exc))) from exc
    except (ValueError, KeyError, TypeError):
        return None
    if newer:
        raise StoreError(say("refused.newer", file=path, format=head["format"]))
    return found if found.sha256 == digest(raw) else None


def begin(own: Path, folder: Path) -> Begin:
    """What a gateway that is given this site file and this state directory starts with. ConfigError, StoreError."""
    last = load(folder)
    if last is None:
        return Begin(read(own, bytes_of(own)), own)
    same_file = own.absolute() == Path(last.own)
    try:
        raw = bytes_of(own)
        if same_file and digest(raw) == last.own_sha256:
            return _again(last, "" if last.sha256 == last.own_sha256 else f"{last.file} was applied since")
        given = read(own, raw)
        _refuse_cut(own, given, last)
    except ConfigError as exc:
        if not same_file:  # another file than ever: what ran before is not what was asked for
            raise
        return _again(last, str(exc))
    return Begin(given, own)


def read(path: Path, raw: bytes) -> Configured:
    """What these bytes of a site file say; ConfigError also for a file whose last line has no end: it may be cut."""
    found = load_whole(path, raw)
    if not has_end(raw):
        line = raw.count(b"\n") + 1
        raise ConfigError(
            [Problem(str(path), line, 1, "(file)", "cut", say("problem.cut_line"), say("remedy.end_line"))]
        )
    return found


def has_end(raw: bytes) -> bool:
    """Whether a file ends where a line ends, or is one pair of braces."""
    whole = raw.removeprefix(b"\xef\xbb\xbf").strip()
    return raw.endswith((b"\n", b"\r", b"\n" + END)) or whole.startswith(b"{")


def _again(last: Applied, why: str) -> Begin:
    file = Path(last.file)
    return Begin(load_whole(file, last.raw), file, why)


def _refuse_cut(own: Path, given: Configured, last: Applied) -> None:
    """ConfigError for a file that is in order and yet looks cut; one that ends in `...` never does."""
    raw = given.raw.rstrip()
    if raw.endswith((b"\n" + END, b"\r" + END)):
        return
    try:
        before = load_whole(Path(last.file), last.raw)
    except ConfigError:  # nothing to compare with: by now it would not start itself
        return
    problems = list(_gone(own, given, before)) if given.site.id == before.site.id else []
    if last.raw.startswith(raw) and last.raw.rstrip() != raw:
        line = raw.count(b"\n") + 1
        problems.insert(0, Problem(str(own), line, 1, "(file)", "cut", say("problem.cut"), say("remedy.cut")))
    if problems:
        raise ConfigError(problems)


def _gone(own: Path, given: Configured, before: Configured) -> Iterator[Problem]:
    for section in HOLDS:
        if gone := [name for name in before.words[section] if name not in given.words[section]]:
            message = say("problem.gone", gone=", ".join(gone))
            yield Problem(str(own), 1, 1, section, "missing", message, say("remedy.cut"))


def bytes_of(path: Path) -> bytes:
    """What is in a site file. ConfigError."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as exc:
        raise ConfigError(
            [Problem(str(path), 1, 1, "(file)", "unreadable", say("problem.unreadable", reason=cause(exc)))]
        ) from exc


def _now_in(own: Path) -> str:
    try:
        return digest(bytes_of(own))
    except ConfigError:
        return ""
