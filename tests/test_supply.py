"""The supply chain: every dependency pinned by hash, listed, from no particular place."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tools.sbom import document, locked

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-uv.txt")
pytestmark = pytest.mark.fault("A-055")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def plain(requirement: str) -> str:
    """A requirement's name as the index knows it."""
    name = re.split(r"[<>=!~;\[ ]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_of_the_lock_is_a_version_with_hashes(name):
    packages = locked(read(name))
    lines = [line for line in read(name).splitlines() if line and not line.startswith((" ", "#"))]
    assert len(lines) == len(packages) > 0
    assert [package.name for package in packages if not package.hashes] == []


@pytest.mark.parametrize("name", LOCKS)
def test_the_lock_names_no_place_to_fetch_from(name):
    assert re.findall(r"(?:https?|file|git\+\w+)://|--(?:extra-)?index-url|--find-links|@ ", read(name)) == []


def test_the_lock_holds_everything_the_project_asks_for():
    project = tomllib.loads(read("pyproject.toml"))
    runs = project["project"]["dependencies"] + project["project"]["optional-dependencies"]["demo"]
    checks = runs + project["dependency-groups"]["dev"]
    for name, wanted in (("requirements.txt", runs), ("requirements-dev.txt", checks)):
        assert {plain(one) for one in wanted} - {package.name for package in locked(read(name))} == set()


def test_what_is_checked_is_what_runs():
    runs = {package.purl: package.hashes for package in locked(read("requirements.txt"))}
    checks = {package.purl: package.hashes for package in locked(read("requirements-dev.txt"))}
    assert {purl: checks.get(purl) for purl in runs} == runs


def test_the_bill_of_materials_lists_every_dependency_with_its_hashes():
    packages = locked(read("requirements.txt"))
    made = document(packages, "vpp-gateway", "1.2.3")
    assert (made["bomFormat"], made["specVersion"]) == ("CycloneDX", "1.6")
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", made["serialNumber"])
    assert {part["purl"] for part in made["components"]} == {package.purl for package in packages}
    assert all(part["hashes"] for part in made["components"])
    refs = {part["bom-ref"] for part in made["components"]} | {made["metadata"]["component"]["bom-ref"]}
    assert {entry["ref"] for entry in made["dependencies"]} == refs
    wanted = {ref for entry in made["dependencies"] for ref in entry["dependsOn"]}
    assert wanted == refs - {made["metadata"]["component"]["bom-ref"]}
    assert made == document(packages, "vpp-gateway", "1.2.3")


def test_the_bill_of_materials_is_written(tmp_path):
    target = tmp_path / "new" / "sbom.json"
    subprocess.run([sys.executable, ROOT / "tools" / "sbom.py", target], check=True, capture_output=True)
    assert json.loads(target.read_text(encoding="utf-8"))["metadata"]["component"]["name"] == "vpp-gateway"
