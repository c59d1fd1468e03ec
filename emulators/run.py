"""`python -m emulators.run SCENARIO`: a scenario's devices in a process of their own, until SIGTERM or Ctrl-C."""

import argparse
import asyncio
import signal
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from emulators.bench import Bench
from emulators.history import write_history
from emulators.ledger import Ledger
from emulators.lines import write_yaml
from emulators.plant import Plant
from emulators.scenario import load_scenario
from gateway.clock import SystemClock
from gateway.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says; `origin_s` is the boot time at which the run's second 0 lies, None: now."""

    target: str
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


async def emulate(options: Options) -> None:
    """Start everything, print the site file that belongs to it, and serve until told to stop.

    ConfigError for a bad scenario, OSError when a port is taken or `out` cannot be written.
    """
    scenario = load_scenario(options.target)
    clock = SystemClock()
    options.out.mkdir(parents=True, exist_ok=True)
    load = scenario.load(start_s=options.load_start_s)
    plant = Plant(
        scenario.plant,
        load,
        seed=options.seed,
        perturb=options.perturb,
        noise=options.noise,
        load_steps=options.load_steps,
    )
    origin_s = [clock.boot_s() if options.origin_s is None else options.origin_s]

    def now_s() -> float:
        return clock.boot_s() - origin_s[0]

    ledger = Ledger(options.out / "devices.csv", now_s) if options.ledger else None
    bench = Bench(scenario, plant, now_s, seed=options.seed, ledger=ledger)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    try:
        await bench.start(options.base_port)
        if options.origin_s is None:
            origin_s[0] = clock.boot_s()
        zone = ZoneInfo(bench.wiring.data["site"].get("timezone", "UTC"))
        begin = datetime.fromtimestamp(clock.utc_ms() / 1000.0, zone) - timedelta(seconds=now_s())
        write_history(options.out / "history.csv", load, assets_w=scenario.plant.operating_w, begin=begin)
        site = options.out / f"{scenario.id}.site.yaml"
        write_yaml(site, bench.wiring.moved(bench.addresses, history="history.csv"))
        print(site, flush=True)
        async with asyncio.TaskGroup() as tasks:
            recording = None
            if options.plant_csv:
                recording = tasks.create_task(bench.record(options.out / "plant.csv"), name="record")
            await stopped.wait()
            if recording is not None:
                recording.cancel()
    finally:
        await bench.stop()
        if ledger is not None:
            ledger.close()


def options_of(arguments: list[str]) -> Options:
    """Parse the command line; exits with 2 when it is wrong."""
    parser = argparse.ArgumentParser(prog="python -m emulators.run", description=__doc__)
    parser.add_argument("target", help="a shipped scenario or a path")
    parser.add_argument("--out", type=Path, default=Path(), help="folder for the site file and the records")
    parser.add_argument("--base-port", type=int, default=0, help="first port; free ports unless given")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--perturb", type=float, default=0.0, help="dead times, lags and losses differ by up to this share"
    )
    parser.add_argument("--origin", type=float, default=None, help="boot time of the run's second 0; now unless given")
    parser.add_argument("--no-noise", action="store_true")
    parser.add_argument("--no-load-steps", action="store_true")
    parser.add_argument("--plant-csv", action="store_true", help="write plant.csv, the true site power")
    parser.add_argument("--ledger", action="store_true", help="write devices.csv, every request and its answer")
    parser.add_argument(
        "--load-start", type=float, default=None, help="seconds into the load file; the scenario's unless given"
    )
    given = parser.parse_args(arguments)
    return Options(
        given.target,
        given.out,
        given.base_port,
        given.seed,
        given.perturb,
        given.origin,
        noise=not given.no_noise,
        load_steps=not given.no_load_steps,
        plant_csv=given.plant_csv,
        ledger=given.ledger,
        load_start_s=given.load_start,
    )


def main() -> int:
    """Run; 2 for a bad scenario or a port that is taken."""
    try:
        asyncio.run(emulate(options_of(sys.argv[1:])))
    except (ConfigError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
