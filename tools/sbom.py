"""The software bill of materials: the lock as a CycloneDX document, one component a package, with its files' hashes."""

import json
import re
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

ROOT = Path(__file__).parents[1]
PIN = re.compile(r"(?P<name>[a-zA-Z0-9._-]+)==(?P<version>[^\s;\\]+)")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
VIA = re.compile(r"#\s+(?:via\s+)?(?P<name>[a-zA-Z0-9._-]+)")


@dataclass(slots=True)
class Package:
    """One pinned package: its hashes, and who asked for it."""

    name: str
    version: str
    hashes: list[str] = field(default_factory=list)
    wanted_by: list[str] = field(default_factory=list)

    @property
    def purl(self) -> str:
        """Its package URL."""
        return f"pkg:pypi/{self.name}@{self.version}"


def locked(text: str) -> list[Package]:
    """The packages of a requirements file in its order."""
    found: list[Package] = []
    for line in text.splitlines():
        if pin := PIN.match(line):
            found.append(Package(pin["name"], pin["version"]))
        elif line.startswith(" ") and found:
            found[-1].hashes += HASH.findall(line)
            if (via := VIA.match(line.strip())) and via["name"] != "via":
                found[-1].wanted_by.append(via["name"])
    return found


def document(packages: list[Package], project: str, version: str) -> dict[str, Any]:
    """CycloneDX 1.6; the same lock gives the same document."""
    own = f"pkg:pypi/{project}@{version}"
    refs = [own, *(package.purl for package in packages)]
    needs: dict[str, list[str]] = {ref: [] for ref in refs}
    for package in packages:
        for ref in refs:  # of some packages the lock holds several versions, for several Pythons
            if ref.removeprefix("pkg:pypi/").partition("@")[0] in package.wanted_by:
                needs[ref].append(package.purl)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, json.dumps(refs))}",
        "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": own, "name": project, "version": version}},
        "components": [
            {
                "type": "library",
                "bom-ref": package.purl,
                "name": package.name,
                "version": package.version,
                "purl": package.purl,
                "hashes": [{"alg": "SHA-256", "content": content} for content in package.hashes],
            }
            for package in packages
        ],
        "dependencies": [{"ref": ref, "dependsOn": sorted(on)} for ref, on in sorted(needs.items())],
    }


def main(target: Path) -> None:
    """Write the document of what runs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"]
    stated = re.search(r'__version__ = "([^"]+)"', (ROOT / "gateway/__init__.py").read_text(encoding="utf-8"))
    version = stated[1] if stated else "0"
    made = document(locked((ROOT / "requirements.txt").read_text(encoding="utf-8")), project, version)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    print(f"{target}: {len(made['components'])} components")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
