"""Devices served until told to stop: a scenario's with their plant, or those of bare profiles; the site file is written."""

import asyncio
import signal
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from emulators.bench import Bench, Manner
from emulators.fault_table import FaultSpec, Timetable, check_faults
from emulators.faulty import FaultyValues, Living, absent_of
from emulators.history import write_history
from emulators.ledger import Ledger
from emulators.lines import Wiring, wiring_of, write_yaml
from emulators.plant import Plant
from emulators.profile_bench import copy_profiles, is_profile, unknown_target, wiring_of_profiles
from emulators.record import record
from emulators.recording import read_recording
from emulators.replay import replay
from emulators.scenario import STEERED, Scenario, load_scenario, scenario_names
from gateway.clock import Clock, SystemClock
from gateway.errors import ConfigError
from gateway.model.site import Transport

OTHERS = 1.5
"""What else belongs to a run, a gateway and a head-end, is up in at most so many times the devices' own start."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says; `origin_s` is the boot time at which the run's second 0 lies, None: now."""

    targets: tuple[str, ...]
    """One scenario, or any number of profiles."""
    out: Path = Path()
    base_port: int = 0
    seed: int = 1
    perturb: float = 0.0
    origin_s: float | None = None
    noise: bool = True
    load_steps: bool = True
    plant_csv: bool = False
    ledger: bool = False
    load_start_s: float | None = None
    """Where in the load file the run begins; None: where the scenario says."""
    faults: tuple[FaultSpec, ...] = ()
    dial_in: bool = False
    """The devices of profiles call the gateway."""
    replay: Path | None = None
    """A recorded bus instead of any targets."""
    begin_in_s: float = 0.0
    """Without an origin: the run begins so long after everything is up, later on a machine that is slow at it."""


class Origin:
    """The run's second 0 as a boot time; made before everything is started that `begin` follows."""

    def __init__(self, clock: Clock, origin_s: float | None, begin_in_s: float = 0.0) -> None:
        self._clock = clock
        self._runs = origin_s is not None
        self._begin_in_s = begin_in_s
        self._made_s = clock.boot_s()
        self.boot_s = self._made_s if origin_s is None else origin_s

    def now_s(self) -> float:
        """The run's seconds; 0 as long as nobody knows when it begins."""
        return self._clock.boot_s() - self.boot_s if self._runs else 0.0

    def begin(self) -> None:
        """The run begins now, unless its origin was given; or in so long that others, too, are up by then."""
        if self._runs:
            return
        now_s = self._clock.boot_s()
        slow_s = OTHERS * (now_s - self._made_s) if self._begin_in_s else 0.0
        self.boot_s = now_s + max(self._begin_in_s, slow_s)
        self._runs = True


async def emulate(options: Options) -> None:
    """Start everything, print the site file that belongs to it (of a recording: where it answers), serve until told to stop.

    ConfigError for a bad scenario, profile, fault or recording, OSError when a port is taken or `out` cannot be written.
    """
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    if options.replay is not None:
        await replay(read_recording(options.replay), stopped, port=options.base_port)
    elif all(map(is_profile, options.targets)):
        await _emulate_profiles(options, stopped)
    elif len(options.targets) == 1:
        await _emulate_scenario(options, load_scenario(options.targets[0]), stopped)
    else:
        raise ConfigError([unknown_target(one, scenario_names()) for one in options.targets if not is_profile(one)])


async def _emulate_scenario(options: Options, scenario: Scenario, stopped: asyncio.Event) -> None:
    clock = SystemClock()
    load = scenario.load(start_s=options.load_start_s)
    plant = Plant(
        scenario.plant,
        load,
        seed=options.seed,
        perturb=options.perturb,
        noise=options.noise,
        load_steps=options.load_steps,
    )
    groups = scenario.groups()
    steered = {device for device, group in groups.items() if group in STEERED}
    wiring = wiring_of(scenario.site)
    faults = _timetable((*scenario.faults, *options.faults), wiring, steered)
    origin = Origin(clock, options.origin_s, options.begin_in_s)
    async with AsyncExitStack() as stack:
        manner = Manner(
            lines={device: scenario.line_of(device) for device in wiring.profiles if device in groups},
            sampled={scenario.plant.meter.device},
            faults=faults,
            seed=options.seed,
            ledger=_ledger(options, origin, stack),
        )
        bench = await _bench(wiring, plant, origin, manner=manner, options=options, stack=stack)
        zone = ZoneInfo(wiring.data["site"].get("timezone", "UTC"))
        begin = datetime.fromtimestamp(clock.utc_ms() / 1000.0, zone) - timedelta(seconds=origin.now_s())
        write_history(options.out / "history.csv", load, assets_w=scenario.plant.operating_w, begin=begin)
        site = options.out / f"{scenario.id}.site.yaml"
        write_yaml(site, wiring.moved(bench.addresses, history="history.csv"))
        print(f"{site}\norigin {origin.boot_s:.6f}", flush=True)
        async with asyncio.TaskGroup() as tasks:
            recording = None
            if options.plant_csv:
                plant_csv = options.out / "plant.csv"
                recording = tasks.create_task(record(plant, origin.now_s, plant_csv), name="record")
            await stopped.wait()
            if recording is not None:
                recording.cancel()


async def _emulate_profiles(options: Options, stopped: asyncio.Event) -> None:
    wiring, values = wiring_of_profiles(options.targets, dials_in=options.dial_in)
    faults = _timetable(options.faults, wiring, values.steered)
    origin = Origin(SystemClock(), options.origin_s)
    async with AsyncExitStack() as stack:
        manner = Manner(faults=faults, seed=options.seed, ledger=_ledger(options, origin, stack))
        bench = await _bench(wiring, values, origin, manner=manner, options=options, stack=stack)
        copy_profiles(options.targets, options.out)
        site = options.out / "bench.site.yaml"
        write_yaml(site, wiring.moved(bench.addresses))
        print(site, flush=True)
        await stopped.wait()


def _timetable(specs: tuple[FaultSpec, ...], wiring: Wiring, steered: set[str]) -> Timetable:
    framed = {
        device.id
        for line in wiring.lines
        for device in line.devices
        if line.connection.transport is not Transport.OPCUA
    }
    check_faults(specs, wiring.profiles, steered=steered, framed=framed)
    return Timetable(specs)


def _ledger(options: Options, origin: Origin, stack: AsyncExitStack) -> Ledger | None:
    options.out.mkdir(parents=True, exist_ok=True)
    if not options.ledger:
        return None
    ledger = Ledger(options.out / "devices.csv", origin.now_s)
    stack.callback(ledger.close)
    return ledger


async def _bench(
    wiring: Wiring, values: Living, origin: Origin, *, manner: Manner, options: Options, stack: AsyncExitStack
) -> Bench:
    absent = {device: absent_of(profile) for device, profile in wiring.profiles.items()}
    bench = Bench(wiring, FaultyValues(values, manner.faults, absent), origin.now_s, manner=manner)
    stack.push_async_callback(bench.stop)
    await bench.start(options.base_port)
    origin.begin()
    return bench
