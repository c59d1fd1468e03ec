"""What belongs into a backup, and how it comes back: all of it or nothing, with what was there put aside by name."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from gateway import __version__
from gateway.config.read import load_site
from gateway.errors import StoreError
from gateway.model.site import Site
from gateway.store import archive, history_file
from gateway.store.history_copy import copy_tiers
from gateway.store.tiers import MINUTE, QUARTER, RAW, Tier
from gateway.texts import say
from gateway.texts.causes import cause

STATE = (
    "control.json",
    "access.json",
    "quarters.csv",
    "outbox/outbox.id",
    "dashboard.crt",
    "dashboard.key",
    "audit/audit.head",
)
"""Files of the state directory; the audit's witness before its chain, so that it is never newer. Its own key stays here."""
HISTORY: dict[str, tuple[Tier, ...]] = {
    "none": (),
    "quarter": (QUARTER,),
    "minute": (QUARTER, MINUTE),
    "all": (QUARTER, MINUTE, RAW),
}
"""What of the history goes into a backup, by its finest tier."""
CHAIN = "audit/audit-*.jsonl"
SITE_FILE = "site/site.yaml"


def make(
    site_file: Path, state: Path, out: Path, *, utc_ms: int, history: str = "quarter"
) -> tuple[archive.Manifest, str]:
    """Write the archive of a site and its state; its manifest and the fingerprint of the key. ConfigError, StoreError.

    `history`: the finest tier of it that goes in, one of `HISTORY`.
    """
    site = load_site(site_file)
    key = archive.own_key(state)
    about = {"version": __version__, "made_ms": utc_ms, "site": site.id}
    try:
        with tempfile.TemporaryDirectory(dir=out.absolute().parent, prefix=".backup-") as work:
            files = [*_files(site, site_file, state)]
            copy = Path(work) / history_file.NAME
            if HISTORY[history] and copy_tiers(state, copy, HISTORY[history]):
                files.append((f"state/{history_file.NAME}", copy))
            manifest = archive.write(out, files, key, about=about)
    except OSError as exc:
        raise StoreError(say("refused.file", file=out, why=str(exc))) from exc
    return manifest, archive.fingerprint(key.public_key())


def restore(
    path: Path, state: Path, folder: Path, *, trust: frozenset[str], older: bool, utc_ms: int
) -> tuple[archive.Manifest, list[Path]]:
    """Put an archive's site file below `folder` and its state into `state`; what was there is put aside: where.

    The state directory must be free (its lock is the caller's). BadArchive, StoreError: nothing was changed.
    """
    if (state / archive.KEY).exists():
        trust |= {archive.fingerprint(archive.own_key(state).public_key())}
    work = state.with_name(f"{state.name}.restore-{utc_ms}")
    try:
        work.mkdir(mode=0o700, parents=True)
        manifest = archive.unpack(path, work, trusted=trust)
        _may(manifest, older=older)
        (work / "state").mkdir(exist_ok=True)
        load_site(work / SITE_FILE)  # a site file that does not load is no backup
        return manifest, _swap(work, state, folder, utc_ms)
    except OSError as exc:
        raise StoreError(say("refused.file", file=exc.filename or path, why=cause(exc))) from exc
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _may(manifest: archive.Manifest, *, older: bool) -> None:
    theirs, ours = _number(manifest.version), _number(__version__)
    if theirs > ours:
        raise archive.BadArchive("newer_version", f"made by version {manifest.version}; install that version")
    if theirs < ours and not older:
        raise archive.BadArchive(
            "older_version", f"made by version {manifest.version}; --older-version restores it all the same"
        )
    if SITE_FILE not in manifest.files:
        raise archive.BadArchive("not_as_listed", "it holds no site file")


def _swap(work: Path, state: Path, folder: Path, utc_ms: int) -> list[Path]:
    """Move new over old by renames; what was in the way is kept beside it."""
    aside: list[Path] = []
    for kept in (archive.KEY, "lock"):  # the key that signs here, and the lock that is held
        if (state / kept).exists():
            (work / "state" / kept).hardlink_to(state / kept)
    for new, old in ((work / "state", state), (work / "site", folder)):
        if old.exists():
            aside.append(old.with_name(f"{old.name}.before-{utc_ms}"))
            old.rename(aside[-1])
        old.parent.mkdir(parents=True, exist_ok=True)
        new.rename(old)
    return aside


def _files(site: Site, site_file: Path, state: Path) -> Iterator[tuple[str, Path]]:
    yield SITE_FILE, site_file
    root = site_file.parent.resolve()
    own = [*sorted((root / "device_profiles").rglob("*.yaml")), *sorted(_named(site))]
    for path in dict.fromkeys(own):
        if path.resolve().is_relative_to(root) and path.is_file() and path.resolve() != site_file.resolve():
            yield f"site/{path.resolve().relative_to(root).as_posix()}", path
    for name in STATE:
        if (state / name).is_file():
            yield f"state/{name}", state / name
    for path in sorted(state.glob(CHAIN)):
        yield f"state/{path.relative_to(state).as_posix()}", path


def _named(item: Any) -> Iterator[Path]:
    """Every file a site names."""
    if isinstance(item, Path):
        if item.is_file():
            yield item
    elif is_dataclass(item):
        for entry in fields(item):
            yield from _named(getattr(item, entry.name))
    elif hasattr(item, "values"):
        for value in item.values():
            yield from _named(value)


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
