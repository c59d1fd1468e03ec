"""Access: who logs in, what they may do, and how long; sessions live in memory and end with the process.

A login makes a session with an id of its own and a token that every change must carry besides the cookie. The first
user is made with a set-up code that lies in the state directory, readable by its owner only; until then nothing can be
asked. Whoever may open the daemon's local socket may always have a link that logs in once: no lock-out reaches there.
"""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from gateway.clock import Clock
from gateway.dashboard import accessfile, passwords
from gateway.dashboard.accessfile import NAME_PATTERN, Account, Book, Machine
from gateway.dashboard.roles import Role
from gateway.dashboard.throttle import Throttle
from gateway.errors import GatewayError

T = TypeVar("T")

SETUP_CODE = "setup-code"
SESSION_S = 7 * 86400.0
IDLE_S = 12 * 3600.0
LINK_S = 15 * 60.0
MOST_SESSIONS_EACH = 10
MOST_TRIES_AT_ONCE = 8
"""Passwords being checked or waiting for it; each takes a core for 50 ms."""
MOST_ACCOUNTS = 100
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


class Refused(GatewayError):
    """No: `code` says why, `wait_s` when to come again."""

    def __init__(self, code: str, text: str, *, wait_s: float = 0.0) -> None:
        super().__init__(text)
        self.code = code
        self.wait_s = wait_s


@dataclass(slots=True)
class Session:
    """One login."""

    user: str
    role: Role
    token: str
    """What every change must carry in its header."""
    ends_s: float
    seen_s: float
    ended: bool = False


