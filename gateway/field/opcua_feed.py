"""Feed: one subscription of a session: the newest value of every node as the server tells it, and when it last spoke.

It is a source beside reading, not instead of it: what it has not told, or told too long ago, is read. The server keeps up
to QUEUE changes of a node between two publications and says when it lost some; a publication that is missing is asked for
again. Only the newest value of a node counts here, so nothing grows.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from asyncua import ua
from asyncua.client.ua_session import UaSession
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaStatusCodeError

from gateway.clock import Clock
from gateway.field.opcua_values import OVERFLOW, status_of
from gateway.profiles.schema import Point

QUEUE = 10
LEAST_INTERVAL_S = 0.1
KEEP_ALIVES = 1
"""Silent publications until the server says that it is there: a value is as old as its last word."""
LIFETIME = 30
PER_REQUEST = 500
MOST_MISSING = 100
"""Publications asked for again at most; beyond that the values are read."""
NO_FILTER = frozenset(
    {
        StatusCodes.BadFilterNotAllowed,
        StatusCodes.BadMonitoredItemFilterInvalid,
        StatusCodes.BadMonitoredItemFilterUnsupported,
        StatusCodes.BadDeadbandFilterInvalid,
    }
)
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Wish:
    """One node to be told of."""

    key: Key
    node: ua.NodeId
    period_s: float
    deadband: float = 0.0
    """In the node's own unit."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the server said of a node last; `number` is that of the publication."""

    value: Any
    at_s: float
    number: int


def deadband_of(point: Point, percent: float) -> float:
    """A share of a point's range in the node's own unit; 0 where the range is not known or standing still means something."""
    if not percent or point.low is None or point.high is None or point.expect_change_s is not None or not point.factor:
        return 0.0
    return abs((point.high - point.low) / point.factor) * percent / 100.0


