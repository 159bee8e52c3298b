import numpy as np
import pytest
import torch

from deepsphere.nn.chebyshev import ChebConv
from deepsphere.nn.operator import SymmetricOperator
from deepsphere.nn.padding import ClearPadding

KNOWN = np.array([True, False, True, True, False])


@pytest.mark.parametrize("shape", [(2, 5, 3), (2, 4, 5, 3)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_padding_becomes_zero_and_nothing_else(shape, dtype):
    features = torch.randn(shape).to(dtype).requires_grad_()
    with torch.no_grad():
        features[..., 1, :] = torch.nan
    result = ClearPadding(KNOWN)(features)
    assert result.dtype == dtype
    assert torch.equal(result[..., KNOWN, :], features[..., KNOWN, :])
    assert not result[..., ~KNOWN, :].any()
    result.sum().backward()
    assert torch.equal(
        features.grad[0, ..., 0].float().reshape(-1, 5)[0], torch.tensor(KNOWN) * 1.0
    )


@pytest.mark.parametrize("known", [None, np.ones(5, dtype=np.bool_)])
def test_without_padding_nothing_is_done(known):
    features = torch.randn(2, 5, 3)
    assert ClearPadding(known)(features) is features


def test_it_is_no_part_of_the_state():
    assert not ClearPadding(KNOWN).state_dict()
    assert repr(ClearPadding(KNOWN)) == "ClearPadding(padding=2)"


@pytest.mark.parametrize("shape", [(5,), (2, 4, 3), (2, 1, 3)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"expected features of shape \(\.\.\., 5, channel\), fou"):
        ClearPadding(KNOWN)(torch.zeros(shape))


def test_a_convolution_takes_unknown_pixels_for_zeros(rescaled_laplacian):
    known = np.array([True, False, True, True, False])
    laplacian = SymmetricOperator(rescaled_laplacian(5))
    convolution = ChebConv(2, 3, 3, laplacian, bias=True, known=known)
    plain = ChebConv(2, 3, 3, laplacian, bias=True)
    plain.load_state_dict(convolution.state_dict(), strict=True)
    features = torch.randn(2, 5, 2)
    cleared = features.clone()
    cleared[:, ~known] = 0
    features[:, ~known] = torch.nan
    assert torch.equal(convolution(features), plain(cleared))
    assert ChebConv(2, 3, 3, laplacian, known=np.ones(5, dtype=np.bool_)).padding is None
