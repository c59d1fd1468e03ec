"""What the API says of who may ask, and what a change came to; see `answers`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Session:
    """Who asks: `user` None when nobody is logged in; `token` goes with every change in the header X-Gateway-Token."""

    user: str | None
    role: str | None
    token: str | None
    setup: bool
    """There is no user yet: the set-up code makes the first."""
    site: str
    ends_ms: int | None


@dataclass(frozen=True, slots=True)
class Done:
    """What a change came to: accepted, or refused with a reason."""

    id: str
    result: str
    reason: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Why nothing was done: a code in English and a sentence."""

    error: str
    text: str


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may log in."""

    name: str
    role: str
    locked: bool
    sessions: int


@dataclass(frozen=True, slots=True)
class Token:
    """A machine that may ask: `secret` only in the answer that made it."""

    id: str
    role: str
    name: str
    made_ms: int
    secret: str | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """Users and tokens."""

    users: tuple[User, ...]
    tokens: tuple[Token, ...]