class Feed:
    """One subscription."""

    def __init__(self, session: UaSession, *, clock: Clock, counters: Counter[str]) -> None:
        self.interval_s = inf
        self.spoken_s = -inf
        """When the server last answered a publication (boot time)."""
        self.lost = False
        """The server says that the subscription is no more."""
        self._session = session
        self._clock = clock
        self._counters = counters
        self._id = 0
        self._keys: dict[int, Key] = {}
        self._told: dict[Key, Told] = {}
        self._number = 0
        self._missing: list[int] = []

    async def start(self, wishes: Sequence[Wish]) -> int:
        """Subscribe to nodes; how many the server watches. UaError."""
        wanted_s = max(min(wish.period_s for wish in wishes), LEAST_INTERVAL_S)
        asked = ua.CreateSubscriptionParameters(
            RequestedPublishingInterval=wanted_s * 1000.0,
            RequestedLifetimeCount=ua.UInt32(LIFETIME),
            RequestedMaxKeepAliveCount=ua.UInt32(KEEP_ALIVES),
            MaxNotificationsPerPublish=ua.UInt32(0),
            PublishingEnabled=True,
            Priority=ua.Byte(0),
        )
        made = await self._session.create_subscription(asked, self._publication)
        self._id = made.SubscriptionId
        self.interval_s = made.RevisedPublishingInterval / 1000.0 * max(made.RevisedMaxKeepAliveCount, 1)
        self.spoken_s = self._clock.boot_s()
        numbered = dict(enumerate(wishes, start=1))
        refused = await self._watch(numbered, with_filter=True)
        if refused:
            await self._watch(refused, with_filter=False)
        self._counters["nodes_watched"] = len(self._keys)
        return len(self._keys)

    async def stop(self) -> None:
        """End the subscription, the session stays. UaError."""
        await self._session.delete_subscriptions([self._id])

    async def mend(self) -> bool:
        """Ask again for publications that did not come; whether all is known now. UaError."""
        missing, self._missing = self._missing, []
        whole = True
        for number in missing:
            message = await self._repeated(number)
            if message is None:
                self._counters["publications_lost"] += 1
                whole = False
            else:
                self._counters["publications_repeated"] += 1
                self._take(message)
        return whole

    async def _repeated(self, number: int) -> ua.NotificationMessage | None:
        """A publication once more; None where the server has it no more: it says so, or repeats an empty one."""
        try:
            message = await self._session.republish(self._id, number)
        except UaStatusCodeError as exc:
            if exc.code == StatusCodes.BadMessageNotAvailable:
                return None
            raise
        return message if int(message.SequenceNumber) == number and message.NotificationData else None

    @property
    def torn(self) -> bool:
        """Whether publications are missing."""
        return bool(self._missing)

    def told(self, keys: Iterable[Key], *, within_s: float, now_s: float) -> list[Told] | None:
        """What was told of these nodes; None when one was not, or the server has been silent for longer."""
        if self.lost or self._missing or now_s - self.spoken_s > within_s:
            return None
        found = [self._told.get(key) for key in keys]
        return None if None in found else [one for one in found if one is not None]

    async def _watch(self, numbered: Mapping[int, Wish], *, with_filter: bool) -> dict[int, Wish]:
        """Have the server watch nodes; those it would watch without a deadband only."""
        again: dict[int, Wish] = {}
        handles = list(numbered)
        for first in range(0, len(handles), PER_REQUEST):
            some = handles[first : first + PER_REQUEST]
            items = [_item(handle, numbered[handle], with_filter=with_filter) for handle in some]
            params = ua.CreateMonitoredItemsParameters(
                SubscriptionId=ua.UInt32(self._id), TimestampsToReturn=ua.TimestampsToReturn.Both, ItemsToCreate=items
            )
            self._keys |= {
                handle: numbered[handle].key for handle in some
            }  # the first values may come before the answer
            results = await self._session.create_monitored_items(params)
            for handle, result in zip(some, results, strict=True):
                if result.StatusCode.is_good():
                    continue
                del self._keys[handle]
                if with_filter and numbered[handle].deadband and result.StatusCode.value in NO_FILTER:
                    again[handle] = numbered[handle]
                else:
                    self._counters["nodes_not_watched"] += 1
        return again

    def _publication(self, result: ua.PublishResult) -> None:
        """The server spoke: changes, or that there are none."""
        self.spoken_s = self._clock.boot_s()
        message = result.NotificationMessage
        if not message.NotificationData:
            return
        number = int(message.SequenceNumber)
        if self._number and number > self._number + 1:
            missing = range(self._number + 1, number)
            if len(missing) > MOST_MISSING:
                self.lost = True  # numbers of another subscription, or far too many: begin anew
            else:
                self._missing += missing
        self._number = number
        self._take(message)

    def _take(self, message: ua.NotificationMessage) -> None:
        number, now_s = int(message.SequenceNumber), self._clock.boot_s()
        for said in message.NotificationData or ():
            if isinstance(said, ua.StatusChangeNotification):
                self.lost = True
            elif isinstance(said, ua.DataChangeNotification):
                for item in said.MonitoredItems or ():
                    key = self._keys.get(item.ClientHandle)
                    if key is None:
                        continue
                    if status_of(item.Value) & OVERFLOW == OVERFLOW:
                        self._counters["queue_overflows"] += 1
                    before = self._told.get(key)
                    if before is None or before.number <= number:
                        self._told[key] = Told(item.Value, now_s, number)


def _item(handle: int, wish: Wish, *, with_filter: bool) -> ua.MonitoredItemCreateRequest:
    change = None
    if with_filter and wish.deadband:
        change = ua.DataChangeFilter(
            Trigger=ua.DataChangeTrigger.StatusValue,
            DeadbandType=ua.UInt32(ua.DeadbandType.Absolute),
            DeadbandValue=ua.Double(wish.deadband),
        )
    return ua.MonitoredItemCreateRequest(
        ItemToMonitor=ua.ReadValueId(NodeId=wish.node, AttributeId=ua.IntegerId(AttributeIds.Value)),
        MonitoringMode=ua.MonitoringMode.Reporting,
        RequestedParameters=ua.MonitoringParameters(
            ClientHandle=ua.IntegerId(handle),
            SamplingInterval=wish.period_s * 1000.0,
            Filter=change,
            QueueSize=ua.Counter(QUEUE),
            DiscardOldest=True,
        ),
    )
