"""The wheel: everything that ships is in it, and it works from an empty folder."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(*command: object, cwd: Path, **environ: str) -> str:
    """A command's output; its errors are the test's."""
    words = [str(word) for word in command]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | environ
    done = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder, cwd=ROOT)
    (found,) = folder.glob("vpp_gateway-*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A folder with the wheel's packages, unpacked as an installer would."""
    folder = tmp_path_factory.mktemp("site-packages")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


@pytest.mark.parametrize(
    "pattern",
    [
        "gateway/texts/zh.yaml",
        "gateway/shipped_files/device_profiles/*/*.yaml",
        "gateway/shipped_files/data/regulation_pjm/regd_2020-07-16_2s.csv",
        "gateway/shipped_files/data/regulation_pjm/LICENSE_signals_MIT.txt",
        "emulators/scenarios/demo_tower.yaml",
        "vpp_gateway-*.dist-info/licenses/NOTICE",
        "vpp_gateway-*.dist-info/licenses/licenses/LGPL-3.0.txt",
        "vpp_gateway-*.dist-info/entry_points.txt",
    ],
)
def test_what_ships_is_in_the_wheel(installed, pattern):
    assert list(installed.glob(pattern))


def test_the_wheel_holds_only_what_ships(installed):
    tops = {path.name for path in installed.iterdir()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"gateway", "emulators"}


def test_shipped_files_are_found_from_an_empty_folder(installed, tmp_path):
    ask = "from gateway.shipped import shipped; print(shipped('data'), shipped('device_profiles'))"
    said = run(sys.executable, "-c", ask, cwd=tmp_path, PYTHONPATH=str(installed))
    assert said.count("shipped_files") == 2


@pytest.mark.tier_s
@pytest.mark.timeout(600)
@pytest.mark.fault("A-055")
def test_it_installs_from_a_set_of_wheels_without_a_network(wheel, tmp_path):
    pip = (sys.executable, "-m", "pip")
    lock = ROOT / "requirements.txt"
    run(*pip, "download", "--quiet", "--require-hashes", "-r", lock, "-d", tmp_path / "wheels", cwd=tmp_path)
    run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    own = (tmp_path / "venv/bin/python", "-m", "pip", "install", "--quiet", "--no-index")
    run(*own, "--find-links", tmp_path / "wheels", "--require-hashes", "-r", lock, cwd=tmp_path)
    run(*own, "--no-deps", wheel, cwd=tmp_path)
    assert run(tmp_path / "venv/bin/gateway", "--help", cwd=tmp_path)
