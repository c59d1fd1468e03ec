"""Guessing is slow: so many tries a minute for an account and for an address, whoever tries.

A try counts before it is judged; one that succeeds gives its place back. Tries over the network and tries on the
machine itself are counted apart: nobody outside can lock the owner out of his own box.
"""

from collections import deque

from gateway.model.listen import is_loopback

WINDOW_S = 60.0
PER_ACCOUNT, PER_ADDRESS = 10, 10
MOST_KEYS = 4096


class Throttle:
    """Counts tries; bounded, the longest idle forgotten first."""

    def __init__(self) -> None:
        self._tries: dict[str, deque[float]] = {}

    def take(self, account: str, address: str, *, now_s: float) -> float:
        """Count a try: 0.0 when it may be made, else in how many seconds to come again (then it does not count)."""
        keys = self._keys(account, address)
        waits = [self._wait_s(key, most, now_s) for key, most in keys]
        if (wait_s := max(waits)) > 0.0:
            return wait_s
        for key, _ in keys:
            self._tries.setdefault(key, deque()).append(now_s)
        while len(self._tries) > MOST_KEYS:
            del self._tries[next(iter(self._tries))]
        return 0.0

    def give_back(self, account: str, address: str) -> None:
        """The try was right."""
        for key, _ in self._keys(account, address):
            if found := self._tries.get(key):
                found.pop()

    def locked(self, account: str, *, now_s: float) -> bool:
        """Whether the account takes no tries over the network now."""
        return self._wait_s(f"network>{account}", PER_ACCOUNT, now_s) > 0.0

    def _keys(self, account: str, address: str) -> list[tuple[str, int]]:
        side = "here" if is_loopback(address) else "network"
        return [(f"{side}>{account}", PER_ACCOUNT), (f"address>{address}", PER_ADDRESS)]

    def _wait_s(self, key: str, most: int, now_s: float) -> float:
        tries = self._tries.get(key)
        if tries is None:
            return 0.0
        while tries and tries[0] <= now_s - WINDOW_S:
            tries.popleft()
        return 0.0 if len(tries) < most else tries[0] + WINDOW_S - now_s
