"""Packets: what a device that dials in sends beside Modbus TCP frames, taken out from between them. Pure.

A serial server on a mobile network sends its registration again and a heartbeat now and then. TCP may put them into one
piece with a reply, before or behind it, or cut them in two; and bytes like theirs may stand inside a reply, or be its
first ones. A frame says how long it is: only between two frames is a packet a packet.
"""

from collections.abc import Iterable

HEAD, SIZES = 6, range(2, 255)
"""Of a frame: what stands before its length counts, and how much that may be."""


class Packets:
    """The stream of one caller; without packets to look for it goes through as it is."""

    def __init__(self, packets: Iterable[bytes]) -> None:
        self._packets = tuple(packet for packet in packets if packet)
        self._kept = b""
        """What may yet become a packet, or has not told its length."""
        self._missing = 0
        """Bytes of the frame under way."""

    def without(self, data: bytes) -> bytes:
        """What of the stream up to these bytes belongs to frames and was not given yet."""
        if not self._packets:
            return data
        self._kept += data
        given = b""
        while self._kept:
            self._missing = self._missing or self._next_frame()
            if not self._missing:
                break
            part = self._kept[: self._missing]
            given += part
            self._kept = self._kept[len(part) :]
            self._missing -= len(part)
        return given

    def _next_frame(self) -> int:
        """How long the frame is that begins here, packets before it dropped; 0 while that cannot be told."""
        while len(self._kept) >= HEAD:
            size = int.from_bytes(self._kept[4:6], "big")
            if self._kept[2:4] == b"\0\0" and size in SIZES:
                return HEAD + size
            packet = next((packet for packet in self._packets if self._kept.startswith(packet)), None)
            if packet is None:
                unclear = any(packet.startswith(self._kept) for packet in self._packets)
                return 0 if unclear else len(self._kept)  # neither frame nor packet: whoever reads it will hang up
            self._kept = self._kept[len(packet) :]
        return 0
