"""`gateway user …`: who may use the dashboard, from the machine itself; passwords are typed or piped, never arguments."""

import asyncio
import sys
from getpass import getpass
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.complain import complain
from gateway.cli.spoken import Spoken, group
from gateway.errors import StoreError
from gateway.texts import say, text, told

app = group()

State = Annotated[Path, typer.Option(help="option.state")]
RoleWord = Annotated[str, typer.Option(help="option.user.role")]


@app.command(cls=Spoken)
def link(
    name: Annotated[str, typer.Argument(metavar="NAME", help="option.user.link_name")] = "owner",
    role: RoleWord = "admin",
    state: State = Path("state"),
) -> None:
    """A link that logs in once, within a quarter of an hour, without a password and whatever is locked."""
    print(_ask(state, {"do": "link", "user": name, "role": _role(role)})["url"])


@app.command(cls=Spoken)
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="option.user.name")],
    role: RoleWord = "operator",
    state: State = Path("state"),
) -> None:
    """Make a user, or give one a new role and password; the password is asked for, or read from a pipe."""
    _change(state, {"do": "put_user", "user": name, "role": _role(role), "password": _password()})
    print(text("user.added", name=name, role=role))


@app.command(cls=Spoken)
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="option.user.name")], state: State = Path("state")
) -> None:
    """Remove a user and end the user's sessions."""
    _change(state, {"do": "drop_user", "user": name})
    print(text("user.removed", name=name))


@app.command(name="list", cls=Spoken)
def list_(state: State = Path("state")) -> None:
    """Names and roles."""
    for user in _change(state, {"do": "users"})["users"]:
        print(f"{user['name']:32} {user['role']}")


def _role(word: str) -> str:
    from gateway.dashboard.roles import WORDS

    if word not in WORDS:
        raise typer.BadParameter(text("refused.choice", given=word, known="viewer, operator, technician, admin"))
    return word


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    first = getpass(text("user.password"))
    if getpass(text("user.again")) != first:
        raise typer.BadParameter(text("user.differ"))
    return first


def _change(state: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Ask the daemon, or work on the file where none runs."""
    from gateway import statelock

    if statelock.is_held(state):
        return _ask(state, request)
    return _exits(_alone, state, request)


def _ask(state: Path, request: dict[str, Any]) -> dict[str, Any]:
    from gateway.localsocket import ask

    return _exits(ask, state, request)


def _exits(work: Any, state: Path, request: dict[str, Any]) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = work(state, request)
    except StoreError as exc:
        complain(exc)
        raise typer.Exit(3) from exc
    if "error" in answer:
        print(f"{answer['error']}: {told(answer.get('text', ''))}", file=sys.stderr)
        raise typer.Exit(1)
    return answer


def _alone(state: Path, request: dict[str, Any]) -> dict[str, Any]:
    import os

    from gateway import statelock

    lock = statelock.take(state)
    try:
        return asyncio.run(_work(state, request))
    finally:
        os.close(lock)


async def _work(state: Path, request: dict[str, Any]) -> dict[str, Any]:
    from gateway.clock import SystemClock
    from gateway.dashboard.access import Access, Refused
    from gateway.dashboard.roles import WORDS
    from gateway.store.audit import Audit

    access, audit = Access(state, SystemClock()), Audit(state / "audit", SystemClock())
    try:
        match request["do"]:
            case "put_user":
                await access.put_user(request["user"], WORDS[request["role"]], request["password"])
                audit.append("user_changed", {"name": request["user"], "role": request["role"], "user": "console"})
            case "drop_user":
                await access.drop_user(request["user"])
                audit.append("user_dropped", {"name": request["user"], "user": "console"})
            case _:
                return {"users": [{"name": one.name, "role": one.role.word} for one, _, _ in access.users()]}
    except Refused as exc:
        return {"error": exc.code, "text": str(exc)}
    except LookupError:
        return {"error": "unknown_user", "text": say("refused.user_unknown")}
    finally:
        access.close()
        audit.close()
    return {"done": request["user"]}
