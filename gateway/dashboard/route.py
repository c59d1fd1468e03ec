"""A route as data: path, who may, what it takes, what it answers. Serving, access and OpenAPI all come from the table."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gateway.clock import Clock
from gateway.dashboard.access import Access
from gateway.dashboard.bodies import Body, Nothing
from gateway.dashboard.ports import Ask, Audit, Energies, History, Site
from gateway.dashboard.roles import Role
from gateway.dashboard.stream import Hub
from gateway.errors import GatewayError


class Failure(GatewayError):
    """An answer that is no: HTTP status, code and sentence."""

    def __init__(self, status: int, code: str, text: str, *, wait_s: float = 0.0) -> None:
        super().__init__(text)
        self.status, self.code, self.wait_s = status, code, wait_s


@dataclass(frozen=True, slots=True)
class Room:
    """What handlers work with."""

    site: Site
    ask: Ask
    history: History
    energies: Energies
    audit: Audit
    access: Access
    hub: Hub
    clock: Clock


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, let in and checked."""

    user: str
    role: Role | None
    address: str
    cookie: str
    """The session's secret, empty without one."""
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Any


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that also sets the session's cookie; empty: takes it away."""

    answer: object
    cookie: str


@dataclass(frozen=True, slots=True)
class Text:
    """An answer that is no JSON."""

    body: bytes
    content_type: str
    file_name: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """One query parameter: a whole number within bounds, or a text."""

    name: str
    summary: str
    kind: type[int] | type[str] = int
    required: bool = False
    default: int | str | None = None
    least: int = 0
    most: int = 253_402_300_799_000
    pattern: str = ""


Handler = Callable[[Room, Asked], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Route:
    """`role` None: anybody. `machine`: open on loopback, elsewhere for any role."""

    method: Literal["GET", "POST"]
    path: str
    handler: Handler
    summary: str
    answer: Any = None
    """The dataclass of its answer; None: it answers `media`."""
    role: Role | None = Role.VIEWER
    machine: bool = False
    body: type[Body] = Nothing
    query: tuple[Query, ...] = ()
    media: str = "application/json"
    fails: tuple[int, ...] = field(default=())
    """Statuses it may answer besides those of its kind."""
