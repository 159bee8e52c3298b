"""Means over HEALPix pixels that were measured by casting rays at boxes, here in closed form.

A ray from a pixel g to the centre meets a box with half sides b first where it enters: at r g
with r = min_i b_i / |g_i|, in the face of that axis i. The distance is 1 - r, the cosine between
ray and normal |g_i|, the sine √(1 - g_i²). The measured means are those of trimesh's
boxes at Nside 32, scaled so that the farthest corner is at 0.99; casting is done in float32.
"""

import numpy as np
import pytest

from deepsphere.samplings.healpix import Healpix


@pytest.mark.parametrize(
    ("sides", "means"),
    [
        ((1, 1, 1), (0.30184, 0.83114, 0.51819)),
        ((2, 1, 0.5), (0.54678, 0.72055, 0.61646)),
    ],
)
def test_means_of_distance_cosine_and_sine(
    sides: tuple[float, ...], means: tuple[float, ...]
) -> None:
    halves = 0.99 * np.array(sides) / np.linalg.norm(sides)
    sampling = Healpix(32)
    depths = halves / np.maximum(np.abs(sampling.positions), 1e-300)
    axis = depths.argmin(axis=1)
    cosine = np.abs(sampling.positions[np.arange(len(sampling)), axis])
    channels = (1 - depths.min(axis=1), cosine, np.sqrt(1 - cosine**2))
    for channel, mean in zip(channels, means, strict=True):
        assert channel.mean() == pytest.approx(mean, abs=6e-6)
