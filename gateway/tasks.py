"""Ending tasks: a cancellation is repeated until it is obeyed."""

import asyncio
from typing import Any

AGAIN_S = 2.0
"""How long a task may tidy up before it is cancelled once more."""


async def ended(*tasks: asyncio.Task[Any], again_s: float = AGAIN_S) -> None:
    """Cancel tasks and wait until all have ended; what they raise is theirs to tell.

    One cancellation is not enough: `asyncio.wait_for` of Python 3.11, which the MQTT client awaits its answers with,
    swallows a cancellation that arrives together with the answer (python/cpython#86296).
    """
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=again_s)
