"""The points of a profile's form -> `Point`s: defaults cascade profile -> block -> point; unit, scale and sign become one factor."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.errors import Problem
from gateway.model.point import Unit
from gateway.profiles.form import BlockForm, ParamStepForm, PointForm, ProfileForm, ScaleForm
from gateway.profiles.schema import Counter, Every, Kind, Order, PathStep, Point, Table, Wear
from gateway.profiles.units import CONVERSIONS, SIGNS, Conversion
from gateway.profiles.vocabulary import NAMES, is_extra, unit_of
from gateway.yamltext import Document, KeyPath
from gateway.yamltext.form import nearest

_NO_BLOCK = BlockForm(points={})


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

    def refuse(self, path: KeyPath, code: str, message: str, **more: str) -> None:
        """Something is wrong with the value at `path`."""
        self.problems.append(self.document.problem(path, code, message, **more))

    def refuse_key(self, path: KeyPath, code: str, message: str, **more: str) -> None:
        """Something is wrong with the key at `path`."""
        self.problems.append(self.document.key_problem(path, code, message, **more))


def build_points(draft: Draft) -> None:
    """Fill `draft.points` and `draft.places`; a point that cannot be built is left out and said."""
    for number, block in enumerate(draft.form.blocks):
        path: KeyPath = ("blocks", number, "points")
        for shift, prefix in _places(block):
            for name, form in block.points.items():
                _add(draft, form, name=prefix + name, block=block, path=(*path, name), shift=shift, number=number)
    for name, form in draft.form.points.items():
        _add(draft, form, name=name, block=_NO_BLOCK, path=("points", name), shift=0, number=0)


def _places(block: BlockForm) -> Iterator[tuple[int, str]]:
    if block.repeat is None:
        yield 0, ""
        return
    for number in range(block.repeat.count):
        yield number * block.repeat.stride, f"{block.repeat.prefix}{block.repeat.first + number:02d}."


def _add(draft: Draft, form: PointForm, *, name: str, block: BlockForm, path: KeyPath, shift: int, number: int) -> None:
    if name in draft.points:
        see = draft.document.key_at(draft.places[name])
        draft.refuse_key(
            path, "duplicate_point", f"{name} stands here twice", see=f"{see.file}:{see.line}:{see.column}"
        )
        return
    before = len(draft.problems)
    point = _Building(draft, form, block, path, name).point()
    if point is None or len(draft.problems) > before:
        return
    if shift:
        point = replace(point, address=point.address + shift)
    if block.atomic:
        point = replace(point, atomic=f"{number}" if not shift and block.repeat is None else f"{number}+{shift}")
    draft.points[name] = point
    draft.places[name] = path


@dataclass(slots=True)
class _Building:
    """One point on its way."""

    draft: Draft
    form: PointForm
    block: BlockForm
    path: KeyPath
    name: str

    def point(self) -> Point | None:
        kind = self.kind()
        if kind is None:
            return None
        opcua = self.draft.form.ua is not None
        table = None if opcua else self.table(kind)
        conversion = self.conversion(kind)
        sign = self.sign(kind, conversion)
        scale = self.form.scale
        if isinstance(scale, float) and scale <= 0:
            self.refuse("scale", "negative_scale", "a scale must be more than 0", remedy="say what + means with sign:")
            return None
        factor = 1.0 if isinstance(scale, ScaleForm) else scale
        self.draft.documented[self.name] = conversion.factor * sign, conversion.offset * sign
        low, high = self.range(conversion, sign)
        access = self.inherited("access")
        return Point(
            name=self.name,
            unit=conversion.unit,
            kind=kind,
            table=table,
            address=self.address(opcua=opcua),
            words=self.words(kind),
            order=Order(self.inherited("order")),
            unit_id=self.form.unit_id or self.block.unit_id,
            path=self.browse_path(opcua=opcua),
            factor=factor * conversion.factor * sign,
            offset=(self.form.offset * conversion.factor + conversion.offset) * sign,
            pow10=scale.pow10 if isinstance(scale, ScaleForm) else None,
            pow10_plus=scale.plus if isinstance(scale, ScaleForm) else 0,
            bits=self.bits(kind),
            enum=self.form.enum,
            codes=self.form.codes,
            invalid=self.sentinels(kind),
            low=low,
            high=high,
            every=Every(self.inherited("every")),
            readable="r" in access,
            writable=self.writable(access, table),
            wear=Wear(self.form.wear),
            counter=Counter(self.form.counter.wraps, self.form.counter.resets) if self.form.counter else None,
            expect_change_s=self.form.expect_change_s,
            doc=self.form.doc,
        )

    def refuse(self, key: str, code: str, message: str, **more: str) -> None:
        """At the value of `key` where it is written, else at the point's own key."""
        path = (*self.path, key)
        if path in self.draft.document.values:
            self.draft.refuse(path, code, message, **more)
        else:
            self.draft.refuse_key(self.path, code, message, **more)

    def inherited(self, key: str) -> Any:
        for form in (self.form, self.block):
            if (value := getattr(form, key)) is not None:
                return value
        return getattr(self.draft.form.defaults, key)

    def kind(self) -> Kind | None:
        known = unit_of(self.name)
        if known is None and not is_extra(self.name):
            near = nearest(self.name, list(NAMES))
            remedy = f"write {near}" if near else f"use a published name, or x.{self.name}"
            message = "is not a published point name"
            self.draft.refuse_key(self.path, "unknown_point", message, nearest=near, remedy=remedy)
            return None
        name = self.inherited("type")
        if name is None and self.inherited("table") in ("coil", "discrete"):
            return Kind.BOOL
        if name is None:
            self.draft.refuse_key(self.path, "missing_key", "lacks the key 'type'", remedy="add type: u16 …")
            return None
        return Kind(name)

    def table(self, kind: Kind) -> Table:
        table = Table(self.inherited("table"))
        if table.of_bits and kind is not Kind.BOOL:
            self.refuse("type", "wrong_table", f"a {table} holds bits, not {kind}", remedy="write type: bool")
        return table

    def address(self, *, opcua: bool) -> int:
        if opcua:
            if self.form.at is not None:
                self.refuse("at", "wrong_protocol", "an OPC UA node has no register address", remedy="write path: […]")
            return 0
        if self.form.at is None:
            self.draft.refuse_key(self.path, "missing_key", "lacks the key 'at'", remedy="add at: <wire address>")
            return 0
        return self.form.at

    def words(self, kind: Kind) -> int:
        if kind is Kind.TEXT and self.form.words is None and self.draft.form.ua is None:
            self.draft.refuse_key(self.path, "missing_key", "lacks the key 'words'", remedy="add words: …")
        if kind is not Kind.TEXT and self.form.words not in (None, kind.words):
            self.refuse("words", "wrong_length", f"{kind} takes {kind.words} registers", remedy="leave words: out")
        return self.form.words or kind.words

    def browse_path(self, *, opcua: bool) -> tuple[PathStep, ...]:
        ua = self.draft.form.ua
        if not opcua or ua is None:
            if self.form.path is not None:
                self.refuse("path", "wrong_protocol", "a register has no browse path", remedy="write at: …, or add ua:")
            return ()
        if self.form.path is None:
            self.draft.refuse_key(self.path, "missing_key", "lacks the key 'path'", remedy="add path: [prefix:Name]")
            return ()
        root = [self.step(step, ("ua", "root", at)) for at, step in enumerate(ua.root)]
        own = [self.step(step, (*self.path, "path", at)) for at, step in enumerate(self.form.path)]
        return tuple(step for step in root + own if step)

    def step(self, step: str | ParamStepForm, path: KeyPath) -> PathStep | None:
        ua = self.draft.form.ua
        assert ua is not None
        if isinstance(step, ParamStepForm):
            prefix, name, param = step.namespace, step.param, True
            if name not in self.draft.form.params:
                self.draft.refuse(path, "unknown_param", f"there is no parameter {name}", remedy="add it under params:")
        else:
            prefix, colon, name = step.partition(":")
            param = False
            if not colon:
                self.draft.refuse(path, "bad_form", "is not prefix:Name", remedy="name the namespace's prefix")
                return None
        uri = ua.namespaces.get(prefix)
        if uri is None:
            near = nearest(prefix, list(ua.namespaces))
            self.draft.refuse(path, "unknown_namespace", f"{prefix} is not among ua.namespaces", nearest=near)
            return None
        return PathStep(uri, name, param)

    def conversion(self, kind: Kind) -> Conversion:
        named = self.form.unit
        known = unit_of(self.name)
        if named is None:
            coded = kind in (Kind.TEXT, Kind.BOOL) or self.form.enum or self.form.bits is not None
            if kind is Kind.TEXT and not self.form.codes:
                return Conversion(Unit.NONE)
            if coded or known is Unit.NONE:
                return Conversion(Unit.NONE if known is Unit.NONE else Unit.ONE)
            self.draft.refuse_key(
                self.path, "missing_unit", "a number needs a unit", remedy='add unit: … ("1" for none)'
            )
            return Conversion(known or Unit.ONE)
        conversion = CONVERSIONS.get(named)
        if conversion is None:
            near = nearest(named, list(CONVERSIONS))
            self.refuse("unit", "unknown_unit", f"{named!r} is not a known unit", nearest=near)
            return Conversion(known or Unit.ONE)
        if known is not None and conversion.unit is not known:
            self.refuse("unit", "wrong_unit", f"{self.name} is in {known.value or 'no unit'}, not {named}")
        return conversion

    def sign(self, kind: Kind, conversion: Conversion) -> float:
        if self.form.sign is not None:
            return SIGNS[self.form.sign]
        two_sided = kind.is_float or kind in (Kind.I16, Kind.I32, Kind.I64)
        if two_sided and conversion.unit is Unit.WATT:
            message = "a power that can be negative must say what + means"
            self.draft.refuse_key(self.path, "missing_sign", message, remedy="add sign: import, export, charge …")
        return 1.0

    def range(self, conversion: Conversion, sign: float) -> tuple[float | None, float | None]:
        if self.form.range is None:
            return None, None
        first, last = self.form.range
        if first > last:
            self.refuse("range", "min_above_max", f"{first:g} is more than {last:g}", remedy="swap them")
        ends = [(end * conversion.factor + conversion.offset) * sign for end in (first, last)]
        return min(ends), max(ends)

    def bits(self, kind: Kind) -> tuple[int, int] | None:
        if self.form.bits is None:
            return None
        text = str(self.form.bits)
        first, _, last = text.partition("..")
        pair = int(first), int(last or first)
        if not kind.is_integer or pair[0] > pair[1] or pair[1] >= 16 * kind.words:
            self.refuse("bits", "bad_bits", f"{text} are not bits of a {kind}", remedy="write first..last, 0 is lowest")
        return pair

    def sentinels(self, kind: Kind) -> tuple[float, ...]:
        own = self.form.invalid
        given = self.draft.form.defaults.invalid.get(kind.value) if own is None else own
        patterns = [] if given is None else given if isinstance(given, list) else [given]
        if kind in (Kind.TEXT, Kind.BOOL):
            return ()
        return tuple(self.sentinel(kind, pattern) for pattern in patterns)

    def sentinel(self, kind: Kind, pattern: float) -> float:
        """A bit pattern of the type (0x8000 of an i16) or the value itself (-32768) -> the raw value."""
        if kind.is_float:
            return float(pattern)
        low, high = kind.bounds
        size = 1 << (16 * kind.words)
        value = int(pattern) - size if high < pattern < size else int(pattern)
        if pattern != int(pattern) or not low <= value <= high:
            self.refuse("invalid", "sentinel_outside_type", f"{pattern} is not a raw value of {kind}")
        return value

    def writable(self, access: str, table: Table | None) -> bool:
        if "w" in access and table in (Table.INPUT, Table.DISCRETE):
            self.refuse(
                "access", "not_writable", f"a point of table {table} cannot be written", remedy="write access: r"
            )
        return "w" in access
