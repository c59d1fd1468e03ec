"""Logging set-up: one line of fields per event, JSON unless a person watches."""

import io
import logging
import sys
from typing import TextIO, cast

# structlog loads rich, where it is installed, for tracebacks we do not print: 7 MB and a tenth of a second of every daemon
if sys.modules.setdefault("rich", None) is None:  # type: ignore[arg-type]  # None: as if it were not installed
    import structlog

    del sys.modules["rich"]
else:
    import structlog


class Stderr(io.TextIOBase):
    """Standard error as it is when a line is written: loggers are kept, and what they first wrote to may be closed."""

    def write(self, text: str) -> int:  # noqa: D102
        return sys.stderr.write(text)

    def flush(self) -> None:  # noqa: D102
        sys.stderr.flush()


def configure(*, level: str = "info", json: bool | None = None) -> None:
    """Send our events, and warnings of the libraries, to stderr."""
    as_json = not sys.stderr.isatty() if json is None else json
    renderer = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(file=cast("TextIO", Stderr())),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(name)s %(levelname)s %(message)s")
    for noisy in ("pymodbus.logging", "asyncua", "mqtt", "amqtt", "transitions"):
        logging.getLogger(noisy).setLevel(logging.ERROR)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger that says which room speaks."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(room=name)
    return logger
