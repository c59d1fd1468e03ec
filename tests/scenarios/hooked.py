"""`python -m gateway` with a hook that blocks its event loop once: GATEWAY_TEST_BLOCK="after_s for_s", after it is ready."""

import asyncio
import os
import time

from gateway.cli.commands import main
from gateway.notify import Notifier


class BlockingNotifier(Notifier):
    """Blocks the loop some time after READY=1."""

    def ready(self) -> bool:
        after_s, for_s = map(float, os.environ["GATEWAY_TEST_BLOCK"].split())
        asyncio.get_running_loop().call_later(after_s, time.sleep, for_s)
        return super().ready()


if __name__ == "__main__":
    import gateway.notify

    gateway.notify.Notifier = BlockingNotifier  # type: ignore[misc]
    main()
