"""The sections `dashboard` and `audit` of a site file: their forms and checks, and the `Listen` that is meant."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from gateway.model.listen import Listen
from gateway.texts import say
from gateway.yamltext.form import Form

if TYPE_CHECKING:
    from gateway.config.checks import Checking

LISTEN_PATTERN = r"^([0-9.]+|\[[0-9a-fA-F:]+\]):[0-9]{1,5}$"
HOST_PATTERN = r"^([a-zA-Z0-9.-]{1,253}|\[[0-9a-fA-F:]+\])$"
ALL = ("0.0.0.0", "::")  # noqa: S104 - the addresses that mean every address
FILES = ("cert_file", "key_file")


class DashboardForm(Form):
    """Where the dashboard listens, what it is called there, and its certificate; without one it makes its own."""

    listen: Annotated[str, Field(pattern=LISTEN_PATTERN, examples=["127.0.0.1:8080"])] = "127.0.0.1:8080"
    hosts: list[Annotated[str, Field(pattern=HOST_PATTERN, examples=["gateway.local"])]] = Field(default_factory=list)
    cert_file: str | None = None
    key_file: str | None = None


class AuditForm(Form):
    """How the audit chain is sealed."""

    seal: Literal["sha256", "sm3"] = "sha256"


def listen_of(form: DashboardForm, folder: Path) -> Listen:
    """What the section means; paths are relative to the site file's folder."""
    address, port = _split(form.listen)
    return Listen(
        address,
        port,
        frozenset(host.lower() for host in form.hosts),
        None if form.cert_file is None else folder / form.cert_file,
        None if form.key_file is None else folder / form.key_file,
    )


def dashboard_problems(checking: "Checking") -> None:
    """Say what is wrong with the section."""
    form = checking.form.dashboard
    address, port = _split(form.listen)
    if port > 65_535:
        checking.refuse(
            ("dashboard", "listen"), "out_of_range", say("problem.no_port", port=port), remedy=say("remedy.port")
        )
    if address in ALL and not form.hosts:
        message = say("problem.no_hosts", address=address)
        remedy = say("remedy.hosts")
        checking.refuse(("dashboard", "listen"), "no_hosts", message, remedy=remedy)
    for name in FILES:
        if (file := getattr(form, name)) is not None:
            checking.file(("dashboard", name), file, secret=name == "key_file")
    if (form.cert_file is None) != (form.key_file is None):
        lacking = "cert_file" if form.cert_file is None else "key_file"
        problem = checking.document.key_problem(("dashboard",), "missing_key", say("problem.missing_key", key=lacking))
        checking.problems.append(problem)


def _split(listen: str) -> tuple[str, int]:
    address, _, port = listen.rpartition(":")
    return address.strip("[]"), int(port)
