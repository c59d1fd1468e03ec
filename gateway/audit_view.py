"""The audit chain for people: records with who did it, and whether the chain is whole; read in a thread of its own."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from gateway.dashboard.records import AuditPage, AuditRecord, AuditState
from gateway.store import audit, audit_page

OURS = "gateway"


class AuditView:
    """One per gateway; `dashboard.ports.Audit`."""

    def __init__(self, state: Path, seal: str) -> None:
        self._seal = seal
        self._folder = state / "audit"
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="audit-view")

    async def page(self, *, before: int | None, limit: int, kind: str | None) -> AuditPage:
        """Records, newest first."""
        records, then = await self._work(_page, self._folder, before, limit, kind)
        newest = records[0]["n"] if records and before is None and kind is None else 0
        return AuditPage(tuple(_record(one) for one in records), then, newest, self._seal)

    async def verify(self) -> AuditState:
        """Check every seal."""
        found: AuditState = await self._work(_verify, self._folder)
        return found

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _work(self, function: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)


def _page(folder: Path, before: int | None, limit: int, kind: str | None) -> Any:
    return audit_page.page(folder, before=before, limit=limit, kind=kind)


def _verify(folder: Path) -> AuditState:
    bad = audit.verify(folder)
    if bad is not None:
        return AuditState(whole=False, records=bad.number, file=bad.file, line=bad.line, why=bad.why)
    newest, _ = audit_page.page(folder, before=None, limit=1, kind=None)
    return AuditState(whole=True, records=newest[0]["n"] if newest else 0, file="", line=0, why="")


def _record(record: dict[str, Any]) -> AuditRecord:
    data = record["data"]
    actor = next((str(data[key]) for key in ("user", "by", "issuer") if data.get(key) is not None), OURS)
    return AuditRecord(record["n"], record["at"], record["kind"], actor, data, record["hash"])
