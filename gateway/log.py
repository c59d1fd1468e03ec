"""Log lines: one event with its fields, one line each; JSON unless a person watches. On top of the standard library's logging.

`log.warning("bus_lost", bus="rtu0")` is `{"room": "line", "bus": "rtu0", "event": "bus_lost", "level": "warning", …}`.
What libraries say comes as `name LEVEL text`, warnings and worse.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

OURS = "gateway"
"""The logger above all of ours."""
FIELDS = "fields"
"""The attribute of a record that holds the fields of an event."""
NOISY = ("pymodbus.logging", "asyncua", "mqtt", "amqtt", "transitions")
DIM, BOLD, OFF = "\x1b[2m", "\x1b[1m", "\x1b[0m"
COLOURS = {"warning": "\x1b[33m", "error": "\x1b[31m"}


class Logger:
    """Says which room speaks; fields are whatever JSON holds, anything else is told by its repr."""

    __slots__ = ("_logger", "_room")

    def __init__(self, room: str) -> None:
        self._room = room
        self._logger = logging.getLogger(f"{OURS}.{room}")

    def info(self, event: str, **fields: object) -> None:
        """Something went as it should."""
        self._say(logging.INFO, event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Something is not as it should be."""
        self._say(logging.WARNING, event, fields)

    def error(self, event: str, **fields: object) -> None:
        """Something failed."""
        self._say(logging.ERROR, event, fields)

    def exception(self, event: str, **fields: object) -> None:
        """Something failed by the exception that is being handled; its traceback comes along."""
        self._say(logging.ERROR, event, fields, failed=True)

    def _say(self, level: int, event: str, fields: dict[str, object], *, failed: bool = False) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, event, exc_info=failed, extra={FIELDS: {"room": self._room, **fields}})


class Stderr(logging.StreamHandler[TextIO]):
    """Standard error as it is when a line is written: what it was at the start may be closed."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]  # an attribute there, looked up anew here
        """Where the next line goes."""
        return sys.stderr


class Lines(logging.Formatter):
    """A record as one line; a traceback is a field of it."""

    def __init__(self, *, as_json: bool) -> None:
        super().__init__("%(name)s %(levelname)s %(message)s")
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """One of ours, or whatever a library said."""
        if not hasattr(record, FIELDS):
            return super().format(record)
        level = record.levelname.lower()
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        traceback = self.formatException(record.exc_info) if record.exc_info else ""
        fields = getattr(record, FIELDS)
        if self._as_json:
            words = {**fields, "event": record.msg, "level": level, "timestamp": at}
            return json.dumps(words | ({"exception": traceback} if traceback else {}), default=repr)
        shown = " ".join(
            f"{key}={json.dumps(value, default=repr, ensure_ascii=False)}" for key, value in fields.items()
        )
        head = f"{DIM}{at}{OFF} {COLOURS.get(level, '')}{level:8}{OFF} {BOLD}{record.msg}{OFF} {shown}"
        return f"{head}\n{traceback}" if traceback else head


def configure(*, level: str = "info", json: bool | None = None) -> None:
    """Send our events, and warnings of the libraries, to stderr."""
    handler = Stderr()
    handler.setFormatter(Lines(as_json=not sys.stderr.isatty() if json is None else json))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    ours = logging.getLogger(OURS)
    ours.setLevel(logging.getLevelNamesMapping()[level.upper()])
    ours.handlers, ours.propagate = [handler], False
    for noisy in NOISY:
        logging.getLogger(noisy).setLevel(logging.ERROR)


def get_logger(name: str) -> Logger:
    """A logger that says which room speaks."""
    return Logger(name)
