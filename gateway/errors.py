"""The exception tree: everything a caller of ours has to know."""

from collections.abc import Callable
from dataclasses import dataclass


class GatewayError(Exception):
    """Anything of ours."""

    @property
    def said(self) -> str:
        """What happened, as a text that can be told in another language where it has a key."""
        return next((arg for arg in self.args if isinstance(arg, str)), str(self))

    def in_words(self, tell: Callable[[str], str]) -> str:
        """For people, as `tell` has it."""
        return tell(self.said)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a file: where, what, and what to write instead; line and column from 1, in characters."""

    file: str
    line: int
    column: int
    key: str
    code: str
    message: str
    remedy: str = ""
    nearest: str = ""
    see: str = ""

    def __str__(self) -> str:
        return self.in_words(str)

    def in_words(self, tell: Callable[[str], str]) -> str:
        """As one line, message and remedy as `tell` has them."""
        place = f"{self.file}:{self.line}:{self.column}: {self.key}: {tell(self.message)}"
        return f"{place}; {tell(self.remedy)}" if self.remedy else place


class ConfigError(GatewayError):
    """Bad configuration: every problem at once. Exit code 2."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems

    def in_words(self, tell: Callable[[str], str]) -> str:
        """For people: a line each."""
        return "\n".join(problem.in_words(tell) for problem in self.problems)


class ProfileError(GatewayError, ValueError):
    """A value that a device's profile cannot carry: out of range, not a number, not a name it knows."""


class StoreError(GatewayError):
    """The state directory cannot be used. Exit code 3."""


class ControlLost(GatewayError):
    """The control task ended. Exit code 4."""


class BusError(GatewayError):
    """A transaction with a device failed."""


class BusDown(BusError):
    """There is no connection: refused, reset, closed, unplugged."""


class BusTimeout(BusError):
    """No acceptable answer in time; for a write: outcome unknown."""


class BusMismatch(BusError):
    """An answer came that does not belong to the request, or is malformed."""


class BusRefused(BusError):
    """The device answered with an exception or a bad status."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class LinkError(GatewayError):
    """The upstream cannot be reached or refused us."""
