"""One afternoon in a building, for the browser: 150 kW less are asked until 14:45, one charger does not answer."""

from dataclasses import dataclass, replace
from math import sin

from gateway.dashboard import answers, energy_records, records
from tests.dashboard.rig import BAD_NAME, T0_MS, MadeUpSite, now

MINUTE_MS = 60_000
BEGAN_MS = T0_MS - 22 * MINUTE_MS
ENDS_MS = T0_MS + 38 * MINUTE_MS

EVENT = answers.RequestNow(
    id="DR-0716-1", issuer="vpp", source="remote", service="dr", kind="event", target="site", waits=False,
    begin_ms=BEGAN_MS, end_ms=ENDS_MS, signal=None, power_w=None, shed_w=150_000.0, max_import_w=None,
    max_export_w=None, reference_w=830_000.0,
)  # fmt: skip
COMING = replace(EVENT, id="DR-0716-2", waits=True, begin_ms=T0_MS + 83 * MINUTE_MS, end_ms=T0_MS + 143 * MINUTE_MS)
PAST = records.EventPast(
    id="DR-0714-2", issuer="vpp", source="remote", service="dr", kind="event", target="site",
    begin_ms=T0_MS - 2880 * MINUTE_MS, end_ms=T0_MS - 2790 * MINUTE_MS, shed_w=120_000.0, power_w=None, result="done",
    reason="ended", over_ms=T0_MS - 2790 * MINUTE_MS, delivery=0.96,
)  # fmt: skip
REGULATED = replace(
    PAST, id="reg-1", service="reg", kind="setpoint", shed_w=None, delivery=0.934, over_ms=PAST.over_ms - MINUTE_MS,
)  # fmt: skip


def asset(name: str, kind: str, **given: object) -> answers.AssetNow:
    usual: dict[str, object] = {
        "asked_w": 60_000.0, "does_w": 60_000.0, "headroom_w": 20_000.0, "footroom_w": 50_000.0, "reason": "target",
        "min_w": 0.0, "max_w": 176_000.0, "operating_w": 88_000.0, "safe_w": None, "settles_s": 30.0, "soc_pct": None,
        "devices": (name,), "answering": 1, "hold": None,
    }  # fmt: skip
    return answers.AssetNow(id=name, name=name, kind=kind, **usual | given)  # type: ignore[arg-type]


ASSETS = (
    asset("battery", "battery", asked_w=-62_000.0, does_w=-61_800.0, headroom_w=0.0, footroom_w=162_000.0,
          reason="soc_min", min_w=-100_000.0, max_w=100_000.0, operating_w=0.0, safe_w=0.0, soc_pct=74.0),
    asset("ev", "ev_fleet", asked_w=58_000.0, does_w=58_000.0, headroom_w=0.0, footroom_w=76_000.0, reason="departure",
          devices=tuple(f"ev{n:02}" for n in range(1, 17)), answering=15),
    asset("fans", "fans", asked_w=82_000.0, does_w=84_000.0),
    asset("chiller", "chiller", asked_w=296_000.0, does_w=297_000.0, max_w=450_000.0, reason="comfort_warm"),
)  # fmt: skip
ALARMS = (
    records.AlarmNow("device_offline:ev11", "device_offline", "ev11", "medium", active=True, raised_ms=T0_MS - 900_000,
                     cleared_ms=None, count=2, detail=f"timeout {BAD_NAME}", acknowledged_by=None, acknowledged_ms=None),
    records.AlarmNow("upstream_lost:site", "upstream_lost", "site", "high", active=False, raised_ms=T0_MS - 9_000_000,
                     cleared_ms=T0_MS - 8_900_000, count=1, detail="", acknowledged_by="li", acknowledged_ms=T0_MS),
)  # fmt: skip
LONG_ALARMS = (
    replace(ALARMS[0], key="night_base:supply", cause="night_base", place="supply", severity="low"),
    replace(ALARMS[0], key="water_leak:water", cause="water_leak", place="water"), *ALARMS,
)  # fmt: skip
STATES = (("good", "", 0.4), ("stale", "age", 48.0), ("invalid", "sentinel", None), ("substituted", "source", 12.0),
          ("uncertain", "frozen", 1.0), ("invalid", "offline", None))  # fmt: skip


