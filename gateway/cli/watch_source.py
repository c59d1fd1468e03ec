"""Where `gateway watch` looks: the local socket of a daemon on this machine, or the HTTP interface of any."""

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from gateway.commission.watching import Cell
from gateway.errors import StoreError
from gateway.model.point import device_of

if TYPE_CHECKING:
    from gateway.cli.asking import Place

DEADLINE_S = 5.0
MOST_BYTES = 16_000_000


class Source(Protocol):
    """Something that can be looked at."""

    title: str
    devices: tuple[str, ...]

    def about(self, device: str) -> str:
        """What kind of device it is."""
        ...

    def look(self, device: str) -> list[Cell]:
        """Its points now; StoreError when nobody answers."""
        ...


class SocketSource:
    """A daemon's local socket."""

    def __init__(self, place: "Place", devices: tuple[str, ...]) -> None:
        self.title = place.site.id
        self.devices = devices
        self._place = place

    def about(self, device: str) -> str:
        """Its profile."""
        return self._place.site.devices[device].profile

    def look(self, device: str) -> list[Cell]:
        """Ask the daemon."""
        from gateway.localsocket import ask

        answer = ask(self._place.state, {"do": "read", "device": device, "points": []})
        return [cell_of(row) for row in answer.get("rows", ())]


class HttpSource:
    """The HTTP interface: `/api/v1/points`, asked once for all devices of a look."""

    def __init__(self, url: str, *, token: str, ca_file: Path | None = None, wanted: Sequence[str] = ()) -> None:
        """StoreError when nobody answers there, or not with points."""
        self.title = url
        self._url = f"{url.rstrip('/')}/api/v1/points"
        self._token = token
        self._context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        self._cells = self._asked()
        self.devices = tuple(wanted) or tuple(self._cells)
        self._left = set(self.devices)

    def about(self, device: str) -> str:  # noqa: ARG002 - the interface does not say
        """Not told here."""
        return ""

    def look(self, device: str) -> list[Cell]:
        """From the newest answer; a device that was looked at already asks for the next one."""
        if device not in self._left:
            self._cells = self._asked()
            self._left = set(self.devices)
        self._left.discard(device)
        return self._cells.get(device, [])

    def _asked(self) -> dict[str, list[Cell]]:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        request = urllib.request.Request(self._url, headers=headers)  # noqa: S310 - http or https: checked by the command
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE_S, context=self._context) as reply:  # noqa: S310
                rows = json.loads(reply.read(MOST_BYTES))["points"]
        except urllib.error.HTTPError as exc:
            with exc:
                raise StoreError(f"{self._url}: {exc.code} {exc.reason}") from exc
        except (OSError, ValueError, KeyError, TypeError) as exc:
            raise StoreError(f"{self._url}: {exc}") from exc
        found: dict[str, list[Cell]] = {}
        for row in rows:
            cell = cell_of(row)
            found.setdefault(device_of(cell.point), []).append(cell)  # type: ignore[arg-type] # a point's name
        return found


def cell_of(row: Mapping[str, Any]) -> Cell:
    """A row of either interface; what it does not say is empty."""
    return Cell(
        str(row.get("point") or row["id"]), row.get("value"), row.get("unit") or "", str(row.get("quality", "invalid")), row.get("cause") or "",
        row.get("age_s"), row.get("name") or "",
    )  # fmt: skip
