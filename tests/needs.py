"""What a test may need from the machine: a program, a namespace; a skip names the package that brings it."""

import os
import shutil
import subprocess
from functools import cache

import pytest

PACKAGES = {
    "chromium": "chromium",
    "dbus-daemon": "dbus",
    "gcc": "gcc",
    "ip": "iproute2",
    "mbpoll": "mbpoll",
    "mosquitto": "mosquitto",
    "mosquitto_pub": "mosquitto-clients",
    "mosquitto_sub": "mosquitto-clients",
    "nats-server": "nats-server",
    "node": "nodejs",
    "npm": "npm",
    "openssl": "openssl",
    "promtool": "prometheus",
    "socat": "socat",
    "setpriv": "util-linux",
    "strace": "strace",
    "systemd-analyze": "systemd",
    "unshare": "util-linux",
}
"""Program -> Debian package; those that CI installs stand in .ci/packages."""


def find_program(name: str) -> str | None:
    """Where the program is, the sbin folders of a user without them in PATH included."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])
    return shutil.which(name, path=path)


def program(name: str) -> str:
    """Path of the program `name`; without it the test is skipped, naming the package."""
    found = find_program(name)
    if found is None:
        pytest.skip(f"needs the program {name}: install the package {PACKAGES[name]}")
    return found


@cache
def namespaces_refused() -> str | None:
    """Why this kernel makes no network namespace for us; None when it does."""
    unshare = find_program("unshare")
    if unshare is None:
        return "needs the program unshare: install the package util-linux"
    tried = subprocess.run([unshare, "--map-root-user", "--net", "true"], capture_output=True, text=True, check=False)
    return None if tried.returncode == 0 else f"this kernel refuses network namespaces: {tried.stderr.strip()}"
