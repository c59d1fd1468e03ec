"""Frequency response: power by droop on a measured frequency, nothing inside the dead band."""

from gateway.model.local import FrequencyResponse


def response_w(settings: FrequencyResponse, frequency_hz: float | None) -> float:
    """How much more (positive) the asset draws; a high frequency asks for more, an unknown one for nothing."""
    if frequency_hz is None:
        return 0.0
    off_hz = frequency_hz - settings.nominal_hz
    beyond_hz = max(0.0, abs(off_hz) - settings.dead_band_hz)
    full_hz = settings.droop_pct / 100.0 * settings.nominal_hz
    watts = settings.max_w * min(1.0, beyond_hz / full_hz)
    return watts if off_hz > 0.0 else -watts
