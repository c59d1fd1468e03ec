"""An emulated building of twelve devices on Modbus TCP, a serial line and OPC UA."""

from contextlib import asynccontextmanager
from pathlib import Path

from emulators.bench import Bench, Manner
from emulators.ledger import Ledger
from emulators.lines import Line, Wiring
from emulators.standalone import StandAlone, start_values
from gateway.model.site import Connection, Device, Transport
from gateway.shipped import shipped
from tests.commission.places import load_profile

TCP = [
    "meter/abb_b23",
    "battery/acme_200",
    "ev_charger/alfen_ng9xx",
    "ev_charger/abb_terra_ac",
    "lighting/acme_dimmer",
    "meter/eastron_sdm630",
]
SERIAL = ["hvac/abb_acs580", "hvac/danfoss_vlt_fc", "sensor/calectro_ug3", "io/waveshare_relay_8ch"]
CHILLERS = ["Chiller1", "Chiller2"]
READS = ("01", "02", "03", "04", "2b")


def wired() -> tuple[Wiring, StandAlone]:
    """The lines, and the values behind them."""
    values = StandAlone()
    profiles = {}
    placed: dict[str, list[Device]] = {"plant": [], "rtu": [], "cooling": []}

    def add(line: str, name: str, **params: str) -> None:
        here = placed[line]
        device = Device(f"{line}{len(here) + 1}", name, line, len(here) + 1, params)
        profiles[device.id] = load_profile(name)
        values.add(
            device.id,
            profiles[device.id],
            start_values(profiles[device.id], shipped("device_profiles") / f"{name}.vectors.yaml"),
        )
        here.append(device)

    for name in TCP:
        add("plant", name)
    for name in SERIAL:
        add("rtu", name)
    for chiller in CHILLERS:
        add("cooling", "hvac/acme_chiller_opcua", instance=chiller)
    lines = (
        Line(Connection("plant", Transport.MODBUS_TCP, "127.0.0.1:502"), tuple(placed["plant"])),
        Line(Connection("rtu", Transport.MODBUS_RTU, "/dev/null", 19200, "E"), tuple(placed["rtu"])),
        Line(Connection("cooling", Transport.OPCUA, "opc.tcp://127.0.0.1:4840/"), tuple(placed["cooling"])),
    )
    return Wiring({}, lines, profiles), values


@asynccontextmanager
async def alive(folder: Path, now_s):
    """The building; gives its addresses by line and the file of every request."""
    wiring, values = wired()
    asked = folder / "devices.csv"
    ledger = Ledger(asked, now_s)
    bench = Bench(wiring, values, now_s, manner=Manner(ledger=ledger))
    await bench.start()
    try:
        yield bench.addresses, asked
    finally:
        await bench.stop()
        ledger.close()
