"""Small profiles made of a few lines, for tests."""

from pathlib import Path

from gateway.profiles.load import load_profile, load_profile_file
from gateway.profiles.schema import Profile

HEAD = """\
schema: 1
profile: {id: my.device, version: 1.0.0, class: my, vendor: V, models: [M], confidence: A, evidence: [doc]}
"""


def made(folder: Path, text: str, *, variant: str = "") -> Profile:
    """The profile `my/my_device` of this text below a head."""
    path = folder / "my" / "my_device.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(HEAD + text, encoding="utf-8")
    profile = load_profile_file(path)
    return load_profile(f"my/my_device@{variant}", [folder]) if variant else profile
