"""Laws of the outbox and of what sends from it, over any interleaving (I-30, I-31)."""

import asyncio
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulators.vpp_sink import Sink
from gateway.model.point import PointId
from gateway.model.reading import Quality
from gateway.uplink.batch import Lot, Taken
from gateway.uplink.outbox import Outbox
from gateway.wire.telemetry import Receipt, batch_payload
from tests.uplink.parts import POWER, clock_at, crash, make_outbox

steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(1, 7)),
        st.tuples(st.sampled_from(["commit", "crash", "stop", "receipt", "lose receipt"]), st.just(0)),
        st.tuples(st.just("send"), st.integers(0, 3)),
    ),
    max_size=25,
)


class World:
    """A gateway's outbox that crashes, and a sink that outlives it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = clock_at()
        self.sink = Sink()
        self.values: list[float] = []
        self.accepted: list[float] = []
        self.waiting: list[float] = []
        self.identities: dict[tuple[int, int], float | None] = {}
        self.receipt: Receipt | None = None
        self.outbox: Outbox
        self.next_value = 0.0

    async def start(self) -> None:
        self.outbox = make_outbox(self.folder, self.clock)
        await self.outbox.open()

    async def do(self, what: str, number: int) -> None:
        self.clock.now_s += 1.0
        if what == "add":
            fresh = [self.next_value + n for n in range(number)]
            self.next_value += number
            self.waiting += fresh
            self.outbox.add(Lot.of(Taken(POWER, value, Quality.GOOD, self.clock.now_s) for value in fresh))
        elif what in {"commit", "stop"}:
            await self.outbox.commit()
            self.accepted += self.waiting
            self.waiting.clear()
            if what == "stop":
                await self.outbox.close()
                await self.start()
        elif what == "crash":
            await crash(self.outbox)
            self.waiting.clear()
            await self.start()
        elif what == "send":
            spans = await self.outbox.pending("vpp")
            for span in spans[number : number + 2] if number < 3 else reversed(spans):
                await self.send(span)
        elif what == "receipt" and self.receipt is not None:
            self.outbox.confirm("vpp", self.receipt)
        elif what == "lose receipt":
            self.receipt = None

    async def send(self, span) -> None:
        batch = await self.outbox.read(span)
        if batch is None:
            return
        samples = batch.samples(self.outbox.now(), historical=False)
        fresh, (box, epoch, seq) = self.sink.take(json.loads(batch_payload(self.outbox.box, span.epoch, samples)))
        for seq, _, value, *_ in samples:  # an identity stands for one value for ever
            assert self.identities.setdefault((span.epoch, seq), value) == value
        self.values += [row[2] for row in fresh if row[1] == POWER]
        self.receipt = Receipt(box, epoch, seq)


@pytest.mark.fault("I-30")
@given(steps)
@settings(max_examples=60)
def test_whatever_crashes_and_is_sent_again_the_sink_ends_with_what_was_accepted(plan):
    async def run() -> World:
        with tempfile.TemporaryDirectory() as folder:
            world = World(Path(folder))
            await world.start()
            for what, number in plan:
                await world.do(what, number)
            await world.do("commit", 0)
            while spans := await world.outbox.pending("vpp"):
                for span in spans:
                    await world.send(span)
                    await world.do("receipt", 0)
                await world.outbox.commit()
            await world.outbox.close()
            return world

    world = asyncio.run(run())
    assert sorted(world.values) == sorted(world.accepted), "lost 0, extra 0"
    assert world.sink.summary()["unexplained"] == 0
    crashes = sum(what == "crash" for what, _ in plan)
    assert world.sink.gaps == crashes, "each unclean stop is told"


@pytest.mark.fault("I-31")
@given(st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=20), st.integers(1, 30))
@settings(max_examples=60)
def test_for_any_producer_the_queue_keeps_its_bound_and_every_drop_is_counted(bursts, bound):
    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            outbox = make_outbox(Path(folder), max_waiting=bound)
            await outbox.open()
            made = 0
            for size, commits in bursts:
                rows = [Taken(PointId(f"d{n % 3}/p"), float(n), Quality.GOOD, 1000.0) for n in range(size)]
                outbox.add(Lot.of(rows))
                made += size
                assert (await outbox.health()).waiting <= bound
                if commits:
                    await outbox.commit()
            await outbox.commit()
            sink = Sink()
            for span in await outbox.pending("vpp", limit=1000):
                batch = await outbox.read(span)
                assert batch is not None
                samples = batch.samples(outbox.now(), historical=False)
                sink.take(json.loads(batch_payload(outbox.box, span.epoch, samples)))
            dropped = sum(sink.lost.values())
            assert dropped == (await outbox.health()).dropped
            records = sink.samples - (made - dropped)
            assert 0 <= records <= 3 * (len(bursts) + 1), "only one record a point and commit beside the samples"
            await outbox.close()

    asyncio.run(run())
