"""Feeder and phase limits charger by charger: the fleet shares its aim among cars, and cars hang on single phases.

Called with the commands of a step: those that would load a row too much are lowered or taken back; where that is not
enough, other chargers of the row are lowered as well, no further than their least current.
"""

from collections.abc import Mapping
from math import ceil

from gateway.control import guard
from gateway.control.feeders import Parts, Row, View, device_weight, present_w
from gateway.control.holds import drawn_w
from gateway.control.kinds import control_of
from gateway.control.shape import LEASE_S
from gateway.control.state import AssetState, Charger, Sent
from gateway.model.command import Command
from gateway.model.site import Asset, EvFleet


def fit(
    view: View, limits: list[Row], parts: Parts, commands: tuple[Command, ...], earlier: Mapping[str, AssetState]
) -> tuple[Command, ...]:
    """The commands with every row inside its import limit; notes in the state what was changed."""
    for row in limits:
        for name in row.weights:
            asset = view.site.assets[name]
            if isinstance(asset.detail, EvFleet):
                over_w = _worst_w(view, row, parts) - row.import_w
                if over_w > 0.0:
                    commands = _lowered(view, row, asset, asset.detail, commands, earlier[name], over_w=over_w)
    return commands


def _worst_w(view: View, row: Row, parts: Parts) -> float:
    total = row.other[0]
    for name, weight in row.weights.items():
        asset, state, band = view.site.assets[name], view.state.assets[name], view.bands[name]
        if isinstance(asset.detail, EvFleet):
            volt = asset.detail.volts * asset.detail.phases
            for device in band.devices:
                own = device_weight(asset, device, row.feeder, row.phase)
                total += own * _asked_w(state.chargers[device], volt)
        else:
            total += weight * max(drawn_w(asset, band, parts[name]), present_w(asset, state, band))
    return total


def _asked_w(charger: Charger, volt: float) -> float:
    return charger.watts if charger.amps is None else max(charger.amps * volt, charger.watts)


def _lowered(
    view: View,
    row: Row,
    asset: Asset,
    fleet: EvFleet,
    commands: tuple[Command, ...],
    earlier: AssetState,
    *,
    over_w: float,
) -> tuple[Command, ...]:
    control, state = control_of(asset), view.state.assets[asset.id]
    volt, now_s = fleet.volts * fleet.phases, view.state.stepped_s
    written = {command.device: command for command in commands if command.control == control}
    on_row = [device for device in view.bands[asset.id].devices if device_weight(asset, device, row.feeder, row.phase)]
    rising = sorted(
        (device for device in on_row if device in written), key=lambda device: -(state.chargers[device].amps or 0.0)
    )
    for device in [*rising, *(device for device in on_row if device not in written)]:
        if over_w <= 0.0:
            break
        charger, weight = state.chargers[device], device_weight(asset, device, row.feeder, row.phase)
        before = earlier.chargers.get(device, Charger())
        if device not in written and charger.due_w is not None:  # one outstanding command each
            continue
        amps = charger.amps if charger.amps is not None else charger.watts / volt
        lower = min(ceil(amps) - ceil(over_w / weight / volt), fleet.max_current_a)  # a meter may show any current
        wanted = float(max(fleet.min_current_a, lower))
        if wanted >= amps:
            continue
        over_w -= weight * (amps - wanted) * volt
        if device in written and before.amps == wanted:
            state.chargers[device] = before
            state.sent[f"{device}/{control}"] = earlier.sent[f"{device}/{control}"]
            del written[device]
            continue
        state.chargers[device] = Charger(charger.watts, wanted, now_s, volt * wanted)
        state.sent[f"{device}/{control}"] = Sent(wanted, now_s, now_s)
        lowered = Command(device, control, wanted, row.name, now_s, now_s + LEASE_S)
        written[device] = guard.clamp(lowered, asset, view.snapshot)
    others = [command for command in commands if command.control != control or command.device not in on_row]
    return (*others, *(written[device] for device in on_row if device in written))
