"""Edges are restarted: a field line, a link or the sampler that crashes comes back with back-off, control does not notice.

The only place that catches everything. A budget of five restarts a minute, then one a minute; one alarm a cause, raised
at the first crash and cleared when the edge has lived for a minute. Cancellation passes.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from gateway.clock import Clock
from gateway.log import get_logger
from gateway.model.command import Alarm

log = get_logger("edges")

BUDGET = 5
WITHIN_S = 60.0
FIRST_S = 0.5
HEALTHY_S = 60.0


async def keep_running(
    name: str,
    work: Callable[[], Awaitable[None]],
    clock: Clock,
    *,
    on_alarm: Callable[[Alarm], None],
    compress: float = 1.0,
) -> None:
    """Run `work` for ever; `compress` divides all times (tests)."""
    key = f"edge_crashed:{name}"
    crashes: deque[float] = deque(maxlen=BUDGET)
    raised = False
    while True:
        began_s = clock.boot_s()
        healthy: asyncio.TimerHandle | None = None
        if raised:
            healthy = asyncio.get_running_loop().call_later(
                HEALTHY_S / compress, lambda: on_alarm(Alarm(key, raised=False, at_ms=clock.utc_ms()))
            )
        try:
            await work()
            return
        except Exception as exc:  # noqa: BLE001 - the supervisor; an edge's fault must not reach control
            now_s = clock.boot_s()
            if healthy is not None:
                healthy.cancel()
                raised = now_s - began_s < HEALTHY_S / compress
            if not raised:
                raised = True
                log.exception("edge_crashed", edge=name)
                on_alarm(Alarm(key, raised=True, at_ms=clock.utc_ms(), detail=repr(exc)))
            crashes.append(now_s)
            full = len(crashes) == BUDGET and now_s - crashes[0] < WITHIN_S / compress
            await asyncio.sleep((WITHIN_S if full else FIRST_S * 2 ** min(len(crashes), 4)) / compress)
