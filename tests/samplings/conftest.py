import numpy as np
import pytest
from hypothesis import strategies as st


@pytest.fixture(scope="session")
def nside_and_pixels():
    """Return a strategy of an nside and pixels from everywhere, given one of an nside.

    Among them are pixels where faces, caps and blocks of bits begin or end.
    """

    @st.composite
    def strategy(draw, nsides):
        nside = draw(nsides)
        pixels = 12 * nside**2
        edges = [0, 2 * nside * (nside - 1), 6 * nside**2, 10 * nside**2 + 2 * nside, pixels]
        edges += [face * nside**2 for face in range(12)]
        near = st.builds(
            lambda edge, step: min(max(edge + step, 0), pixels - 1),
            st.sampled_from(edges),
            st.integers(-2, 2),
        )
        drawn = draw(st.lists(near | st.integers(0, pixels - 1), min_size=1, max_size=30))
        return nside, np.array(drawn, np.int64)

    return strategy
