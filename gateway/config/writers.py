"""Two writers of one register: controls of two devices that write the same address of the same unit over one line."""

from collections.abc import Iterator

from gateway.config.form import SiteForm
from gateway.profiles.schema import Control, Count, Mask, Profile, Set, Table
from gateway.texts import say

Register = tuple[str, int, Table, int]
"""Connection, unit id, table, address."""


def two_writers(form: SiteForm, profiles: dict[str, Profile]) -> Iterator[tuple[str, str, str]]:
    """(device, the device before it, what both write), the later device of each pair once."""
    owners: dict[Register, tuple[str, str]] = {}
    for device, entry in form.devices.items():
        profile = profiles.get(device)
        if profile is None:
            continue
        found: tuple[str, str] | None = None
        for name in sorted({name for control in profile.controls.values() for name in written_by(control)}):
            point = profile.points[name]
            if point.table is None:
                continue
            unit = entry.unit_id if point.unit_id is None else point.unit_id
            for address in range(point.address, point.end):
                other, theirs = owners.setdefault((entry.on, unit, point.table, address), (device, name))
                if other != device and found is None:
                    found = (
                        other,
                        say(
                            "word.same_register",
                            name=name,
                            other=other,
                            theirs=theirs,
                            table=point.table,
                            address=address,
                            unit=unit,
                        ),
                    )
        if found is not None:
            yield device, *found


def written_by(control: Control) -> set[str]:
    """The points that a control writes in any of its phases."""
    steps = (*control.apply, *control.release, *(control.keepalive.steps if control.keepalive else ()))
    names = {name for step in steps if isinstance(step, Set) for name, _ in step.writes}
    return names | {step.point for step in steps if isinstance(step, Mask | Count)}
