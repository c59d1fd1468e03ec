"""What the keys of an OPC UA connection mean together: security, who we say we are, whom we trust."""

from collections.abc import Iterator
from pathlib import Path

from gateway.config.form import ConnectionForm
from gateway.model.site import Transport
from gateway.texts import say

SECURED = (
    "cert_file",
    "key_file",
    "server_name",
    "user",
    "password_file",
    "user_cert_file",
    "user_key_file",
    "trust_dir",
)
ONLY_HERE = ("security_policy", "user", "password_file", "user_cert_file", "user_key_file", "trust_dir")
FILES = ("cert_file", "key_file", "password_file", "user_cert_file", "user_key_file")
SECRET = ("key_file", "password_file", "user_key_file")
PAIRS = (("cert_file", "key_file"), ("user_cert_file", "user_key_file"), ("user", "password_file"))
Said = tuple[str, str, str]
"""A key, what is wrong with it, what to write."""


def opcua_problems(form: ConnectionForm, transport: Transport, folder: Path) -> Iterator[Said]:
    """What is wrong with a connection as an OPC UA one; `folder` is the site file's."""
    if transport is not Transport.OPCUA:
        yield from _strangers(form)
        return
    if form.ca_file is not None:
        yield "ca_file", say("problem.for_tls"), say("remedy.trust_folder")
    if form.security_policy is None:
        yield from _unsecured(form)
    for first, second in PAIRS:
        if (getattr(form, first) is None) != (getattr(form, second) is None):
            given, lacking = (first, second) if getattr(form, second) is None else (second, first)
            yield given, say("problem.goes_with", key=lacking), say("remedy.add_key", key=lacking)
    if form.user is not None and form.user_cert_file is not None:
        yield "user_cert_file", say("problem.one_user"), say("remedy.one_user")
    if form.deadband_pct and not form.subscribe:
        yield "deadband_pct", say("problem.for_subscriptions"), say("remedy.subscribe")
    if form.trust_dir is not None and not _inside(form.trust_dir, folder):
        yield "trust_dir", say("problem.trust_dir", folder=form.trust_dir), say("remedy.create_there")


def _unsecured(form: ConnectionForm) -> Iterator[Said]:
    named = [name for name in SECURED if getattr(form, name) is not None]
    for name in (*named, *({"security_mode"} & form.model_fields_set)):
        yield name, say("problem.secured_only"), say("remedy.secured_only")


def _strangers(form: ConnectionForm) -> Iterator[Said]:
    for name in ONLY_HERE:
        if getattr(form, name) is not None:
            yield name, say("problem.for_opcua"), say("remedy.remove")
    for name in ("security_mode", "subscribe", "deadband_pct"):
        if name in form.model_fields_set:
            yield name, say("problem.for_opcua"), say("remedy.remove")


def _inside(name: str, folder: Path) -> bool:
    try:
        place = (folder / name).resolve()
        return place.is_dir() and place.is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):
        return False
