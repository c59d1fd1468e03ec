"""The live picture of the demo: bars start at one zero, absent is a dash, every mode has words."""

import pytest
from rich.console import Console

from gateway.cli.live import BAR, COLUMNS, ROWS, Strip, bars, chart, line, picture, what_is_asked
from gateway.model.mode import Mode

ROW = {
    "mode": "remote", "signal": "-0.5", "capacity_w": "200000", "basepoint_w": "600000", "target_w": "700000",
    "site_w": "690000", "battery.command_w": "90000", "battery.power_w": "80000", "battery.reason": "target",
}  # fmt: skip
RANGES = {"battery": (-200e3, 200e3), "chiller": (80e3, 240e3)}


def shown(row: dict[str, str], strip: Strip) -> str:
    console = Console(width=110, record=True, force_terminal=False)
    with console.capture() as captured:
        console.print(picture(row, strip, title="site   5 s", ranges=RANGES))
    return captured.get()


@pytest.mark.parametrize(("drawn", "asked"), [(80.0, 90.0), (-200.0, 200.0), (None, None), (999.0, -999.0), (0.0, 0.0)])
def test_every_bar_has_the_same_length_whatever_it_shows(drawn: float | None, asked: float | None) -> None:
    assert len(bars(drawn, asked, (-200.0, 240.0))) == BAR + 1


def test_a_charging_battery_grows_to_the_right_of_zero_and_a_discharging_one_to_the_left() -> None:
    zero = bars(None, None, (-200.0, 200.0)).plain.index("│")
    assert bars(100.0, None, (-200.0, 200.0)).plain.rindex("█") > zero
    assert bars(-100.0, None, (-200.0, 200.0)).plain.index("█") < zero


def test_a_row_without_a_value_shows_a_dash_and_no_number() -> None:
    assert "–" in line({}, 3.0)
    assert "0.0" not in line({}, 3.0)


@pytest.mark.parametrize("mode", [mode.value for mode in Mode])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_mode_has_words(mode: str, language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_LANG", language)
    assert shown({**ROW, "mode": mode}, Strip())


def test_the_strip_keeps_one_column_a_second_and_no_more_than_fit() -> None:
    strip = Strip()
    for second in range(10 * COLUMNS):
        strip.add(second / 4.0, ROW)
    assert len(strip.seconds) == COLUMNS
    assert len(chart(strip)) == ROWS


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "take 100 kW from the grid"),
        ({"signal": "0.5"}, "give 100 kW to the grid"),
        ({"signal": "", "baseline_w": "800000"}, "100 kW below the baseline of 800 kW"),
        ({"signal": "", "target_w": "500000"}, "100 kW below the declared 600 kW"),
        ({"signal": "", "target_w": ""}, "asks nothing"),
    ],
)
def test_the_service_in_force_is_said_in_words(
    changes: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_LANG", "en")
    assert words in what_is_asked({**ROW, **changes})
