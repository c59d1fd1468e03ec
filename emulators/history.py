"""The history file of a run: the whole site's past load in the load form, ending where the run begins."""

from datetime import datetime, timedelta
from pathlib import Path

from emulators.load import Load


def write_history(path: Path, load: Load, *, assets_w: float, begin: datetime) -> None:
    """Write `t_s,load_w` with `# t0:` so that the last interval ends at `begin` (aware); `assets_w` is added to each."""
    times, watts = load.history(assets_w)
    if not times:
        times, watts = [-load.file.interval_s], [None]
    t0 = begin + timedelta(seconds=times[0])
    rows = [f"# t0: {t0.isoformat(timespec='seconds')}", "t_s,load_w"]
    rows += [f"{t - times[0]:g},{'' if w is None else format(w, '.0f')}" for t, w in zip(times, watts, strict=True)]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
