"""What an OPC UA server may send us: frames of a sane size and kind, messages that end, arrays that can be counted.

The library reads sizes from the wire as they come: it would keep two gigabytes for one frame, collect chunks without
end, and make a list of two thousand million nothings out of ten bytes. Here the bytes are cut into frames first;
whatever is beyond these limits closes the connection. `OPC 10000-6, 7.1` is the clause.
"""

import asyncio
import dataclasses
import struct
from collections.abc import Callable, Iterator
from typing import Any, cast

from asyncua import ua
from asyncua.client.client import Client
from asyncua.client.ua_client import UaClient, UASocketProtocol
from asyncua.common.connection import TransportLimits
from asyncua.crypto.security_policies import (
    SecurityPolicyAes128Sha256RsaOaep,
    SecurityPolicyAes256Sha256RsaPss,
    SecurityPolicyBasic256Sha256,
    SecurityPolicyNone,
)
from asyncua.ua import ua_binary
from asyncua.ua.uaerrors import UaError

from gateway.field.tap import Tap

HEALTH_CHECK_S = 10.0
LEAST_CHECK_S = 0.25
LEAST_CHANNEL_MS = 1_000
SESSION_MS = 60_000
"""A server forgets a session of ours after so long; a longer one would cost it its sessions while we reconnect."""
POLICIES: dict[str, Any] = {
    "Basic256Sha256": SecurityPolicyBasic256Sha256,
    "Aes128_Sha256_RsaOaep": SecurityPolicyAes128Sha256RsaOaep,
    "Aes256_Sha256_RsaPss": SecurityPolicyAes256Sha256RsaPss,
}
"""By the name in the site file, which is that in the policy's URI."""
STRONG = frozenset(policy.URI for policy in POLICIES.values())
HEADER = 8
FRAME_BYTES = 65_536
"""What we announce in Hello as the largest chunk we take."""
MESSAGE_BYTES = 4 * 1024 * 1024
MESSAGE_CHUNKS = 512
SHOWN_BYTES = 256
"""Of a frame, to who looks at the line."""
WHOLE, PART, ABORTED = b"F", b"C", b"A"
KINDS = {b"ACK": WHOLE, b"ERR": WHOLE, b"OPN": WHOLE, b"MSG": WHOLE + PART + ABORTED}
"""Frames a server sends, and how each may be marked."""
FOREIGN: tuple[type[Exception], ...] = (
    UaError, OSError, struct.error, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError,
    AssertionError, MemoryError, NotImplementedError,
)  # fmt: skip
"""What the library lets through when bytes from the wire mean nothing to it."""


class Unsound(UaError):
    """Bytes that no server may send."""


class Frames:
    """The bytes of a connection, cut into frames."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._chunks = 0
        self._bytes = 0

    @property
    def kept(self) -> int:
        """How many bytes wait for the rest of their frame."""
        return len(self._kept)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The frames that are whole now. Unsound: nothing of this connection may be read any more."""
        self._kept += data
        at = 0
        try:
            while len(self._kept) - at >= HEADER:
                size = self._size(bytes(self._kept[at : at + HEADER]))
                if len(self._kept) - at < size:
                    return
                frame = bytes(self._kept[at : at + size])
                self._count(frame)
                at += size
                yield frame
        finally:
            del self._kept[:at]

    def _size(self, header: bytes) -> int:
        kind, mark, size = header[:3], header[3:4], int.from_bytes(header[4:], "little")
        if mark not in KINDS.get(kind, b"") or not mark:
            raise Unsound(f"a frame that begins with {header[:4]!r}")
        if not HEADER < size <= FRAME_BYTES:
            raise Unsound(f"a frame of {size} bytes")
        return size

    def _count(self, frame: bytes) -> None:
        if frame[3:4] != PART:
            self._chunks = self._bytes = 0
            return
        self._chunks += 1
        self._bytes += len(frame)
        if self._chunks > MESSAGE_CHUNKS or self._bytes > MESSAGE_BYTES:
            raise Unsound(f"a message of more than {self._chunks} chunks, {self._bytes} bytes")


class ShownTransport:
    """The transport of a connection, whose writes are shown; everything else is its own."""

    def __init__(self, transport: Any, show: Callable[[str, bytes], None]) -> None:
        self._transport = transport
        self._show = show

    def write(self, data: bytes) -> None:
        """Send, and show what."""
        self._show("out", data)
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        """As the transport."""
        return getattr(self._transport, name)


