"""A control state copied: for the next step to change, and as JSON for the disk and the decision log."""

from functools import cache

from pydantic import TypeAdapter
from pydantic_core import to_json as json_of

from gateway.control.state import AssetState, Book, ControlState, Declared, Forecast, Load, ModeState, Twin


def fork(state: ControlState) -> ControlState:
    """A copy a step may change; frozen parts are shared."""
    learned = state.forecast
    return ControlState(
        started_s=state.started_s,
        stepped_s=state.stepped_s,
        book=Book(
            state.book.entries,
            dict(state.book.answered),
            dict(state.book.last),
            dict(state.book.heard),
            dict(state.book.latched),
            state.book.trips,
        ),
        assets={key: _fork_asset(asset) for key, asset in state.assets.items()},
        load=Load(
            state.load.now_w,
            state.load.measured_s,
            state.load.slow_w,
            state.load.slower_w,
            state.load.recent,
            state.load.age,
            state.load.trail,
            state.load.asked_w,
            state.load.wary,
            state.load.taken_s,
            state.load.mirrored,
            state.load.doubted_w,
            state.load.doubted_drawn_w,
            state.load.fall,
        ),
        mode=ModeState(
            state.mode.mode,
            state.mode.cause,
            state.mode.since_s,
            state.mode.lost_s,
            state.mode.held_signal,
            state.mode.held_target_w,
            state.mode.hold_until_s,
            dict(state.mode.held_aims),
            state.mode.inputs_back_s,
            state.mode.unlinked,
        ),
        plan=Declared(state.plan.seq, state.plan.blocks),
        alarms=state.alarms,
        peak=state.peak,
        forecast=Forecast(
            learned.at_s,
            learned.samples,
            learned.gram,
            learned.cross,
            learned.weights,
            learned.errors,
            learned.path,
            learned.count,
        ),
        rebound=state.rebound,
    )


def _fork_asset(asset: AssetState) -> AssetState:
    twin = asset.twin
    return AssetState(
        Twin(twin.x, twin.at_s, twin.drive, twin.pending, twin.trail),
        asset.aim_w,
        asset.chargers,
        asset.sent,
        asset.polled_s,
        asset.doubt_s,
        asset.shunned_until_s,
        asset.running,
        asset.switched_s,
        asset.starts_s,
        asset.whole_s,
        asset.timing,
        asset.inverters,
        asset.relays,
        asset.cycled_wh,
        asset.cycled_day,
        asset.unbooked_s,
        asset.rooms,
    )


@cache
def _adapter() -> TypeAdapter[ControlState]:
    return TypeAdapter(ControlState)


def to_json(state: ControlState) -> bytes:
    """The state as JSON; every float survives exactly."""
    return json_of(state, inf_nan_mode="strings")  # as the adapter would, which a first start then never makes


def from_json(data: bytes | str) -> ControlState:
    """The state back; pydantic.ValidationError when it is not one."""
    return _adapter().validate_json(data)