class StorySite(MadeUpSite):
    """`ports.Site` with a building behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: dict[str, object] = {}
        self.alarmed = ALARMS

    def now(self) -> answers.Now:
        usual = {
            "mode": "remote", "cause": "request_in_force", "service": "dr", "assets": ASSETS, "target_w": 680_000.0,
            "power": answers.Power(683_000.0, "good", "", 0.4), "requests": (EVENT, COMING), "baseline_w": 830_000.0,
            "limits": answers.Limits(1.1e6, 0.0, 1.1e6, 0.0), "alarms": answers.AlarmCount(0, 1, 0, 1),
            "inputs": answers.Inputs((answers.LinkNow("vpp", connected=True, heard_s=1.1),), 38, 39, 0.002, 812),
            "offered": answers.Offered(200_000.0, 150_000.0, None),
        }  # fmt: skip
        return now(**usual | self.changes)

    def events(self) -> records.Events:
        return records.Events(T0_MS, (EVENT,), (COMING,), (PAST, REGULATED))

    def alarms(self) -> records.Alarms:
        return records.Alarms(T0_MS, self.alarmed)

    def devices(self) -> answers.Devices:
        lines = (answers.LineNow("garage", "modbus_tcp", "10.0.0.7:502", 16, 15, {"polls": 900, "read_errors": 181}),)
        boxes = tuple(
            answers.DeviceNow(f"ev{n:02}", "ev_charger/x", "garage", n, "ev", online=n != 11, newest_s=0.3,
                              oldest_s=1.9, points=answers.Counts(5, n == 6, 0, 0, 6 * (n == 11)))
            for n in range(1, 17)
        )  # fmt: skip
        return answers.Devices(T0_MS, lines, boxes)

    def points(self, device: str | None = None) -> answers.Points:
        if device is not None and not device.startswith(("ev", "gateway", "pcc")):
            raise LookupError(device)
        named = device or "pcc"
        return answers.Points(T0_MS, tuple(
            answers.PointNow(f"{named}/p{n}", named, f"p{n}", "W", None if quality == "invalid" else 3600.0 + n, "",
                             quality, cause, age_s, 5.0) for n, (quality, cause, age_s) in enumerate(STATES)
        ))  # fmt: skip

    def config(self) -> records.Config:
        return records.Config("tower.yaml", f"site: {{id: tower}}\n# {BAD_NAME}\n", {"id": BAD_NAME, "meter": "pcc"})


@dataclass
class StoryHistory:
    """`ports.History`: a curve with a step where the event began, and a gap of four minutes."""

    async def series(self, point: str, *, from_ms: int, to_ms: int, most: int) -> records.Series:
        step_ms = max(1000, (to_ms - from_ms) // min(most, 300))
        t_ms = tuple(range(from_ms, to_ms, step_ms))
        mean = tuple(self._at(point, ms) for ms in t_ms)
        quality = tuple("" if w is None else "good" for w in mean)
        return records.Series(point, "W", "minute", step_ms / 1000, t_ms, mean, mean, mean, quality)

    @staticmethod
    def _at(point: str, ms: int) -> float | None:
        minutes = (ms - T0_MS) / MINUTE_MS
        if -50 < minutes < -46 and point == "pcc/power.active":
            return None
        base = 820_000 + 12_000 * sin(minutes / 25)
        if point == "gateway/baseline.power":
            return base
        if point == "gateway/target.power":
            return base - 150_000 if ms > BEGAN_MS else None
        if point.startswith("gateway/"):
            return 90_000 + 8_000 * sin(minutes / 7)
        return base + 9_000 * sin(minutes * 3) - (147_000 if ms > BEGAN_MS else 0)


class StoryEnergies:
    """`ports.Energies`: a day with a gap, cost, carbon and a leak."""

    async def energy(self, *, from_ms: int, to_ms: int) -> energy_records.Energy:
        long = 3_600_000 if to_ms - from_ms <= 50 * 3_600_000 else 86_400_000
        cells = tuple(
            energy_records.EnergyCell(
                at, min(at + long, to_ms), None if n == 3 else 500.0 + 40.0 * sin(n), float(n != 3)
            )
            for n, at in enumerate(range(from_ms, to_ms, long))
        )
        usual = {"part_of": None, "source": "counter", "in_gaps": 480.0, "export": None, "known": 0.95, "cells": cells}
        meters = (
            energy_records.MeterEnergy(id="pcc", carrier="electricity", unit="kWh", total=8103.0, peak_w=827_000.0,
                                       marks=((T0_MS, "reset"),), **usual),
            energy_records.MeterEnergy(id="mains", carrier="water", unit="m3", total=12.4, peak_w=None, marks=(), **usual),
        )  # fmt: skip
        bands = tuple(energy_records.BandCost(name, 0.5, 4000.0, 2000.0) for name in ("peak", ""))
        cost = energy_records.EnergyCost(7090.0, 210.0, 0.0, bands, None)
        carriers = (
            energy_records.CarrierEnergy(
                "electricity", "kWh", 8103.0, 0.95, cost, BAD_NAME, 4648.0, 0.5737, "Shanghai"
            ),
            energy_records.CarrierEnergy("water", "m3", 12.4, 0.95, None, "", None, None, ""),
        )
        assets = tuple(energy_records.AssetEnergy(one.id, 900.0, 0.99) for one in ASSETS)
        leak = energy_records.EnergyFinding("leak", "mains", from_ms, 0.11, 0.0)
        return energy_records.Energy(
            from_ms,
            to_ms,
            "Asia/Shanghai",
            "CNY",
            "hour" if long == 3_600_000 else "day",
            carriers,
            meters,
            assets,
            (leak,),
        )

    async def evidence(self, event: records.EventPast) -> energy_records.EventEvidence:
        quarters = tuple(
            energy_records.EventQuarter(at, at + 900_000, 830_000.0, 830_000.0 - 20_000.0 * n)
            for n, at in enumerate(range(event.begin_ms, event.end_ms or 0, 900_000))
        )
        settled = energy_records.EventSettlement(0.96, 8.3e5, 8.4e5, 7.1e5, 7.3e5, 88, True, False, True, 0.96)
        return energy_records.EventEvidence(quarters, 0.96, 115_000.0, 1.0, settled, BAD_NAME, "the least rate")


class StoryAudit:
    """`ports.Audit` with a few records of hostile content."""

    async def page(self, **_: object) -> records.AuditPage:
        found = tuple(
            records.AuditRecord(n, T0_MS - n * MINUTE_MS, kind, BAD_NAME, {"why": BAD_NAME, "asset": "battery"}, "9f3c")
            for n, kind in enumerate(("override", "verdict", "login"), start=1)
        )
        return records.AuditPage(found, None, 3, "sha256")

    async def verify(self) -> records.AuditState:
        return records.AuditState(whole=True, records=3, file="", line=0, why="")
