import numpy as np
import pytest

from deepsphere.samplings.healpix import Healpix
from deepsphere.tasks import tapers
from deepsphere.tasks.tapers import cosine_taper


@pytest.mark.parametrize("width", [0.3, 3.0])
@pytest.mark.parametrize("block", [1 << 18, 7])
def test_the_window_falls_with_the_distance_to_what_was_not_seen(monkeypatch, width, block):
    """Any way out of what was seen leads through a pixel at its border: that is the nearest one."""
    monkeypatch.setattr(tapers, "_BLOCK_PIXELS", block)
    sphere = Healpix(8)
    pixels = np.concatenate([sphere.patch(5, 12), sphere.patch(1, 12)])[::-1]
    outside = np.setdiff1d(np.arange(len(sphere)), pixels)
    chords = np.linalg.norm(
        sphere.positions[pixels][:, None] - sphere.positions[outside], axis=-1
    ).min(axis=1)
    shares = np.minimum(chords / (2 * np.sin(width / 2)), 1)
    window = cosine_taper(8, pixels, width)
    np.testing.assert_allclose(window, np.sin(np.pi * shares / 2) ** 2, atol=1e-12)
    assert 0 < window.min() < window.max()
    np.testing.assert_array_equal(window == 1, shares == 1)


def test_the_whole_sphere_has_no_border():
    assert (cosine_taper(4, np.arange(192), 0.5) == 1).all()


def test_a_hole_is_a_border():
    pixels = np.delete(np.arange(768), 300)
    window = cosine_taper(8, pixels, 0.4)
    near = np.isin(pixels, Healpix(8).neighbours()[300])
    assert window[near].max() < 0.5
    assert (window == 1).mean() > 0.9
