"""The tests' own ground: a skip names its package and fails where nothing may be missing; faults are known and reported."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tools.faults_report import claimed, standing

ROOT = Path(__file__).parents[1]


def run(folder: Path, text: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """A session of its own over one file, with this project's conftest."""
    (folder / "test_it.py").write_text(f"import pytest\n{text}", encoding="utf-8")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("GATEWAY_", "PYTEST_"))}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.conftest",
        "-c",
        str(ROOT / "pyproject.toml"),
        "-p",
        "no:cacheprovider",
    ]
    return subprocess.run(
        [*command, str(folder)], capture_output=True, text=True, check=False, cwd=ROOT, env=clean | environ
    )


SKIPPING = "def test_a():\n    pytest.skip('needs x: install the package y')\n"


def test_a_skip_is_listed_with_what_would_bring_it(tmp_path):
    result = run(tmp_path, SKIPPING)
    assert result.returncode == 0, result.stdout
    assert "1 x needs x: install the package y" in result.stdout


@pytest.mark.parametrize(
    "text", [SKIPPING, "pytest.skip('needs x', allow_module_level=True)\n"], ids=["test", "module"]
)
def test_a_skip_is_a_failure_where_nothing_may_be_missing(tmp_path, text):
    result = run(tmp_path, text, GATEWAY_NO_SKIP="1")
    assert result.returncode != 0
    assert "skipped, but GATEWAY_NO_SKIP is set: needs x" in result.stdout


def test_what_runs_for_long_may_be_skipped_even_there(tmp_path):
    result = run(tmp_path, "@pytest.mark.tier_s\ndef test_a(): assert False\ndef test_b(): pass\n", GATEWAY_NO_SKIP="1")
    assert result.returncode == 0, result.stdout
    assert "1 x tier S" in result.stdout


def test_a_fault_nobody_listed_is_refused(tmp_path):
    result = run(tmp_path, "@pytest.mark.fault('F-999')\ndef test_a(): pass\n")
    assert result.returncode != 0
    assert "has no F-999" in result.stdout + result.stderr


def test_the_list_of_faults_is_whole():
    faults = yaml.safe_load((ROOT / "tests" / "faults.yaml").read_text(encoding="utf-8"))
    wanted = {f"F-{k:03d}" for k in range(1, 92)} | {f"A-{k:03d}" for k in range(1, 57)}
    wanted |= {f"I-{k:02d}" for k in range(1, 35)} | {f"U{k}" for k in range(1, 10)}
    assert wanted - set(faults) == set()
    assert all(said["title"] for said in faults.values())


@pytest.mark.parametrize(
    ("outcomes", "has_test", "expected"),
    [
        ({}, False, "no test yet"),
        ({}, True, "not run"),
        ({"a": "skipped"}, True, "not run"),
        ({"a": "passed", "b": "skipped"}, True, "passed"),
        ({"a": "passed", "b": "failed"}, True, "failed"),
    ],
)
def test_a_fault_stands_as_its_tests_do(outcomes, has_test, expected):
    assert standing(outcomes, has_test=has_test) == expected


def test_marks_are_found_in_the_source_however_they_are_written(tmp_path):
    (tmp_path / "test_it.py").write_text(
        "import pytest\npytestmark = pytest.mark.fault('A-001')\n@pytest.mark.fault('F-001', 'U3')\ndef test_a(): ...\n"
        "rows = [pytest.param(1, marks=pytest.mark.fault('I-01'))]\n",
        encoding="utf-8",
    )
    assert claimed(tmp_path) == {"A-001", "F-001", "U3", "I-01"}
