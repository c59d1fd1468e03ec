"""plant.csv: the true power at the connection, every 100 ms and at each change."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from emulators.plant import Plant

RECORD_S = 0.1
FLUSH_S = 1.0


async def record(plant: Plant, now_s: Callable[[], float], path: Path) -> None:
    """Write `t_s,true_site_w` until cancelled; `now_s` counts the run's seconds."""
    with path.open("w", encoding="utf-8") as file:

        def row() -> None:
            file.write(f"{plant.now_s:.4f},{plant.true_site_w():.2f}\n")

        file.write("t_s,true_site_w\n")
        plant.on_event = row
        flushed_s = now_s()
        try:
            while True:
                here_s = now_s()
                if here_s >= plant.now_s:
                    plant.advance(here_s)
                    row()
                if here_s - flushed_s >= FLUSH_S:
                    flushed_s = here_s
                    file.flush()
                await asyncio.sleep(RECORD_S - here_s % RECORD_S)
        finally:
            plant.on_event = None
