"""A running gateway takes other links and another energy section over: no sample is lost, nobody else hangs up."""

from contextlib import AsyncExitStack

import pytest

from emulators.broker import embedded, mosquitto, mosquitto_program
from gateway.texts import told
from tests.reloading import Bench
from tests.scenarios.headend import HeadEnd, head_end

pytestmark = pytest.mark.flaky(reruns=2)  # sockets in real time


@pytest.fixture
async def bench(tmp_path):
    made = Bench(tmp_path, lines=1)
    await made.start()
    made.tree["assets"].pop("lighting")
    yield made
    await made.stop()


@pytest.fixture
async def ends():
    """Two head-ends, each on a broker of its own."""
    async with AsyncExitStack() as stack:
        found = []
        for _ in range(2):
            broker = mosquitto(0) if mosquitto_program() is not None else embedded(0)
            found.append(await stack.enter_async_context(head_end(await stack.enter_async_context(broker))))
        yield found


def link(end: HeadEnd, **more) -> dict[str, object]:
    return {"mqtt": f"mqtt://127.0.0.1:{end.port}", "telemetry_s": 0.2} | more


def numbers(*ends: HeadEnd) -> set[int]:
    """The numbers of all samples that arrived at one of them."""
    return {sample[1] for end in ends for sample in end.samples}


async def all_arrived(bench: Bench, *ends: HeadEnd) -> None:
    """Every number up to one given from now on has arrived at one of them."""
    after = max(numbers(*ends), default=0)

    def whole() -> bool:
        there = numbers(*ends)
        return max(there, default=0) > after + 5 and there == set(range(1, max(there) + 1))

    await bench.until(whole)


async def test_a_link_that_moves_to_another_broker_takes_what_was_not_delivered_with_it(bench, ends):
    first, second = ends
    bench.tree["links"] = {"vpp": link(first)}
    bench.write()
    async with bench.gateway() as app:
        await bench.until(lambda: app.upstream.links["vpp"].connected)
        await bench.until(lambda: first.sink.samples > 10)
        first.receipts = False  # from here on nothing is known to have arrived
        held = first.sink.samples
        await bench.until(lambda: first.sink.samples > held + 5)
        lines = {server: set(server.connections) for server in bench.servers}
        outcome = await bench.apply(bench.write(lambda tree: tree.update(links={"vpp": link(second)})))
        assert (outcome["result"], outcome["problems"]) == ("applied", [])
        await all_arrived(bench, first, second)
        assert first.of("status")[-1]["online"] is False, "it said good-bye"
        assert second.of("status")[0]["online"] is True
        assert min(numbers(second)) <= max(numbers(first)), "what the first has not confirmed went to the second"
        assert {server: set(server.connections) for server in bench.servers} == lines, "no device line was touched"
        assert await second.ask("limit-1", service="limit", kind="limit", for_s=None, max_import_w=800_000.0)
        assert (await second.answered("limit-1"))[0][0] == "accepted"
        assert list(app.upstream.links) == ["vpp"]
        assert (second.sink.summary()["gap_records"], second.sink.summary()["dropped_by_policy"]) == (0, 0)


async def test_a_second_link_comes_and_goes_while_the_first_goes_on(bench, ends):
    first, second = ends
    bench.tree["links"] = {"vpp": link(first)}
    bench.write()
    async with bench.gateway() as app:
        await bench.until(lambda: app.upstream.links["vpp"].connected and first.sink.samples > 10)
        outcome = await bench.apply(bench.write(lambda tree: tree["links"].update(grid=link(second))))
        assert outcome["result"] == "applied"
        await bench.until(lambda: second.of("status") and second.sink.samples > 10)
        assert second.of("status")[0]["mode"] == bench.mode
        second.receipts = False
        told_before = second.sink.samples
        await bench.until(lambda: second.sink.samples > told_before + 5)

        outcome = await bench.apply(bench.write())
        assert outcome["result"] == "applied"
        await all_arrived(bench, first)
        assert first.sink.summary()["duplicates"] == 0
        assert app.upstream.links["vpp"].sessions == 1, "it never hung up"
        assert list(app.upstream.links) == ["vpp"]

        assert [record["changes"] for record in bench.recorded() if record["result"] == "applied"] == [
            ["link grid removed"], ["link grid added"],
        ]  # fmt: skip


async def test_another_tariff_is_taken_over_and_another_place_to_listen_is_not(bench):
    async with bench.gateway() as app:
        energy = {"currency": "CNY", "tariffs": {"electricity": {"source": "the contract", "price": 0.8}}}
        outcome = await bench.apply(bench.write(lambda tree: tree.update(energy=energy)))
        assert outcome["result"] == "applied"
        now_ms = bench.clock.utc_ms()
        assert (await app.front.energies.energy(from_ms=now_ms - 3_600_000, to_ms=now_ms)).currency == "CNY"
        elsewhere = {"listen": "127.0.0.1:18099"}
        outcome = await bench.apply(bench.write(lambda tree: tree.update(energy=energy, dashboard=elsewhere)))
        assert outcome["result"] == "refused"
        assert told(outcome["reason"], "zh").startswith("只有重启才能生效：")
