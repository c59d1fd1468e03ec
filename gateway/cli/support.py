"""`gateway support`: a bundle for who helps, without secrets: versions, the site as configured, the newest decisions."""

import gzip
import io
import json
import platform
import sys
import tarfile
from importlib.metadata import distributions
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.complain import complain
from gateway.errors import ConfigError, StoreError
from gateway.texts import text

RECORDS = 500
PIECES = 2
LINES = 400_000


def support(
    site: Annotated[Path, typer.Argument(metavar="SITE.yaml", help="option.site")],
    out: Annotated[Path, typer.Option(help="option.support.out")],
    state: Annotated[Path, typer.Option(help="option.state")] = Path("state"),
) -> None:
    """Write the bundle; the gateway may run meanwhile. Exit 2 bad site file, 3 it cannot be written."""
    try:
        parts = _parts(site, state)
        with tarfile.open(out, "w:gz") as tar:
            for name, data in parts.items():
                member = tarfile.TarInfo(f"support/{name}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    except ConfigError as exc:
        complain(exc)
        raise typer.Exit(2) from exc
    except (StoreError, OSError) as exc:
        complain(exc)
        raise typer.Exit(3) from exc
    print(text("support.written", file=out, list=", ".join(parts)))


def _parts(site_file: Path, state: Path) -> dict[str, bytes]:
    from gateway import __version__
    from gateway.config.read import load_site
    from gateway.site_words import config_of
    from gateway.store import audit_page

    config = config_of(load_site(site_file))
    about = {
        "version": __version__,
        "python": sys.version,
        "machine": platform.platform(),
        "packages": sorted(f"{one.metadata['Name']} {one.version}" for one in distributions()),
        "state": {path.relative_to(state).as_posix(): path.stat().st_size for path in _listed(state)},
    }
    parts = {"about.json": _json(about), "site.json": _json(config.site)}
    if (state / "audit").is_dir():
        records, _ = audit_page.page(state / "audit", before=None, limit=RECORDS, kind=None)
        parts["audit.json"] = _json(records)
    for path in sorted((state / "decisions").glob("decisions-*"))[-PIECES:]:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        parts[path.name.removesuffix(".gz")] = raw[-LINES * 10 :]
    return parts


def _listed(state: Path) -> list[Path]:
    return [path for path in sorted(state.rglob("*")) if path.is_file()]


def _json(tree: Any) -> bytes:
    return json.dumps(tree, indent=1, ensure_ascii=False).encode() + b"\n"
