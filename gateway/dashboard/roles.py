"""Who may do what: four roles, each may do all that the ones before it may."""

from enum import IntEnum


class Role(IntEnum):
    """Weakest first."""

    VIEWER = 1
    """Sees everything but the audit trail."""
    OPERATOR = 2
    """Acknowledges, takes over, stops; sees the audit trail."""
    TECHNICIAN = 3
    """Checks the chain, fetches the support bundle."""
    ADMIN = 4
    """Users and tokens."""

    @property
    def word(self) -> str:
        """Its name on the wire."""
        return self.name.lower()


WORDS = {role.word: role for role in Role}
