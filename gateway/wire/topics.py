"""The topics of one site's tree, `vpp/v1/<site>/…`; ids that could leave the tree are refused."""

import re

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
"""What a site, an asset and an issuer may be called: no `+ # / $`, no NUL, no blanks."""
MESSAGE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")
"""What a command may be called: also UUIDs and urns."""

INCOMING = ("command", "receipt", "heartbeat")


def topic(site: str, name: str) -> str:
    """The topic `name` of a site; ValueError when the site's id could reach outside its own tree (A-045)."""
    if not ID.fullmatch(site):
        raise ValueError(f"site id {site!r} does not match {ID.pattern}")
    return f"vpp/v1/{site}/{name}"


def name_of(site: str, full: str) -> str | None:
    """The last part of an incoming topic of this site, or None when it is not one of ours."""
    for name in INCOMING:
        if full == topic(site, name):
            return name
    return None
