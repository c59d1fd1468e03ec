"""What went wrong, to the person at the terminal in their language."""

import sys

from gateway.errors import GatewayError
from gateway.texts import told


def complain(exc: Exception) -> None:
    """Print it where errors go."""
    print(exc.in_words(told) if isinstance(exc, GatewayError) else exc, file=sys.stderr)
