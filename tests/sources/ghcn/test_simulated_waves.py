"""The speed of the simulated waves, and the noise that comes on top."""

import numpy as np
import pytest

from deepsphere.sources.ghcn.simulated_climate import Climate
from deepsphere.sources.ghcn.simulated_stations import place_stations
from deepsphere.sources.ghcn.simulated_waves import phase_speed, red_noise, sum_of_waves


def test_waves_travel_at_the_speed_of_rossby_waves() -> None:
    """On a wind of beta / K² a wave stands still; short waves go with the wind."""
    zonal, meridional = 2 * np.pi / 5e6, 2 * np.pi / 6e6
    beta = 2 * 7.292e-5 * np.cos(np.radians(45)) / 6.371e6
    standstill = beta / (zonal**2 + meridional**2)
    assert phase_speed(np.array(45.0), np.array(5000.0), standstill) == pytest.approx(0, abs=1e-12)
    assert phase_speed(np.array(45.0), np.array(1.0), 13.0) == pytest.approx(13, abs=1e-3)
    at_45 = phase_speed(np.array(45.0), np.array([8000.0, 3000.0]), 13.0)
    assert at_45 == pytest.approx([3.6, 10.0], abs=0.1)


def test_waves_have_unit_variance_everywhere() -> None:
    """The mean over 20 globes of 1000 days: stationary, so the first and the last day alike."""
    stations = place_stations(60, np.random.default_rng(0))
    globes = np.stack(
        [sum_of_waves(stations, 1000, Climate(), np.random.default_rng(seed)) for seed in range(20)]
    )
    for part in (globes.real, globes.imag):
        assert np.mean(part**2, axis=(0, 2)) == pytest.approx(np.ones(60), abs=0.2)
        assert np.mean(part[..., :50] ** 2) == pytest.approx(1, abs=0.25)
        assert np.mean(part[..., -50:] ** 2) == pytest.approx(1, abs=0.25)


def test_red_noise_is_stationary_with_the_memory_asked_for() -> None:
    noise = red_noise(np.random.default_rng(0), (4000, 30), 0.6)
    assert noise.var(axis=0) == pytest.approx(np.ones(30), abs=0.1)
    assert np.mean(noise[:, 1:] * noise[:, :-1]) == pytest.approx(0.6, abs=0.02)
    assert np.mean(noise[:, 3:] * noise[:, :-3]) == pytest.approx(0.6**3, abs=0.02)
