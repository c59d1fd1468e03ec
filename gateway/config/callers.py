"""Which devices that dial in at one address could be taken for one another: by what they send first, and from where."""

from gateway.config.form import ConnectionForm

HEX = "hex:"


def confusable(one: ConnectionForm, other: ConnectionForm) -> bool:
    """Whether a call of one may be taken for the other's."""
    if one.peer is not None and other.peer is not None and one.peer != other.peer:
        return False
    if one.registration is None or other.registration is None:
        return one.peer == other.peer  # who is known by his address alone is known before he says anything
    first, second = packet(one.registration), packet(other.registration)
    return first.startswith(second) or second.startswith(first)


def packet(text: str) -> bytes:
    """The bytes of a packet: `hex:…` or plain text."""
    return bytes.fromhex(text.removeprefix(HEX)) if text.startswith(HEX) else text.encode("ascii")
