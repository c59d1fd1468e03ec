"""MQTT 3.1.1 by hand over asyncio, TCP_NODELAY set: the least a client can do, for floors and for exact send times."""

import asyncio
import socket
import struct
from collections.abc import Callable

OnMessage = Callable[[str, bytes], None]


class RawMqtt(asyncio.Protocol):
    """Connects clean, subscribes with QoS 0, publishes with QoS 0 or 1; acknowledgements are not awaited."""

    def __init__(self, name: str, topics: list[str], on_message: OnMessage) -> None:
        self._name, self._topics, self._on_message = name, topics, on_message
        self._buffer = b""
        self._packet_id = 0
        self.subscribed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say who we are."""
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._send(0x10, b"\x00\x04MQTT\x04\x02\x00\x00" + _text(self._name))

    def data_received(self, data: bytes) -> None:
        """Cut packets out of the stream."""
        self._buffer += data
        while (found := _packet(self._buffer)) is not None:
            kind, body, size = found
            self._buffer = self._buffer[size:]
            if kind & 0xF0 == 0x20:
                self._subscribe()
            elif kind & 0xF0 == 0x90:
                self.subscribed.set_result(None)
            elif kind & 0xF0 == 0x30:
                (length,) = struct.unpack_from(">H", body)
                self._on_message(body[2 : 2 + length].decode(), body[2 + length :])

    def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> None:
        """Send one message."""
        middle = b""
        if qos:
            self._packet_id = self._packet_id % 65535 + 1
            middle = struct.pack(">H", self._packet_id)
        self._send(0x30 | qos << 1, _text(topic) + middle + payload)

    def listen(self, on_message: OnMessage) -> None:
        """Hand messages to somebody else from now on."""
        self._on_message = on_message

    def close(self) -> None:
        """Hang up."""
        self._transport.close()

    def _subscribe(self) -> None:
        if not self._topics:
            self.subscribed.set_result(None)
            return
        self._send(0x82, b"\x00\x01" + b"".join(_text(topic) + b"\x00" for topic in self._topics))

    def _send(self, kind: int, body: bytes) -> None:
        size, length = b"", len(body)
        while True:
            length, low = length >> 7, length & 0x7F
            size += bytes((low | 0x80 if length else low,))
            if not length:
                break
        self._transport.write(bytes((kind,)) + size + body)  # type: ignore[attr-defined]  # TCP's


async def connect(port: int, name: str, topics: list[str], on_message: OnMessage = lambda _t, _p: None) -> RawMqtt:
    """Connected and subscribed."""
    _, client = await asyncio.get_running_loop().create_connection(
        lambda: RawMqtt(name, topics, on_message), "127.0.0.1", port
    )
    await client.subscribed
    return client


def _text(text: str) -> bytes:
    return struct.pack(">H", len(text)) + text.encode()


def _packet(buffer: bytes) -> tuple[int, bytes, int] | None:
    """Kind, body and size of the first whole packet."""
    length, shift, at = 0, 0, 1
    while at < len(buffer):
        length |= (buffer[at] & 0x7F) << shift
        shift += 7
        at += 1
        if not buffer[at - 1] & 0x80:
            end = at + length
            return (buffer[0], buffer[at:end], end) if len(buffer) >= end else None
    return None
