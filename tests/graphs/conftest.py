import numpy as np
import pytest

from deepsphere.samplings.coordinates import longitude_latitude
from deepsphere.samplings.cubed import Cubed
from deepsphere.samplings.equiangular import Equiangular
from deepsphere.samplings.fibonacci import Fibonacci
from deepsphere.samplings.gauss_legendre import GaussLegendre
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.icosahedral import Icosahedral
from deepsphere.samplings.masked import Masked
from deepsphere.samplings.octahedral import Octahedral
from deepsphere.samplings.stations import Stations
from deepsphere.samplings.ugscnn import Ugscnn


def scattered_points(count, seed=0):
    points = np.random.default_rng(seed).standard_normal((count, 3))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def scattered_stations(count, seed=0, twins=0):
    """Draw stations evenly from the sphere; the last ones stand where the first ones do."""
    longitude, latitude = longitude_latitude(scattered_points(count - twins, seed))
    return Stations(
        np.concatenate([longitude, longitude[:twins]]), np.concatenate([latitude, latitude[:twins]])
    )


@pytest.fixture
def polygon():
    """Return a function that places n points evenly on the equator."""

    def place(count):
        angles = 2 * np.pi * np.arange(count) / count
        return np.stack([np.cos(angles), np.sin(angles), np.zeros(count)], axis=1)

    return place


@pytest.fixture
def scattered():
    """Return a function that draws n points evenly from the sphere."""
    return scattered_points


@pytest.fixture
def stations():
    """Return a function that draws n stations evenly from the sphere, some of them twins."""
    return scattered_stations


@pytest.fixture
def fibonacci():
    """Return a function that places n points on a Fibonacci spiral, which is nearly regular."""

    def place(count):
        number = np.arange(count) + 0.5
        height = 1 - 2 * number / count
        angle = np.pi * (1 + np.sqrt(5)) * number
        radius = np.sqrt(1 - height**2)
        return np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)

    return place


@pytest.fixture(
    params=[
        Healpix(4),
        Icosahedral(2),
        Icosahedral(1, "faces"),
        Ugscnn(2),
        Ugscnn(2, "upward"),
        Equiangular(8, 16),
        Equiangular(8, 15, "north"),
        Equiangular(9, 16, "both"),
        GaussLegendre(8, 16),
        Octahedral(4),
        Cubed(5),
        Cubed(5, "equidistant"),
        Fibonacci(150),
        scattered_stations(100, twins=10),
        Masked(Healpix(4), np.arange(60)),
        Masked(Equiangular(9, 16, "both"), np.arange(80)),
        Masked(scattered_stations(150, seed=1), np.arange(30, 130)),
    ],
    ids=lambda sampling: sampling.name,
)
def sampling(request):
    """Return one sampling after the other, small ones of every family."""
    return request.param
