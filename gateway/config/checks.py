"""What the parts of a site file mean together: names that lead nowhere, conflicts, bounds, profiles that lack something."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.config.assets import asset_problems
from gateway.config.build import devices_of, params_of, transport_of
from gateway.config.callers import confusable
from gateway.config.dashboard import dashboard_problems
from gateway.config.energy_form import energy_problems
from gateway.config.form import ConnectionForm, SiteForm
from gateway.config.lines import line_problems
from gateway.config.paths import path_problem
from gateway.config.safety_checks import safety_problems
from gateway.config.writers import two_writers
from gateway.errors import ConfigError, Problem, ProfileError
from gateway.model.site import Transport
from gateway.profiles.frames import for_device
from gateway.profiles.load import load_profile, param_problem
from gateway.profiles.schema import Profile, Protocol
from gateway.texts import say
from gateway.yamltext import Document, KeyPath
from gateway.yamltext.form import nearest

_HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")
_OPCUA = re.compile(r"opc\.tcp://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})(/\S*)?")
_SERIAL = re.compile(r"/[^\s\0]+")
_ADDRESS = {
    Transport.MODBUS_TCP: (_HOST_PORT, "host:port"),
    Transport.MODBUS_RTU_TCP: (_HOST_PORT, "host:port"),
    Transport.MODBUS_TLS: (_HOST_PORT, "host:port"),
    Transport.MODBUS_RTU: (_SERIAL, "/dev/serial/by-id/…"),
    Transport.OPCUA: (_OPCUA, "opc.tcp://host:port"),
}
_TEMPLATE = re.compile(r"\$\{|\{\{")
_SECRET = ("password_file", "key_file")
_FILES = (*_SECRET, "ca_file", "cert_file")


@dataclass(slots=True)
class Checking:
    """One site file under examination."""

    form: SiteForm
    document: Document
    folder: Path
    credentials: Path | None
    folders: tuple[Path, ...]
    """Profile folders of the site's own."""
    problems: list[Problem] = field(default_factory=list)
    profiles: dict[str, Profile] = field(default_factory=dict)
    """By device."""
    loaded: dict[str, Profile] = field(default_factory=dict)
    """By name, each read once."""

    def run(self) -> list[Problem]:
        """Every problem, by place."""
        self._templates()
        self._connections()
        self._devices()
        self._head()
        self._assets()
        self._writers()
        self._limits_and_services()
        safety_problems(self)
        self._links()
        dashboard_problems(self)
        energy_problems(self)
        unique = {(p.file, p.line, p.column, p.code): p for p in self.problems}
        return sorted(unique.values(), key=lambda p: (p.file != self.document.file, p.file, p.line, p.column))

    def refuse(self, path: KeyPath, code: str, message: str, **more: str) -> None:
        """Something is wrong with the value at `path`; where it is not written, with the key above."""
        if path in self.document.values:
            self.problems.append(self.document.problem(path, code, message, **more))
        else:
            self.problems.append(self.document.key_problem(path[:-1], code, message, **more))

    def see(self, path: KeyPath) -> str:
        """The other place of a conflict."""
        place = self.document.key_at(path)
        return f"{place.file}:{place.line}:{place.column}"

    def known(self, name: str, names: Iterable[str], *, path: KeyPath, what: str, key: bool = False) -> bool:
        """Whether `name`, the value at `path` or its key, is one of `names`; else it is said, with the nearest."""
        names = list(names)
        if name in names:
            return True
        near = nearest(name, names)
        remedy = (
            say("remedy.nearest", near=near)
            if near
            else say("remedy.known", known=", ".join(names) or say("word.none"))
        )
        code, message = f"unknown_{what}", say("problem.unknown", what=say(f"word.{what}"), name=name)
        if key:
            self.problems.append(self.document.key_problem(path, code, message, nearest=near, remedy=remedy))
        else:
            self.refuse(path, code, message, nearest=near, remedy=remedy)
        return False

    def _templates(self) -> None:
        """A-024: nothing is filled in; what looks as if it should be is a mistake."""
        for path in list(self.document.values):
            value = self._value(path)
            if isinstance(value, str) and _TEMPLATE.search(value):
                self.refuse(path, "template", say("problem.template"), remedy=say("remedy.template"))

    def _value(self, path: KeyPath) -> object:
        value = self.document.data
        for step in path:
            value = value[step]
        return value

    def _head(self) -> None:
        meter = self.profiles.get(self.form.site.meter)
        self.known(self.form.site.meter, self.form.devices, path=("site", "meter"), what="device")
        if meter is not None and "power.active" not in meter.points:
            self.refuse(
                ("site", "meter"),
                "profile_lacks",
                say("problem.profile_lacks", profile=meter.name, point="power.active"),
            )
        try:
            ZoneInfo(self.form.site.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            remedy = say("remedy.timezone")
            self.refuse(("site", "timezone"), "unknown_timezone", say("problem.timezone"), remedy=remedy)

    def _connections(self) -> None:
        users: dict[tuple[object, ...], str] = {}
        for key, form in self.form.connections.items():
            path: KeyPath = ("connections", key)
            ways = transport_of(form)
            if len(ways) != 1:
                names = ", ".join(transport.value for transport in Transport)
                self.problems.append(
                    self.document.key_problem(path, "bad_connection", say("problem.one_of", names=names))
                )
                continue
            transport, address = ways[0]
            pattern, shape = _ADDRESS[transport]
            match = pattern.fullmatch(address)
            port = int(match[2]) if match and match.re is not _SERIAL else 1
            if match is None or not 0 < port < 65536:
                self.refuse(
                    (*path, transport.value),
                    "bad_address",
                    say("problem.address", address=address, shape=shape),
                    remedy=say("remedy.write", what=shape),
                )
            line_problems(self, key, form, transport)
            who = (form.registration, form.peer) if form.dials_in else ()
            if (other := users.setdefault((transport, address, *who), key)) != key:
                see = self.see(("connections", other))
                self.refuse((*path, transport.value), "same_line", say("problem.same_line", other=other), see=see)
            elif form.dials_in:
                self._call(key, form, address)

    def _call(self, key: str, form: ConnectionForm, address: str) -> None:
        """Whoever dials in at one address must be told from everybody else there."""
        for other, its in self.form.connections.items():
            if other == key:
                return
            at_one_door = its.dials_in and address in [where for _, where in transport_of(its)]
            if at_one_door and confusable(form, its):
                name = "registration" if form.registration is not None else "peer"
                message, remedy = say("problem.confusable", other=other), say("remedy.confusable")
                see = self.see(("connections", other))
                self.refuse(("connections", key, name), "same_caller", message, remedy=remedy, see=see)

    def _devices(self) -> None:
        boxes: dict[tuple[str, int], list[str]] = {}
        for key, form in self.form.devices.items():
            path: KeyPath = ("devices", key)
            on_known = self.known(form.on, self.form.connections, path=(*path, "on"), what="connection")
            profile = self._profile(key)
            if not on_known:
                continue
            ways = transport_of(self.form.connections[form.on])
            opcua = bool(ways) and ways[0][0] is Transport.OPCUA
            if profile is not None and (profile.protocol is Protocol.OPCUA) != opcua and len(ways) == 1:
                message = say(
                    "problem.wrong_protocol",
                    profile=form.profile,
                    protocol=profile.protocol,
                    line=form.on,
                    transport=ways[0][0],
                )
                self.refuse((*path, "on"), "wrong_protocol", message)
            box = boxes.setdefault((form.on, form.unit_id), [])
            other = next((one for one in box if not self._share(one, key)), None)
            box.append(key)
            if not opcua and other is not None:
                message = say("problem.same_unit", unit=form.unit_id, line=form.on, other=other)
                self.refuse((*path, "unit_id"), "same_unit", message, see=self.see(("devices", other)))

    def _share(self, one: str, other: str) -> bool:
        """Whether two devices may have one unit id: they are different places of the same box."""
        first, second = self.profiles.get(one), self.profiles.get(other)
        if first is None or second is None or not (first.place and second.place):
            return False
        return first.id == second.id and first.place != second.place

    def _profile(self, key: str) -> Profile | None:
        form = self.form.devices[key]
        path: KeyPath = ("devices", key)
        try:
            if form.profile not in self.loaded:
                self.loaded[form.profile] = load_profile(form.profile, self.folders)
        except ConfigError as error:
            first = error.problems[0]
            if first.code == "unknown_profile" and first.file == form.profile:
                self.refuse((*path, "profile"), first.code, first.message, nearest=first.nearest, remedy=first.remedy)
            else:
                message = say("problem.broken_profile", profile=form.profile, count=len(error.problems))
                self.refuse(
                    (*path, "profile"), "broken_profile", message, see=f"{first.file}:{first.line}:{first.column}"
                )
                self.problems += error.problems
            return None
        profile = self.loaded[form.profile]
        wrong = False
        for name, value in form.params.items():
            if name not in profile.params:
                near = nearest(name, list(profile.params))
                remedy = (
                    say("remedy.nearest", near=near)
                    if near
                    else say("remedy.known", known=", ".join(profile.params) or say("word.none"))
                )
                where: KeyPath = (*path, "params", name)
                self.problems.append(
                    self.document.key_problem(where, "unknown_key", say("problem.unknown_parameter", profile=form.profile),
                                              nearest=near, remedy=remedy)
                )  # fmt: skip
                wrong = True
            elif reason := param_problem(profile.params[name], value):
                self.refuse((*path, "params", name), "bad_param", reason)
                wrong = True
        try:
            self.profiles[key] = profile = for_device(profile, {} if wrong else params_of(self.form, key))
        except ProfileError as error:
            self.refuse((*path, "params"), "bad_param", error.said)
        return profile

    def _assets(self) -> None:
        owners: dict[str, str] = {}
        where: KeyPath
        for key, form in self.form.assets.items():
            path: KeyPath = ("assets", key)
            for number, device in enumerate(devices_of(form)):
                where = (*path, "device") if form.kind == "battery" else (*path, "devices", number)
                if not self.known(device, self.form.devices, path=where, what="device"):
                    continue
                if device in owners:
                    message = say("problem.belongs", device=device, owner=owners[device])
                    self.refuse(where, "same_device", message, see=self.see(("assets", owners[device])))
                owners.setdefault(device, key)
            for extra in ("bookings", "zone", "meter"):
                if (helper := getattr(form, extra, None)) is not None:
                    self.known(helper, self.form.devices, path=(*path, extra), what="device")
                if extra == "meter" and helper == self.form.site.meter:
                    self.refuse(
                        (*path, extra), "same_device", say("problem.whole_site"), remedy=say("remedy.own_meter")
                    )
            for problem in asset_problems(key, form, self.profiles):
                self.refuse(problem.path, problem.code, problem.message, remedy=problem.remedy)

    def _writers(self) -> None:
        for device, other, what in two_writers(self.form, self.profiles):
            mine, theirs = self.form.devices[device], self.form.devices[other]
            if mine.unit_id == theirs.unit_id and not self._share(other, device):
                continue  # said already: one of them is not there
            path: KeyPath = ("devices", device)
            see = self.see(("devices", other))
            self.problems.append(
                self.document.key_problem(path, "two_writers", say("problem.two_writers", what=what), see=see)
            )

    def _limits_and_services(self) -> None:
        limits, dr = self.form.limits, self.form.services.demand_response
        top = limits.max_import_kw
        if limits.failsafe_import_kw is not None and top is not None and limits.failsafe_import_kw > top:
            where: KeyPath = ("limits", "failsafe_import_kw")
            self.refuse(
                where,
                "min_above_max",
                say("problem.above_max_import", top=top),
                see=self.see(("limits", "max_import_kw")),
            )
        if dr is not None and dr.adjust_end_s >= dr.adjust_begin_s:
            where = ("services", "demand_response", "adjust_end_s")
            self.refuse(where, "min_above_max", say("problem.window"), remedy=say("remedy.swap_two"))
        if dr is not None and dr.history_file is not None:
            self.file(("services", "demand_response", "history_file"), dr.history_file, secret=False)

    def _links(self) -> None:
        for key, form in self.form.links.items():
            for name in _FILES:
                if (file := getattr(form, name)) is not None:
                    self.file(("links", key, name), file, secret=name in _SECRET)
            for issuer, file in form.signers.items():
                self.file(("links", key, "signers", issuer), file, secret=False)
            if (form.cert_file is None) != (form.key_file is None):
                lacking = "cert_file" if form.cert_file is None else "key_file"
                self.problems.append(
                    self.document.key_problem(("links", key), "missing_key", say("problem.missing_key", key=lacking))
                )

    def file(self, path: KeyPath, name: str, *, secret: bool) -> None:
        """A file that the site file names must be there, in its folder, and a secret one for us alone."""
        if found := path_problem(name, self.folder, self.credentials, secret=secret):
            code, message, remedy = found
            self.refuse(path, code, message, remedy=remedy)
