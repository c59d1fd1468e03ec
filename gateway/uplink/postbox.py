"""Postbox: acknowledgements, alarms, status and plan on their way; bounded, in order, kept until the broker has them."""

from collections import deque

from gateway.wire.messages import Letter

MAX_LETTERS = 1000
_NEWEST_ONLY = ("status", "plan")


class Postbox:
    """Acks and alarms queue; of status and plan the newest counts, and each new session hears them again."""

    def __init__(self, *, max_letters: int = MAX_LETTERS) -> None:
        self._max_letters = max_letters
        self._queue: deque[Letter] = deque()
        self._out: list[Letter] = []
        self._newest: dict[str, Letter] = {}
        self._unsent: dict[str, Letter] = {}
        self.dropped = 0

    def put(self, letter: Letter) -> None:
        """Take a letter; beyond the bound the oldest is dropped and counted."""
        if letter.name in _NEWEST_ONLY:
            self._newest[letter.name] = self._unsent[letter.name] = letter
            return
        self._queue.append(letter)
        if len(self._queue) > self._max_letters:
            self._queue.popleft()
            self.dropped += 1

    def begin(self) -> None:
        """A new session: what was on its way goes again, status and plan too."""
        self._queue.extendleft(reversed(self._out))
        self._out.clear()
        self._unsent = dict(self._newest)

    def take(self) -> Letter | None:
        """The next letter to send."""
        for name in _NEWEST_ONLY:
            if name in self._unsent:
                return self._unsent.pop(name)
        if not self._queue:
            return None
        letter = self._queue.popleft()
        self._out.append(letter)
        return letter

    def delivered(self, letter: Letter) -> None:
        """The broker has it."""
        self._out = [one for one in self._out if one is not letter]

    def __len__(self) -> int:
        return len(self._queue) + len(self._out) + len(self._unsent)
