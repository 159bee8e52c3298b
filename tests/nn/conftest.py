import numpy as np
import pytest
import scipy.sparse


@pytest.fixture(scope="session")
def rescaled_laplacian():
    """Return a function that makes a random graph's Laplacian with a spectrum from -1 to 1.

    The graph has no order that a symmetric layer could profit from, vertices of unequal degree,
    and, where there are more than two vertices, one without any edge.
    """

    def make(pixels, seed=0):
        generator = np.random.default_rng(seed)
        weights = np.triu(generator.random((pixels, pixels)), 1)
        weights[generator.random((pixels, pixels)) < 0.5] = 0
        if pixels > 2:
            weights[pixels // 2] = weights[:, pixels // 2] = 0
            weights[0, -1] = 1
        weights = weights + weights.T
        laplacian = np.diag(weights.sum(axis=0)) - weights
        largest = max(np.linalg.eigvalsh(laplacian)[-1], 1e-3)
        return scipy.sparse.csr_array(2 / largest * laplacian - np.eye(pixels))

    return make
