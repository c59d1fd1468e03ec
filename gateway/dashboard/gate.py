"""The gate every HTTP request passes before anything else: which host was meant, from which page it comes, what the
answer's headers forbid.

Host allow-list: A-029. Origin and Sec-Fetch-Site: A-027, A-030. No Access-Control header is ever sent: A-028.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Server": "gateway",
}
SAFE_METHODS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Gate:
    """What one listener lets in; `scheme` is http or https, `hosts` the names it answers to besides its own address."""

    scheme: str
    hosts: frozenset[str]

    def knows(self, host: str | None) -> bool:
        """Whether a Host header names us; its port may be a forwarded one."""
        return host is not None and _name(host) in self.hosts

    def is_foreign(self, headers: Mapping[str, str]) -> bool:
        """Whether another site's page sent it, by what the browser says of itself."""
        if headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            return True
        origin = headers.get("Origin")
        return origin is not None and origin != f"{self.scheme}://{headers.get('Host', '')}"

    def is_ours(self, headers: Mapping[str, str]) -> bool:
        """Whether our own page sent it: a change with a cookie needs the proof, not only the absence of doubt."""
        return headers.get("Origin") == f"{self.scheme}://{headers.get('Host', '')}" and not self.is_foreign(headers)


def gate_for(address: str, hosts: frozenset[str], *, scheme: str) -> Gate:
    """The gate of a listener at `address`: its own names and those the owner listed."""
    own = f"[{address}]" if ":" in address else address
    return Gate(scheme, frozenset(host.lower() for host in {own, *hosts}) | LOOPBACK_NAMES)


def _name(host: str) -> str:
    try:
        found = urlsplit(f"//{host}")
        found.port  # noqa: B018 - raises ValueError where it is no number
    except ValueError:
        return ""
    if found.username is not None or found.path or found.query or found.fragment or found.hostname is None:
        return ""
    return f"[{found.hostname}]" if ":" in found.hostname else found.hostname
