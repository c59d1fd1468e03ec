"""Draft: a profile on its way from its form; what was built, where each part stands, what is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.errors import Problem
from gateway.profiles.form import BlockForm, ProfileForm
from gateway.profiles.pointform import PointForm
from gateway.profiles.schema import Point, Table
from gateway.yamltext import Document, KeyPath


@dataclass(frozen=True, slots=True)
class Instance:
    """One of the places where a block stands."""

    prefix: str = ""
    shift: Mapping[str, int] | int = 0
    unit_ids: int = 0
    counted_by: str | None = None
    ordinal: int = 1

    def shift_in(self, table: Table | None) -> int:
        """How far its addresses in this table are shifted."""
        if isinstance(self.shift, int):
            return self.shift
        return self.shift.get("" if table is None else table.value, 0)


@dataclass(slots=True)
class Draft:
    """A profile on its way: what was built, where each part stands, what is wrong."""

    form: ProfileForm
    document: Document
    problems: list[Problem] = field(default_factory=list)
    points: dict[str, Point] = field(default_factory=dict)
    places: dict[str, KeyPath] = field(default_factory=dict)
    """Point name -> path of its mapping."""
    documented: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Point name -> (factor, offset) from its documented unit and sign to the inside ones."""
    instances: dict[str, Instance] = field(default_factory=dict)
    """Point name -> which place of its block it belongs to."""
    forms: dict[str, tuple[PointForm, BlockForm]] = field(default_factory=dict)

    def refuse(self, path: KeyPath, code: str, message: str, **more: str) -> None:
        """Something is wrong with the value at `path`."""
        self.problems.append(self.document.problem(path, code, message, **more))

    def refuse_key(self, path: KeyPath, code: str, message: str, **more: str) -> None:
        """Something is wrong with the key at `path`."""
        self.problems.append(self.document.key_problem(path, code, message, **more))
