"""A box that serves several places behind one unit id (relays, connectors): each request goes to the place it is about."""

from collections.abc import Sequence

from emulators.registers import ILLEGAL_ADDRESS
from emulators.unit import Answer, Served


class Box:
    """The places of one unit id; a register that none of them has is refused as the first refuses it."""

    def __init__(self, places: Sequence[Served]) -> None:
        self._places = places
        self.device = places[0].device
        """The place that was asked last."""

    def wait_s(self) -> float:
        """As long as the slowest place lets a request lie."""
        return max(place.wait_s() for place in self._places)

    def answer(self, pdu: bytes) -> Answer:
        """The answer of the place that knows the register."""
        refused: Answer | None = None
        for place in self._places:
            answer = place.answer(pdu)
            if answer.pdu is None or len(answer.pdu) != 2 or answer.pdu[1] != ILLEGAL_ADDRESS:
                self.device = place.device
                return answer
            refused = refused or answer
        assert refused is not None  # there is a place
        return refused
