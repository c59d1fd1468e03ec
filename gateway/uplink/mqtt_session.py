"""One MQTT session over aiomqtt: address, credentials, versions, socket options; its exceptions end here as LinkError."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiomqtt
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from gateway.errors import LinkError
from gateway.model.site import Link
from gateway.texts import say
from gateway.uplink.backoff import CAP_S, FIRST_S
from gateway.uplink.credentials import Credentials
from gateway.uplink.lanes import RECEIPT_S
from gateway.uplink.pace import BURST, PER_S
from gateway.uplink.resolve import ANSWER_S

VERSIONS = {
    "5": (aiomqtt.ProtocolVersion.V5,),
    "3.1.1": (aiomqtt.ProtocolVersion.V311,),
    "auto": (aiomqtt.ProtocolVersion.V5, aiomqtt.ProtocolVersion.V311),
}
SESSION_KEPT_S = 300
"""How long a broker of version 5 keeps commands for us; older ones would be expired anyway."""
MAX_PACKET = 64 * 1024
"""What a broker of version 5 may send us at once (A-046)."""
MAX_INCOMING = 1000
TRY_S = 2.0
"""How long a broker whose version is not known yet may take to answer version 5."""
_REFUSED_VERSION = (1, 132)
"""CONNACK: unacceptable protocol version, in 3.1.1 and in 5."""
_TAKEN_OVER = 142
SOCKET_OPTIONS = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),  # with Nagle's algorithm a QoS 1 round trip takes 44 ms
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 20_000),
)


@dataclass(frozen=True, slots=True)
class Times:
    """The times of a link; tests compress them all by one factor."""

    keepalive_s: int = 15
    answer_s: float = 10.0
    receipt_s: float = RECEIPT_S
    first_s: float = FIRST_S
    cap_s: float = CAP_S
    look_s: float = 1.0
    """How often overdue receipts, an unset clock and a failing disk are looked at."""
    resolve_s: float = ANSWER_S
    """How long a resolver may take before the last address is used."""
    papers_s: float = 30.0
    """How often the files of the credentials, and what is left of certificates, are looked at."""
    commands_per_s: float = PER_S
    commands_at_once: int = BURST


class SessionEnded(LinkError):
    """The session is over or never began."""

    def __init__(
        self, message: str, *, taken_over: bool = False, wrong_version: bool = False, renewed: bool = False
    ) -> None:
        super().__init__(message)
        self.renewed = renewed
        """By us, for new credentials."""
        self.taken_over = taken_over
        self.wrong_version = wrong_version


@dataclass(frozen=True, slots=True)
class Address:
    """Where the broker is, and whether the line is encrypted."""

    host: str
    port: int
    tls: bool


def address_of(url: str) -> Address:
    """`mqtt://host[:1883]` or `mqtts://host[:8883]`; anything else raises LinkError."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as exc:
        raise LinkError(f"{url}: {exc}") from exc
    if parts.scheme not in ("mqtt", "mqtts") or not host:
        raise LinkError(f"{url}: write mqtt://host:port or mqtts://host:port")
    tls = parts.scheme == "mqtts"
    return Address(host, port or (8883 if tls else 1883), tls)


@contextmanager
def translated() -> Iterator[None]:
    """Foreign exceptions become SessionEnded."""
    try:
        yield
    except aiomqtt.MqttError as exc:
        cause = exc if isinstance(exc, aiomqtt.MqttCodeError) else exc.__cause__
        code = _code(cause)
        wrong_version = isinstance(exc, aiomqtt.exceptions.MqttConnectError) and code in _REFUSED_VERSION
        text = f"{exc} ({cause})" if cause is not None and cause is not exc else str(exc)
        raise SessionEnded(text, taken_over=code == _TAKEN_OVER, wrong_version=wrong_version) from exc
    except (OSError, TimeoutError) as exc:
        raise SessionEnded(str(exc) or type(exc).__name__) from exc


def _code(exc: BaseException | None) -> int | None:
    """The reason code of MQTT 5, the return code of 3.1.1 or of the library."""
    if not isinstance(exc, aiomqtt.MqttCodeError) or exc.rc is None:
        return None
    return exc.rc if isinstance(exc.rc, int) else int(exc.rc.value)


@asynccontextmanager
async def session(
    link: Link,
    client_id: str,
    *,
    credentials: Credentials,
    host: str,
    version: aiomqtt.ProtocolVersion,
    will: tuple[str, bytes],
    keepalive_s: int,
    answer_s: float,
    late: Callable[[aiomqtt.Message], None],
) -> AsyncIterator[aiomqtt.Client]:
    """A connected client; SessionEnded when there is none to be had.

    `host` is the address to dial, the name in the link's url is what certificates are checked against; `late` gets the messages that were acknowledged to the broker but not looked at when the session ended.
    """
    address = address_of(link.url)
    newest = version is aiomqtt.ProtocolVersion.V5
    client = aiomqtt.Client(
        host,
        address.port,
        identifier=client_id,
        protocol=version,
        username=link.user,
        password=credentials.password,
        tls_context=credentials.context,
        will=aiomqtt.Will(*will, qos=1, retain=True),
        keepalive=keepalive_s,
        timeout=answer_s,
        clean_start=False if newest else MQTT_CLEAN_START_FIRST_ONLY,
        clean_session=None if newest else False,
        properties=_connect_properties() if newest else None,
        max_queued_incoming_messages=MAX_INCOMING,
        max_inflight_messages=100,  # ours is the lower bound; the library must not queue behind our back
        socket_options=SOCKET_OPTIONS,
    )
    client.pending_calls_threshold = 100
    try:
        await _connect(client, answer_s)
    except SessionEnded:
        if credentials.context is not None:
            credentials.context.close()
        raise
    try:
        yield client
    finally:
        with suppress(aiomqtt.MqttError, OSError):  # never in the way of a cancellation
            await client.__aexit__(None, None, None)
        with suppress(aiomqtt.MqttError):
            async for message in client.messages:
                late(message)


async def _connect(client: aiomqtt.Client, answer_s: float) -> None:
    began_s = asyncio.get_running_loop().time()
    try:
        with translated():
            await client.__aenter__()
    except SessionEnded as exc:
        # brokers of version 3.1.1 answer version 5 with a refusal, or just close: the library waits that out
        exc.wrong_version |= asyncio.get_running_loop().time() - began_s >= answer_s
        raise


async def subscribe(client: aiomqtt.Client, topics: dict[str, int], *, version: aiomqtt.ProtocolVersion) -> None:
    """Subscribe with the given qualities of service; a refusal of one is a SessionEnded."""
    with translated():
        if version is aiomqtt.ProtocolVersion.V5:
            wanted = [(one, SubscribeOptions(qos=qos, retainAsPublished=True)) for one, qos in topics.items()]
            codes = await client.subscribe(wanted)
        else:
            codes = await client.subscribe(list(topics.items()))
    granted = [code.value if isinstance(code, ReasonCode) else code for code in codes]
    for one, code in zip(topics, granted, strict=True):
        if code >= 128:
            raise SessionEnded(say("alarm.no_subscription", topic=one))


def _connect_properties() -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho's own gap
    properties.SessionExpiryInterval = SESSION_KEPT_S
    properties.MaximumPacketSize = MAX_PACKET
    return properties
