"""One point of a form -> a `Point`: defaults cascade profile -> block -> point; unit, scale and sign become one factor."""

from dataclasses import dataclass
from math import prod
from struct import pack, unpack
from typing import Any

from gateway.errors import ProfileError
from gateway.model.point import Unit
from gateway.profiles import sunspec
from gateway.profiles.codes import codes_of
from gateway.profiles.draft import Draft
from gateway.profiles.form import BlockForm
from gateway.profiles.named import NAMED
from gateway.profiles.nodeplace import NodePlace
from gateway.profiles.pointform import BeyondForm, PointForm, ScaleForm
from gateway.profiles.relations import ModelPoint
from gateway.profiles.schema import Counter, Every, Kind, Order, Point, Table, Wear
from gateway.profiles.units import CONVERSIONS, SIGNS, Conversion
from gateway.profiles.vocabulary import NAMES, is_extra, states_of, unit_of, without_place
from gateway.texts import say
from gateway.yamltext import KeyPath
from gateway.yamltext.form import nearest

LAST_ADDRESS = 65535


@dataclass(slots=True)
class Building:
    """One point on its way."""

    draft: Draft
    form: PointForm
    block: BlockForm
    path: KeyPath
    name: str

    def point(self) -> Point | None:
        """The point, or None with what is wrong in the draft."""
        kind = self._kind()
        if kind is None:
            return None
        opcua = self.draft.form.ua is not None and not self._unplaced
        table = None if opcua or self._unplaced or self.form.sunspec else self._table(kind)
        conversion = self._conversion(kind)
        sign = self._sign(kind, conversion)
        scale = self.form.scale
        numbers = [one for one in scale if isinstance(one, float)] if isinstance(scale, list) else [scale]
        if any(isinstance(one, float) and one <= 0 for one in numbers):
            self._refuse("scale", "negative_scale", say("problem.negative_scale"), remedy=say("remedy.sign"))
            return None
        factor = prod(one for one in numbers if isinstance(one, float))
        self.draft.documented[self.name] = conversion.factor * sign, conversion.offset * sign
        low, high = self._range(conversion, sign)
        if self._unplaced:  # made of values in inside units and signs
            conversion, sign = Conversion(conversion.unit), 1.0
        access, node = self._access(), NodePlace(self.draft, self.form, self.path, self._refuse)
        return Point(
            name=self.name,
            unit=conversion.unit,
            kind=kind,
            table=table,
            address=self._address(table, opcua=opcua),
            words=self._words(kind),
            order=Order(self._inherited("order")),
            unit_id=self.block.unit_id if self.form.unit_id is None else self.form.unit_id,
            path=node.browse_path(opcua=opcua),
            calls=node.calls(opcua=opcua),
            member=self.form.field or "",
            factor=factor * conversion.factor * sign,
            offset=(self.form.offset * conversion.factor + conversion.offset) * sign,
            pow10=scale.pow10 if isinstance(scale, ScaleForm) else None,
            pow10_plus=scale.plus if isinstance(scale, ScaleForm) else 0,
            pow10_times=scale.times if isinstance(scale, ScaleForm) else 1,
            codec=self._codec(kind),
            utf16=self.form.encoding == "utf16",
            sunspec=self._alternatives(),
            bits=self._bits(kind),
            enum=self.form.enum or dict(enumerate(states_of(self.name))),
            codes=codes_of(self.draft, self.form, self.name, kind=kind, path=self.path),
            invalid=self._sentinels(kind),
            invalid_below=self._beyond.below if self._beyond else None,
            invalid_above=self._beyond.above if self._beyond else None,
            low=low,
            high=high,
            every=Every(self._inherited("every")),
            readable="r" in access and not self.form.virtual,
            writable=self._writable(access, table),
            wear=Wear(self.form.wear),
            counter=self._counter(conversion),
            expect_change_s=self.form.expect_change_s,
            doc=self.form.doc,
        )

    def _refuse(self, key: str, code: str, message: str, **more: str) -> None:
        """At the value of `key` where it is written, else at the point's own key."""
        path = (*self.path, key)
        if path in self.draft.document.values:
            self.draft.refuse(path, code, message, **more)
        else:
            self.draft.refuse_key(self.path, code, message, **more)

    def _inherited(self, key: str) -> Any:
        for form in (self.form, self.block):
            if (value := getattr(form, key)) is not None:
                return value
        return getattr(self.draft.form.defaults, key)

    def _kind(self) -> Kind | None:
        known = unit_of(self.name)
        if known is None and not is_extra(self.name):
            near, own = nearest(without_place(self.name), list(NAMES)), str(self.path[-1])
            found = say("remedy.near_name", near=near, name=own)
            remedy = found if near and near != own else say("remedy.published_name", name=own)
            message = say("problem.unpublished")
            self.draft.refuse_key(self.path, "unknown_point", message, nearest=near, remedy=remedy)
            return None
        if self._unplaced:
            return Kind.F64
        if self.form.sunspec is not None:
            return self._model()[0]
        name = self._inherited("type")
        if name is None and self._inherited("table") in ("coil", "discrete"):
            return Kind.BOOL
        if name is None:
            self.draft.refuse_key(self.path, "missing_key", say("problem.missing_type"), remedy=say("remedy.add_type"))
            return None
        return Kind(name)

    def _table(self, kind: Kind) -> Table:
        table = Table(self._inherited("table"))
        if table.of_bits and kind is not Kind.BOOL:
            self._refuse(
                "type",
                "wrong_table",
                say("problem.holds_bits", table=table, kind=kind),
                remedy=say("remedy.write_bool"),
            )
        return table

    @property
    def _unplaced(self) -> bool:
        """Neither register nor node: worked out of others, or only set."""
        form = self.form
        return bool(form.sum_of or form.minus or form.mean_of or form.first_of or form.pick or form.virtual)

    @property
    def _beyond(self) -> BeyondForm | None:
        return self.form.invalid if isinstance(self.form.invalid, BeyondForm) else None

    def _access(self) -> str:
        if self.form.access is None and self._unplaced:
            return "w" if self.form.virtual else "r"
        if self.form.call is not None:
            return NodePlace(self.draft, self.form, self.path, self._refuse).access()
        return str(self._inherited("access"))

    def _codec(self, kind: Kind) -> str | None:
        name = self.form.codec
        if name is not None and kind not in NAMED[name].kinds:
            allowed = ", ".join(sorted(NAMED[name].kinds))
            self._refuse(
                "codec",
                "wrong_codec",
                say("problem.wrong_codec", codec=name, kind=kind),
                remedy=say("remedy.codec_for", kinds=allowed),
            )
        return name

    def _alternatives(self) -> tuple[ModelPoint, ...]:
        given = self.form.sunspec
        found: list[ModelPoint] = []
        for text in given if isinstance(given, list) else [given] if given else []:
            try:
                found += sunspec.parse(text)
            except ProfileError as error:
                self._refuse("sunspec", "bad_form", error.said, remedy=say("remedy.model_point"))
        return tuple(found)

    def _model(self) -> tuple[Kind, str]:
        """Kind and documented unit of a SunSpec point."""
        try:
            return sunspec.check(self._alternatives())
        except ProfileError as error:
            self._refuse("sunspec", "unknown_model_point", error.said)
            return Kind.U16, "1"

    def _counter(self, conversion: Conversion) -> Counter | None:
        form = self.form.counter
        if form is None:
            return None
        return Counter(form.wraps, form.resets, form.coarse and form.coarse * conversion.factor)

    def _address(self, table: Table | None, *, opcua: bool) -> int:
        if opcua or table is None:
            if self.form.at is not None:
                what = say("word.ua_node") if opcua else say("word.this_point")
                self._refuse(
                    "at",
                    "wrong_protocol",
                    say("problem.no_register_address", what=what),
                    remedy=say("remedy.write_path"),
                )
            return 0
        if self.form.at is None:
            self.draft.refuse_key(self.path, "missing_key", say("problem.missing_at"), remedy=say("remedy.add_at"))
            return 0
        defaults = self.draft.form.defaults
        first = defaults.first if isinstance(defaults.first, int) else defaults.first.get(table.value, 0)
        wire = self.form.at * defaults.times - first
        if not 0 <= wire <= LAST_ADDRESS:
            message = say("problem.wire_address", at=self.form.at, wire=wire, last=LAST_ADDRESS)
            self._refuse("at", "out_of_range", message)
            return 0
        return wire

    def _words(self, kind: Kind) -> int:
        placed = self.draft.form.ua is None and not self.form.sunspec
        if kind is Kind.TEXT and self.form.words is None and placed:
            self.draft.refuse_key(
                self.path, "missing_key", say("problem.missing_words"), remedy=say("remedy.add_words")
            )
        if kind is not Kind.TEXT and self.form.words not in (None, kind.words):
            self._refuse(
                "words",
                "wrong_length",
                say("problem.takes_words", kind=kind, words=kind.words),
                remedy=say("remedy.no_words"),
            )
        return self.form.words or kind.words

    def _conversion(self, kind: Kind) -> Conversion:
        named = self.form.unit
        if named is None and self.form.sunspec is not None and kind is not Kind.TEXT and not self.form.enum:
            named = self._model()[1]
        known = unit_of(self.name)
        if named is None and self._unplaced and known is not None:
            return Conversion(known)
        if named is None:
            named_values = self.form.enum or self.form.codes
            coded = kind in (Kind.TEXT, Kind.BOOL) or named_values or self.form.bits is not None
            if kind is Kind.TEXT and not self.form.codes:
                return Conversion(Unit.NONE)
            if coded or known is Unit.NONE:
                return Conversion(Unit.NONE if known is Unit.NONE else Unit.ONE)
            self.draft.refuse_key(self.path, "missing_unit", say("problem.missing_unit"), remedy=say("remedy.add_unit"))
            return Conversion(known or Unit.ONE)
        conversion = CONVERSIONS.get(named)
        if conversion is None:
            near = nearest(named, list(CONVERSIONS))
            self._refuse("unit", "unknown_unit", say("problem.unknown_unit", unit=named), nearest=near)
            return Conversion(known or Unit.ONE)
        if known is not None and conversion.unit is not known:
            self._refuse(
                "unit",
                "wrong_unit",
                say("problem.wrong_unit", point=self.name, unit=known.value or say("word.no_unit"), named=named),
            )
        return conversion

    def _sign(self, kind: Kind, conversion: Conversion) -> float:
        if self.form.sign is not None:
            return SIGNS[self.form.sign]
        two_sided = kind.is_float or kind in (Kind.I16, Kind.I32, Kind.I64)
        if two_sided and conversion.unit is Unit.WATT and not self._unplaced:
            message = say("problem.missing_sign")
            self.draft.refuse_key(self.path, "missing_sign", message, remedy=say("remedy.add_sign"))
        return 1.0

    def _range(self, conversion: Conversion, sign: float) -> tuple[float | None, float | None]:
        if self.form.range is None:
            return None, None
        first, last = self.form.range
        if first > last:
            self._refuse(
                "range", "min_above_max", say("problem.range_ends", first=first, last=last), remedy=say("remedy.swap")
            )
        ends = [(end * conversion.factor + conversion.offset) * sign for end in (first, last)]
        return min(ends), max(ends)

    def _bits(self, kind: Kind) -> tuple[int, int] | None:
        if self.form.bits is None:
            return None
        text = str(self.form.bits)
        first, _, last = text.partition("..")
        pair = int(first), int(last or first)
        if not kind.is_integer or pair[0] > pair[1] or pair[1] >= 16 * kind.words:
            self._refuse("bits", "bad_bits", say("problem.bad_bits", bits=text, kind=kind), remedy=say("remedy.bits"))
        return pair

    def _sentinels(self, kind: Kind) -> tuple[float, ...]:
        own = self.form.invalid
        given = self.draft.form.defaults.invalid.get(kind.value) if own is None else own
        given = given.values if isinstance(given, BeyondForm) else given
        patterns = [] if given is None else given if isinstance(given, list) else [given]
        if kind in (Kind.TEXT, Kind.BOOL):
            return ()
        return tuple(self._sentinel(kind, pattern) for pattern in patterns)

    def _sentinel(self, kind: Kind, pattern: float) -> float:
        """A bit pattern of the type (0x8000 of an i16) or the value itself (-32768) -> the raw value."""
        if kind is Kind.F32:
            return float(unpack(">f", pack(">f", pattern))[0])  # 3.4028235e38 as the device has it
        if kind.is_float:
            return float(pattern)
        low, high = kind.bounds
        size = 1 << (16 * kind.words)
        value = int(pattern) - size if high < pattern < size else int(pattern)
        if pattern != int(pattern) or not low <= value <= high:
            self._refuse("invalid", "sentinel_outside_type", say("problem.sentinel", raw=pattern, kind=kind))
        return value

    def _writable(self, access: str, table: Table | None) -> bool:
        if "w" in access and table in (Table.INPUT, Table.DISCRETE):
            self._refuse(
                "access", "not_writable", say("problem.read_only_table", table=table), remedy=say("remedy.read_only")
            )
        if "w" in access and self.form.codes:
            self._refuse("access", "not_writable", say("problem.coded_not_writable"), remedy=say("remedy.read_only"))
        return "w" in access
