"""Where the dashboard listens; light, so that a gateway without one imports no web server."""

from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Listen:
    """Address and port (the next free one is taken); `hosts`: names it answers to besides its address.

    Beyond loopback it speaks TLS, with the owner's certificate or one of its own.
    """

    address: str = "127.0.0.1"
    port: int = 8080
    hosts: frozenset[str] = field(default_factory=frozenset)
    cert_file: Path | None = None
    key_file: Path | None = None

    @property
    def local(self) -> bool:
        """Only this machine reaches it."""
        return is_loopback(self.address)

    @property
    def encrypted(self) -> bool:
        """It speaks TLS."""
        return self.cert_file is not None or not self.local


def is_loopback(address: str) -> bool:
    """Whether an address is this machine's own."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
