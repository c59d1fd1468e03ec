"""`python -m emulators.run SCENARIO | PROFILE…`: devices in a process of their own, until SIGTERM or Ctrl-C."""

import argparse
import asyncio
import sys
from pathlib import Path

from emulators.fault_table import parse_fault
from emulators.load import seconds
from emulators.serving import Options, emulate
from gateway.errors import ConfigError


def options_of(arguments: list[str]) -> Options:
    """Parse the command line; exits with 2 when it is wrong. ConfigError for a bad fault."""
    parser = argparse.ArgumentParser(prog="python -m emulators.run", description=__doc__)
    parser.add_argument("targets", nargs="+", help="a shipped scenario or a path; or profiles")
    parser.add_argument("--out", type=Path, default=Path(), help="folder for the site file and the records")
    parser.add_argument("--base-port", type=int, default=0, help="first port; free ports unless given")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--perturb", type=float, default=0.0, help="dead times, lags and losses differ by up to this share"
    )
    parser.add_argument("--origin", type=float, default=None, help="boot time of the run's second 0; now unless given")
    parser.add_argument(
        "--begin-in", type=float, default=0.0, help="without --origin: least seconds from ready to second 0"
    )
    parser.add_argument("--no-noise", action="store_true")
    parser.add_argument("--no-load-steps", action="store_true")
    parser.add_argument("--plant-csv", action="store_true", help="write plant.csv, the true site power")
    parser.add_argument("--ledger", action="store_true", help="write devices.csv, every request and its answer")
    parser.add_argument(
        "--load-start",
        type=seconds,
        default=None,
        help="where in the load file, e.g. 198d14h; the scenario's unless given",
    )
    parser.add_argument("--fault", action="append", default=[], help="device=battery,fault=late,start=10s,for=20s")
    given = parser.parse_args(arguments)
    return Options(
        tuple(given.targets),
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
        begin_in_s=given.begin_in,
        faults=tuple(map(parse_fault, given.fault)),
    )


def main() -> int:
    """Run; 2 for a bad scenario, profile or fault, or a port that is taken."""
    try:
        asyncio.run(emulate(options_of(sys.argv[1:])))
    except (ConfigError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
