"""How every fault, attack, invariant and universal check stands after the last run of the tests: `make faults`."""

import ast
import json
from collections import Counter
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
ORDER = ("failed", "passed", "not run", "no test yet")


def claimed(folder: Path) -> set[str]:
    """Ids that stand in a `fault(…)` mark of any test file below the folder."""
    calls = (
        node
        for path in folder.rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "fault"
    )
    return {str(arg.value) for call in calls for arg in call.args if isinstance(arg, ast.Constant)}


def standing(outcomes: dict[str, str], *, has_test: bool) -> str:
    """One word for an id: failed when any of its tests failed, passed when one ran and none failed."""
    if "failed" in outcomes.values():
        return "failed"
    if "passed" in outcomes.values():
        return "passed"
    return "not run" if has_test or outcomes else "no test yet"


def main() -> None:
    """Print a line for each id and a line of totals."""
    faults = yaml.safe_load((ROOT / "tests" / "faults.yaml").read_text(encoding="utf-8"))
    record = ROOT / ".cache" / "faults.json"
    results = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
    tested = claimed(ROOT / "tests")
    totals: Counter[str] = Counter()
    for fault, said in faults.items():
        outcomes = results.get(fault, {})
        word = standing(outcomes, has_test=fault in tested)
        totals[word] += 1
        passed = Counter(outcomes.values())["passed"]
        count = f"{passed}/{len(outcomes)}" if outcomes else ""
        print(f"{fault:<6} {said.get('tier', ''):<2}{word:<12}{count:>7}  {said['title']}")
    print(", ".join(f"{totals[word]} {word}" for word in ORDER))


if __name__ == "__main__":
    main()
