"""Runs every benchmark of this folder, or those named: `python -m benchmarks [NAME…]`."""

import runpy
import sys
from pathlib import Path

ALONE = {"peers"}
"""Not among "all": they need more than this project's environment (make bench-peers)."""


def main(names: list[str]) -> int:
    """Each benchmark is a module `bench_<name>.py` that prints its own figures."""
    folder = Path(__file__).parent
    known = {path.stem.removeprefix("bench_"): path for path in sorted(folder.glob("bench_*.py"))}
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are: {', '.join(known) or 'none'}", file=sys.stderr)
        return 2
    for name in names or [one for one in known if one not in ALONE]:
        print(f"== {name}")
        runpy.run_path(str(known[name]), run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