class GuardedProtocol(UASocketProtocol):
    """The library's protocol, given whole frames only."""

    def __init__(self, *given: Any, show: Callable[[str, bytes], None], **more: Any) -> None:
        super().__init__(*given, **more)
        self._frames = Frames()
        self._show = show

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the library has it
        """Keep the transport."""
        super().connection_made(transport)
        self.transport = cast("asyncio.Transport", ShownTransport(transport, self._show))

    async def send_hello(self, url: str, max_messagesize: int = 0, max_chunkcount: int = 0) -> ua.Acknowledge:  # noqa: ARG002 - the library's signature
        """Say what we take; the library would say two gigabytes."""
        sizes = {"ReceiveBufferSize": FRAME_BYTES, "SendBufferSize": FRAME_BYTES, "MaxMessageSize": MESSAGE_BYTES}
        hello = ua.Hello(EndpointUrl=url, MaxChunkCount=MESSAGE_CHUNKS, **sizes)  # type: ignore[arg-type]  # plain ints
        answer: asyncio.Future[ua.Acknowledge] = asyncio.get_running_loop().create_future()
        self._callbackmap[0] = answer
        if self.transport is not None:
            self.transport.write(ua_binary.uatcp_to_binary(ua.MessageType.Hello, hello))  # type: ignore[arg-type]  # bytes, they say
        async with asyncio.timeout(self.timeout):
            return await answer

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        try:
            for frame in self._frames.feed(data):
                if self.transport is None or self.transport.is_closing():
                    return
                self._show("in", frame)
                super().data_received(frame)
        except Unsound as exc:
            self._fail_all_pending(exc)
            if self.transport is not None:
                self.transport.abort()


class GuardedUaClient(UaClient):
    """The library's transport with a guarded protocol."""

    tap: Tap | None = None
    """Who looks at the frames."""

    def _shown(self, way: str, data: bytes) -> None:
        if self.tap is not None:
            (self.tap.out if way == "out" else self.tap.came)(data[:SHOWN_BYTES])

    def _make_protocol(self) -> UASocketProtocol:
        limits = TransportLimits(FRAME_BYTES, FRAME_BYTES, MESSAGE_CHUNKS, MESSAGE_BYTES)
        self.protocol = GuardedProtocol(
            self._timeout, security_policy=self.security_policy, limits=limits, show=self._shown
        )
        self.protocol.pre_request_hook = self._pre_request_hook
        self.protocol.on_connection_lost = self._on_transport_lost
        self.protocol.is_session_closing = self._is_session_closing
        return self.protocol


class GuardedClient(Client):
    """The library's client; it dials the address it was made with and no other, whatever a server calls itself."""

    def __init__(self, url: str, *, timeout_s: float) -> None:
        super().__init__(url, timeout=timeout_s, watchdog_intervall=HEALTH_CHECK_S)
        self.name = self.description = "vpp-gateway"
        self.session_timeout = SESSION_MS
        self._guarded = GuardedUaClient(timeout_s)
        self.uaclient = self._guarded
        self.uaclient.pre_request_hook = self._wait_until_ready
        self.nodes = type(self.nodes)(self.uaclient.session)

    def show(self, tap: Tap | None) -> None:
        """Show every frame from now on to `tap`; None: to nobody."""
        self._guarded.tap = tap

    async def create_session(self) -> ua.CreateSessionResult:
        """As the library, whose health check comes in time for a server that forgets sessions sooner than it was asked to."""
        made = await super().create_session()
        self._watchdog_intervall = min(HEALTH_CHECK_S, max(self.session_timeout / 2000.0, LEAST_CHECK_S))
        return made

    async def open_secure_channel(self, renew: bool = False) -> None:  # noqa: FBT001, FBT002 - the library's signature
        """As the library; a server that gives a channel no time at all does not have it renewed without a pause."""
        await super().open_secure_channel(renew)
        self.secure_channel_timeout = max(self.secure_channel_timeout, LEAST_CHANNEL_MS)

    def server_policy(self, token_type: ua.UserTokenType) -> ua.UserTokenPolicy:
        """How the server wants a user named. UaError where a credential would go where others can read or take it."""
        if token_type is ua.UserTokenType.Anonymous:
            return super().server_policy(token_type)
        if self.security_policy.Mode == ua.MessageSecurityMode.None_:
            raise UaError("a user is named over a secured connection only: security_policy")
        kinds = [policy for policy in self._policy_ids if policy.TokenType == token_type]
        if not kinds:
            raise UaError(f"the server takes no user of the kind {token_type.name}")
        for policy in kinds:
            uri = policy.SecurityPolicyUri or self.security_policy.URI
            sealed = self.security_policy.Mode == ua.MessageSecurityMode.SignAndEncrypt
            if uri in STRONG or (uri == SecurityPolicyNone.URI and sealed and token_type is ua.UserTokenType.UserName):
                return dataclasses.replace(policy, SecurityPolicyUri=uri)
        raise UaError("the server wants the user named in a way that can be read or forged")


class NoNothings:
    """Decodes an array of nulls: never; its elements take no bytes, so that its length is bounded by nothing."""

    @staticmethod
    def unpack_array(_data: object, length: int) -> list[None]:
        """The library's hook for arrays of a type."""
        if length > 0:
            raise Unsound(f"an array of {length} nulls")
        return []


ua_binary.Primitives1.Null = NoNothings  # type: ignore[attr-defined]  # the library looks decoders of arrays up here
