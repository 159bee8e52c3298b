import numpy as np
import scipy.stats
import torch

from deepsphere.nn.dense import dense


def test_the_weights_start_as_published():
    """A normal distribution of standard deviation 1/√F, cut at two of them."""
    torch.manual_seed(0)
    layer = dense(1000, 7)
    assert layer.weight.shape == (7, 1000)
    assert layer.bias is None
    scaled = layer.weight.detach().numpy().ravel() * np.sqrt(1000)
    assert np.abs(scaled).max() <= 2 + 1e-6
    assert scipy.stats.kstest(scaled, scipy.stats.truncnorm(-2, 2).cdf).pvalue > 0.01
