"""Where the files that ship with the gateway lie: beside the package in a wheel, beside the checkout in a clone."""

from importlib.resources import files
from pathlib import Path


def shipped(name: str) -> Path:
    """The folder or file `name` (`device_profiles`, `data`, …); FileNotFoundError when it did not ship."""
    package = Path(str(files("gateway")))
    for place in (package / "shipped_files" / name, package.parent / name):
        if place.exists():
            return place
    raise FileNotFoundError(f"{name} did not ship with this installation of vpp-gateway; reinstall it")
