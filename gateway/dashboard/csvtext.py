"""A stretch of history as CSV: UTC in both forms, one row a step that is known."""

from collections.abc import Iterator
from datetime import UTC, datetime

from gateway.dashboard.records import Series

HEAD = "t_ms,utc,mean,min,max,quality"


def csv_of(series: Series) -> str:
    """The whole page."""
    return (
        "\n".join([f"# {series.point} in {series.unit or '1'}, steps of {series.step_s:g} s", HEAD, *rows_of(series)])
        + "\n"
    )


def rows_of(series: Series) -> Iterator[str]:
    """The rows; a gap has none."""
    columns = zip(series.t_ms, series.mean, series.min, series.max, series.quality, strict=True)
    for t_ms, mean, low, high, quality in columns:
        if mean is not None:
            utc = datetime.fromtimestamp(t_ms / 1000.0, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            yield f"{t_ms},{utc},{mean!r},{low!r},{high!r},{quality}"
