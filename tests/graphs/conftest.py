import numpy as np
import pytest


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

    def draw(count, seed=0):
        points = np.random.default_rng(seed).standard_normal((count, 3))
        return points / np.linalg.norm(points, axis=1, keepdims=True)

    return draw


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
