"""The compiled normalization as operators of PyTorch: differentiable, compiled, exported.

:data:`channel_statistics`, :data:`normalize_rectify` and :data:`normalize_rectify_gradients` take
tensors on a CPU. Each is a function of :mod:`deepsphere.nn.kernels.normalization`, which says what
it computes.
"""

from typing import Any

import torch
from torch import Tensor

from deepsphere.nn.pooling.nested import PoolKind, pooled_pixels

TYPES = (torch.float32, torch.float64, torch.bfloat16)
"""The types of features that the loops take."""

_library: Any = torch.library.Library("deepsphere", "FRAGMENT")  # type: ignore[no-untyped-call]
_SETTINGS = "bool rectify, str? pool, float epsilon, bool of_batch"
_GIVEN = f"Tensor features, Tensor mean, Tensor variance, Tensor? bias, {_SETTINGS}"


def _define(name: str, schema: str, of_processor: Any, of_nothing: Any) -> Any:
    """Return an operator with this schema, given what it does and what its result looks like."""
    _library.define(f"{name}{schema}", tags=(torch.Tag.pt2_compliant_tag,))
    _library.impl(name, of_processor, "CPU")
    torch.library.register_fake(f"deepsphere::{name}", of_nothing, lib=_library)
    return getattr(torch.ops.deepsphere, name).default


# The compiled loops are imported when they are first called: it takes long, and needs numba.


def _statistics(features: Tensor) -> tuple[Tensor, Tensor]:
    from deepsphere.nn.kernels.normalization import statistics

    return statistics(features)


def _normalize(
    features: Tensor,
    mean: Tensor,
    variance: Tensor,
    bias: Tensor | None,
    rectify: bool,
    pool: PoolKind | None,
    epsilon: float,
    of_batch: bool,
) -> Tensor:
    from deepsphere.nn.kernels.normalization import normalize

    return normalize(features, mean, variance, bias, rectify, pool, epsilon)


def _gradients(gradient: Tensor, *given: Any) -> tuple[Tensor, Tensor]:
    from deepsphere.nn.kernels.normalization import gradients

    return gradients(gradient, *given)


def _like_statistics(features: Tensor) -> tuple[Tensor, Tensor]:
    channels = features.shape[2]
    mean = features.new_empty(channels, dtype=torch.float64)
    return mean, torch.empty_like(mean)


def _like_result(features: Tensor, *given: Any) -> Tensor:
    batch, pixels, channels = features.shape
    *_, pool, _, _ = given
    return features.new_empty(batch, pooled_pixels(pixels, pool), channels)


def _like_gradients(gradient: Tensor, features: Tensor, *given: Any) -> tuple[Tensor, Tensor]:
    of_bias = features.new_empty(features.shape[2], dtype=torch.float64)
    return torch.empty_like(features, memory_format=torch.contiguous_format), of_bias


channel_statistics = _define(
    "channel_statistics", "(Tensor features) -> (Tensor, Tensor)", _statistics, _like_statistics
)
normalize_rectify = _define("normalize_rectify", f"({_GIVEN}) -> Tensor", _normalize, _like_result)
normalize_rectify_gradients = _define(
    "normalize_rectify_gradients",
    f"(Tensor gradient, {_GIVEN}) -> (Tensor, Tensor)",
    _gradients,
    _like_gradients,
)


def _remember(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    *tensors, rectify, pool, epsilon, of_batch = inputs
    ctx.save_for_backward(*tensors)
    ctx.settings = rectify, pool, epsilon, of_batch


def _backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    features, mean, variance, bias = ctx.saved_tensors
    of_features, of_bias = normalize_rectify_gradients(
        gradient, features, mean, variance, bias, *ctx.settings
    )
    of_bias = None if bias is None else of_bias.to(bias.dtype)
    return of_features, None, None, of_bias, None, None, None, None


def _backward_again(ctx: Any, of_features: Tensor, of_bias: Tensor) -> tuple[Tensor | None, ...]:
    """Differentiate the gradients, by PyTorch and the reference; who needs it has time."""
    from deepsphere.nn.normalization import normalize_rectify_reference

    gradient, features, mean, variance, bias = ctx.saved_tensors
    rectify, pool, epsilon, of_batch = ctx.settings

    def compute(features: Tensor, bias: Tensor | None = None) -> Tensor:
        return normalize_rectify_reference(
            features,
            bias,
            pool,
            rectify=rectify,
            epsilon=epsilon,
            statistics=None if of_batch else (mean, variance),
        )[0]

    def differentiate(gradient: Tensor, *learned: Tensor) -> Any:
        return torch.func.vjp(compute, *learned)[1](gradient)

    learned = (features,) if bias is None else (features, bias)
    above = (of_features,) if bias is None else (of_features, of_bias.to(bias.dtype))
    again = torch.func.vjp(differentiate, gradient, *learned)[1](above)
    of_bias_again = None if bias is None else again[2]
    return again[0], again[1], None, None, of_bias_again, None, None, None, None


torch.library.register_autograd(
    "deepsphere::normalize_rectify", _backward, setup_context=_remember, lib=_library
)
torch.library.register_autograd(
    "deepsphere::normalize_rectify_gradients",
    _backward_again,
    setup_context=_remember,
    lib=_library,
)
