"""The pages: files of static/, known by name before anybody asks, so that no path leads anywhere else (A-026)."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

STATIC = Path(__file__).parent / "static"
PAGES = ("now", "assets", "events", "trends", "energy", "devices", "alarms", "audit", "settings", "login", "setup")
"""Addresses of the pages; each is answered with index.html."""
TYPES: Mapping[str, str] = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
    ".txt": "text/plain; charset=utf-8",
}
LEAST_PACKED = 1024


@dataclass(frozen=True, slots=True)
class File:
    """One file in memory, packed where that helps."""

    changed_ns: int
    body: bytes
    packed: bytes | None
    content_type: str
    etag: str


class Pages:
    """Serves the files; a file that changes on the disk is read again."""

    def __init__(self, folder: Path = STATIC) -> None:
        self._folder = folder.resolve()
        self._files: dict[str, File] = {}
        for path in sorted(self._folder.rglob("*")):
            if path.is_file() and not path.is_symlink() and path.suffix in TYPES:
                self._files[path.relative_to(self._folder).as_posix()] = _read(path)

    def add_to(self, router: web.UrlDispatcher) -> None:
        """The routes of the pages."""
        router.add_get("/", self._index)
        for name in PAGES:
            router.add_get(f"/{name}", self._index)
        router.add_get("/static/{name:.+}", self._static)

    async def _index(self, request: web.Request) -> web.Response:
        return self._answer(request, "index.html")

    async def _static(self, request: web.Request) -> web.Response:
        return self._answer(request, request.match_info["name"])

    def _answer(self, request: web.Request, name: str) -> web.Response:
        found = self._files.get(name)
        if found is None:
            raise web.HTTPNotFound
        path = self._folder / name
        if path.stat().st_mtime_ns != found.changed_ns:
            found = self._files[name] = _read(path)
        headers = {"ETag": found.etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        if request.headers.get("If-None-Match") == found.etag:
            return web.Response(status=304, headers=headers)
        headers["Content-Type"] = found.content_type
        if found.packed is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
            headers["Content-Encoding"] = "gzip"
            return web.Response(body=found.packed, headers=headers)
        return web.Response(body=found.body, headers=headers)


def _read(path: Path) -> File:
    body = path.read_bytes()
    packed = gzip.compress(body, 6, mtime=0) if len(body) >= LEAST_PACKED else None
    return File(
        path.stat().st_mtime_ns,
        body,
        packed if packed is not None and len(packed) < 0.9 * len(body) else None,
        TYPES[path.suffix],
        f'"{hashlib.sha256(body).hexdigest()[:24]}"',
    )
