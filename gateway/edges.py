"""Edges are restarted: a field line, a link or the sampler that crashes comes back with back-off, control does not notice.

The only place that catches everything. Five restarts, then one a minute; one alarm a cause, raised at the first crash.
An edge that has lived for a minute is healthy: the alarm is cleared, the budget full again. Cancellation passes.
"""

import asyncio
from collections.abc import Awaitable, Callable

from gateway.clock import Clock
from gateway.log import get_logger
from gateway.model.command import Alarm

log = get_logger("edges")

BUDGET = 5
PAUSE_S = 60.0
FIRST_S = 0.5
HEALTHY_S = 60.0


async def run_once(
    name: str, work: Callable[[], Awaitable[None]], clock: Clock, *, on_alarm: Callable[[Alarm], None]
) -> None:
    """Run `work` to its end; what it did not expect is told and ends with it."""
    try:
        await work()
    except Exception as exc:  # the supervisor: a fault of it must not reach control
        log.exception("edge_crashed", edge=name)
        on_alarm(Alarm(f"edge_crashed:{name}", raised=True, at_ms=clock.utc_ms(), detail=repr(exc)))


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
    crashes = 0
    raised = False

    def clear() -> None:
        nonlocal raised, crashes
        raised = False
        crashes = 0
        log.info("edge_healthy", edge=name)
        on_alarm(Alarm(key, raised=False, at_ms=clock.utc_ms()))

    while True:
        healthy = asyncio.get_running_loop().call_later(HEALTHY_S / compress, clear) if raised else None
        try:
            await work()
        except Exception as exc:  # the supervisor: an edge's fault must not reach control
            if healthy is not None:
                healthy.cancel()
            if not raised:
                raised = True
                log.exception("edge_crashed", edge=name)
                on_alarm(Alarm(key, raised=True, at_ms=clock.utc_ms(), detail=repr(exc)))
            crashes += 1
            await asyncio.sleep((PAUSE_S if crashes > BUDGET else FIRST_S * 2 ** min(crashes, 4)) / compress)
        else:
            return
        finally:
            if healthy is not None:
                healthy.cancel()
