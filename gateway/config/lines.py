"""What the keys of one connection mean together: who dials whom, what needs TLS, what cannot go with what."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from gateway.config import opcua_lines
from gateway.config.form import ConnectionForm
from gateway.model.site import Transport
from gateway.texts import listed, say
from gateway.yamltext import KeyPath

DIALS = (Transport.MODBUS_TCP, Transport.MODBUS_RTU_TCP)
FRAMED = (Transport.MODBUS_TCP, Transport.MODBUS_TLS)
FILES = ("ca_file", "cert_file", "key_file")


class Examined(Protocol):
    """The examination of one site file."""

    folder: Path
    """The site file's."""

    def refuse(self, path: KeyPath, code: str, message: str, **more: str) -> None:
        """Something is wrong with the value at `path`."""
        ...

    def file(self, path: KeyPath, name: str, *, secret: bool) -> None:
        """A file must be where it is said to be."""
        ...


def line_problems(found: Examined, key: str, form: ConnectionForm, transport: Transport) -> None:
    """Tell `found` what is wrong with a connection besides its address."""
    opcua = opcua_lines.opcua_problems(form, transport, found.folder)
    for name, message, remedy in (
        *_calls(form, transport),
        *_frames(form, transport),
        *_files(form, transport),
        *opcua,
    ):
        found.refuse(("connections", key, name), "bad_connection", message, remedy=remedy)
    if transport is Transport.OPCUA:
        for name in opcua_lines.FILES:
            if (file := getattr(form, name)) is not None:
                found.file(("connections", key, name), file, secret=name in opcua_lines.SECRET)
    if transport is Transport.MODBUS_TLS:
        for name in FILES:
            if (file := getattr(form, name)) is not None:
                found.file(("connections", key, name), file, secret=name == "key_file")


def _calls(form: ConnectionForm, transport: Transport) -> Iterator[tuple[str, str, str]]:
    if not form.dials_in:
        for name in ("registration", "heartbeat", "peer"):
            if getattr(form, name) is not None:
                yield name, say("problem.for_dialling"), say("remedy.dials_in")
        return
    if transport not in DIALS:
        yield "dials_in", say("problem.not_for", transport=transport), say("remedy.use", what=listed(DIALS, "word.or"))
    if form.registration is None and form.peer is None:
        yield "dials_in", say("problem.who_calls"), say("remedy.who_calls")


def _frames(form: ConnectionForm, transport: Transport) -> Iterator[tuple[str, str, str]]:
    if form.pipeline > 1 and (transport not in FRAMED or not form.check_transaction_id or form.min_gap_s):
        remedy = say("remedy.pipeline")
        yield "pipeline", say("problem.pipeline"), remedy


def _files(form: ConnectionForm, transport: Transport) -> Iterator[tuple[str, str, str]]:
    if transport is Transport.OPCUA:
        return
    if transport is not Transport.MODBUS_TLS:
        for name in (*FILES, "server_name"):
            if getattr(form, name) is not None:
                yield name, say("problem.for_tls"), say("remedy.for_tls")
    elif (form.cert_file is None) != (form.key_file is None):
        name = "cert_file" if form.key_file is None else "key_file"
        yield name, say("problem.certificate_pair"), say("remedy.certificate_pair")