class Access:
    """Everybody's rights; one per gateway, used on the event loop."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._book = accessfile.load(folder)
        self._sessions: dict[str, Session] = {}
        self._links: dict[str, tuple[str, Role, float]] = {}
        self._throttle = Throttle()
        self._thread = ThreadPoolExecutor(max_workers=2, thread_name_prefix="access")
        self._saving = asyncio.Lock()
        self._trying = 0
        self._code = self._setup_code()

    @property
    def needs_setup(self) -> bool:
        """There is no user yet."""
        return not self._book.accounts

    def session(self, secret: str) -> Session | None:
        """The session of a cookie, renewed; None when there is none or it has ended."""
        key, now_s = _digest(secret), self._clock.boot_s()
        found = self._sessions.get(key)
        if found is None:
            return None
        if now_s >= found.ends_s or now_s - found.seen_s > IDLE_S:
            self._end(key)
            return None
        found.seen_s = now_s
        return found

    def machine(self, secret: str) -> Machine | None:
        """The machine of a bearer token."""
        name, _, _ = secret.partition(".")
        found = self._book.machines.get(name)
        return found if found is not None and hmac.compare_digest(found.digest, _digest(secret)) else None

    async def login(self, name: str, password: str, address: str) -> str:
        """A session's secret for the right password; Refused."""
        self._take(name, address)
        account = self._book.accounts.get(name)
        known = account.password if account is not None and account.password else passwords.NOBODY
        right = await self._work(partial(passwords.fits, password, known))
        if account is None or not right or self._book.accounts.get(name) is not account:
            raise Refused("wrong_login", "this name and password do not fit")
        self._throttle.give_back(name, address)
        return self._begin(name, account.role)

    def enter(self, link: str, address: str) -> str:
        """A session's secret for a link that logs in once; Refused."""
        self._take("link", address)
        name, role, ends_s = self._links.pop(_digest(link), ("", Role.VIEWER, -1.0))
        if not name or self._clock.boot_s() > ends_s:
            raise Refused("wrong_link", "this link was used already or is too old")
        self._throttle.give_back("link", address)
        return self._begin(name, role)

    async def set_up(self, code: str, name: str, password: str, address: str) -> str:
        """Make the first user, an admin; a session's secret. Refused."""
        if not self.needs_setup:
            raise Refused("set_up_already", "there is an owner already")
        self._take("setup", address)
        if self._code is None or not hmac.compare_digest(code.strip().upper().encode(), self._code.encode()):
            raise Refused("wrong_code", f"this is not the code in {SETUP_CODE} of the state directory")
        await self.put_user(name, Role.ADMIN, password)
        self._code = None
        (self._folder / SETUP_CODE).unlink(missing_ok=True)
        self._throttle.give_back("setup", address)
        return self._begin(name, Role.ADMIN)

    def logout(self, secret: str) -> None:
        """End a session."""
        self._end(_digest(secret))

    def link(self, name: str, role: Role) -> str:
        """What logs `name` in once, within a quarter of an hour; for who may open the local socket."""
        secret = secrets.token_urlsafe(24)
        now_s = self._clock.boot_s()
        self._links = {key: one for key, one in self._links.items() if one[2] > now_s}
        self._links[_digest(secret)] = (name, role, now_s + LINK_S)
        return secret

    async def put_user(self, name: str, role: Role, password: str | None) -> None:
        """Make or change a user; None keeps the password. Ends the user's sessions. Refused, StoreError."""
        old = self._book.accounts.get(name)
        if not NAME_PATTERN.fullmatch(name):
            raise Refused("bad_name", "a name is of a-z, 0-9, dot, hyphen and underscore, 32 at most")
        if old is None and len(self._book.accounts) >= MOST_ACCOUNTS:
            raise Refused("too_many_users", f"{MOST_ACCOUNTS} users are the most")
        if old is not None and old.role is Role.ADMIN and role is not Role.ADMIN and self._admins() == 1:
            raise Refused("last_admin", "there must be an admin")
        if password is None and old is None:
            raise Refused("no_password", "a new user needs a password")
        if password is not None and (weak := passwords.weakness(password, name)) is not None:
            raise Refused(weak, f"a password has {passwords.LEAST} characters or more and is not easy to guess")
        kept = old.password if password is None and old else await self._work(partial(passwords.kept, password or ""))
        self._book.accounts[name] = Account(name, role, kept)
        self._revoke(name)
        await self._save()

    async def drop_user(self, name: str) -> None:
        """Remove a user; Refused, LookupError, StoreError."""
        if self._book.accounts[name].role is Role.ADMIN and self._admins() == 1:
            raise Refused("last_admin", "there must be an admin")
        del self._book.accounts[name]
        self._revoke(name)
        await self._save()

    async def make_token(self, name: str, role: Role) -> tuple[Machine, str]:
        """A bearer token: what is kept of it, and the secret, told once. Refused, StoreError."""
        if len(self._book.machines) >= MOST_ACCOUNTS:
            raise Refused("too_many_tokens", f"{MOST_ACCOUNTS} tokens are the most")
        key = f"gw{secrets.token_hex(4)}"
        secret = f"{key}.{secrets.token_urlsafe(32)}"
        made = Machine(key, name, role, _digest(secret), self._clock.utc_ms())
        self._book.machines[key] = made
        await self._save()
        return made, secret

    async def drop_token(self, key: str) -> None:
        """Take a token back; LookupError, StoreError."""
        del self._book.machines[key]
        await self._save()

    def users(self) -> list[tuple[Account, bool, int]]:
        """(account, locked over the network, sessions)."""
        now_s = self._clock.boot_s()
        return [
            (
                account,
                self._throttle.locked(account.name, now_s=now_s),
                sum(session.user == account.name for session in self._sessions.values()),
            )
            for account in self._book.accounts.values()
        ]

    def tokens(self) -> list[Machine]:
        """Every token."""
        return list(self._book.machines.values())

    def close(self) -> None:
        """End all sessions and the threads."""
        for key in list(self._sessions):
            self._end(key)
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _take(self, account: str, address: str) -> None:
        if (wait_s := self._throttle.take(account, address, now_s=self._clock.boot_s())) > 0.0:
            raise Refused("too_many_tries", "too many tries; wait", wait_s=wait_s)

    def _begin(self, name: str, role: Role) -> str:
        mine = [(one.seen_s, key) for key, one in self._sessions.items() if one.user == name]
        for _, key in sorted(mine)[: max(0, len(mine) - MOST_SESSIONS_EACH + 1)]:
            self._end(key)
        secret, now_s = secrets.token_urlsafe(32), self._clock.boot_s()
        self._sessions[_digest(secret)] = Session(name, role, secrets.token_urlsafe(24), now_s + SESSION_S, now_s)
        return secret

    def _end(self, key: str) -> None:
        if (found := self._sessions.pop(key, None)) is not None:
            found.ended = True

    def _revoke(self, name: str) -> None:
        for key in [key for key, one in self._sessions.items() if one.user == name]:
            self._end(key)

    def _admins(self) -> int:
        return sum(one.role is Role.ADMIN for one in self._book.accounts.values())

    async def _work(self, work: Callable[[], T]) -> T:
        if self._trying >= MOST_TRIES_AT_ONCE:
            raise Refused("busy", "too many people log in at once; try again", wait_s=1.0)
        self._trying += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._trying -= 1

    async def _save(self) -> None:
        async with self._saving:
            book = Book(dict(self._book.accounts), dict(self._book.machines))
            await asyncio.get_running_loop().run_in_executor(self._thread, accessfile.save, self._folder, book)

    def _setup_code(self) -> str | None:
        path = self._folder / SETUP_CODE
        if not self.needs_setup:
            path.unlink(missing_ok=True)
            return None
        if path.exists():
            return path.read_text(encoding="ascii").strip()
        groups = ("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(4))
        code = "-".join(groups)
        accessfile.write_private(path, code.encode() + b"\n")
        return code


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
