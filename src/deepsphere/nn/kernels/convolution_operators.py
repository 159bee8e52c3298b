"""The convolution and its gradients as operators of PyTorch: differentiable, compiled, exported.

:data:`convolve`, :data:`weight_gradient` and :data:`gradients` take tensors on any device. What
they compute is said by :mod:`deepsphere.nn.kernels.stock`, and how they are differentiated by
:mod:`deepsphere.nn.convolution`.
"""

import importlib.util
from collections.abc import Callable, Sequence
from functools import cache
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from deepsphere.nn.kernels import stock
from deepsphere.nn.kernels.kept import derived, has_memory
from deepsphere.nn.pooling.nested import PoolKind, pooled_pixels

_library: Any = torch.library.Library("deepsphere", "FRAGMENT")  # type: ignore[no-untyped-call]
_MATRIX = "Tensor offsets, Tensor columns, Tensor values, Tensor? roots"

_Gradients = tuple[Tensor | None, ...]


def _convolve(features: Tensor, weight: Tensor, *matrix: Any) -> Tensor:
    result: Tensor = _kernels(features).convolve(_rows(features), weight, *matrix)
    return result


def _weight_gradient(features: Tensor, gradient: Tensor, kernel_size: int, *matrix: Any) -> Tensor:
    arguments = (_rows(features), _rows(gradient), kernel_size)
    result: Tensor = _kernels(features).weight_gradient(*arguments, *matrix)
    return result


def _gradients(
    features: Tensor, gradient: Tensor, weight: Tensor, *matrix: Any
) -> tuple[Tensor, Tensor]:
    arguments = (_rows(features), _rows(gradient), weight)
    result: tuple[Tensor, Tensor] = _kernels(features).gradients(*arguments, *matrix)
    return result


def _like_convolve(features: Tensor, weight: Tensor, *matrix: Any) -> Tensor:
    return features.new_empty(*features.shape[:2], weight.shape[2])


def _like_weight_gradient(
    features: Tensor, gradient: Tensor, kernel_size: int, *matrix: Any
) -> Tensor:
    return features.new_empty(kernel_size, features.shape[2], gradient.shape[2])


def _like_gradients(
    features: Tensor, gradient: Tensor, weight: Tensor, *matrix: Any
) -> tuple[Tensor, Tensor]:
    return features.new_empty(features.shape), weight.new_empty(weight.shape)


def _define(name: str, schema: str, compute: Any, of_nothing: Any) -> Any:
    """Return an operator with this schema, given what it does and what its result looks like."""
    _library.define(f"{name}{schema}", tags=(torch.Tag.pt2_compliant_tag,))
    for device in ("CPU", "CUDA"):
        _library.impl(name, compute, device)
    torch.library.register_fake(f"deepsphere::{name}", of_nothing, lib=_library)
    return getattr(torch.ops.deepsphere, name).default


_COMPUTE: dict[str, Callable[..., Any]] = {
    "convolve": _convolve,
    "weight_gradient": _weight_gradient,
    "gradients": _gradients,
}
_OPERATORS = {
    name: _define(name, f"({arguments}, {_MATRIX}) -> {result}", _COMPUTE[name], of_nothing)
    for name, arguments, result, of_nothing in (
        ("convolve", "Tensor features, Tensor weight", "Tensor", _like_convolve),
        (
            "weight_gradient",
            "Tensor features, Tensor gradient, SymInt kernel_size",
            "Tensor",
            _like_weight_gradient,
        ),
        (
            "gradients",
            "Tensor features, Tensor gradient, Tensor weight",
            "(Tensor, Tensor)",
            _like_gradients,
        ),
    )
}


_LEARNED = {"convolve": 2, "weight_gradient": 2, "gradients": 3}
"""How many of its arguments, the first, an operator can be differentiated in."""

_library.define(
    "convolve_rectify(Tensor features, Tensor weight, Tensor scale, Tensor shift, bool rectify, "
    f"str? pool, {_MATRIX}) -> Tensor",
    tags=(torch.Tag.pt2_compliant_tag,),
)


def _convolve_rectify(features: Tensor, *arguments: Any) -> Tensor:
    from deepsphere.nn.kernels import compiled

    return compiled.convolve_rectify(_rows(features), *arguments)


def _like_convolve_rectify(
    features: Tensor,
    weight: Tensor,
    scale: Tensor,
    shift: Tensor,
    rectify: bool,
    pool: PoolKind | None,
    *matrix: Any,
) -> Tensor:
    batch, pixels, _ = features.shape
    return features.new_empty(batch, pooled_pixels(pixels, pool), weight.shape[2])


_library.impl("convolve_rectify", _convolve_rectify, "CPU")
torch.library.register_fake("deepsphere::convolve_rectify", _like_convolve_rectify, lib=_library)


def convolve_rectify(*arguments: Any) -> Tensor:
    """Call :func:`deepsphere.nn.kernels.compiled.convolve_rectify`, which has no derivatives."""
    if _is_plain(arguments[:2]):
        return _convolve_rectify(*arguments)
    with torch._C._AutoDispatchBelowAutograd():
        result: Tensor = torch.ops.deepsphere.convolve_rectify.default(*arguments)
        return result


def convolve(*arguments: Any) -> Tensor:
    """Call the operator of this name; the result can be differentiated in every way."""
    result: Tensor = _call("convolve", arguments)
    return result


def weight_gradient(*arguments: Any) -> Tensor:
    """Call the operator of this name; the result can be differentiated in every way."""
    result: Tensor = _call("weight_gradient", arguments)
    return result


def gradients(*arguments: Any) -> tuple[Tensor, Tensor]:
    """Call the operator of this name; the results can be differentiated in every way."""
    result: tuple[Tensor, Tensor] = _call("gradients", arguments)
    return result


def _call(name: str, arguments: tuple[Any, ...]) -> Any:
    """Call an operator, or the function of PyTorch that has all its derivatives.

    Formulas registered with an operator serve the backward pass, compilers and exported programs.
    But ``torch.func`` refuses such an operator, and forward-mode differentiation takes it for a
    constant, without a word.
    """
    if torch.compiler.is_compiling():
        return _OPERATORS[name](*arguments)
    if _is_transformed():
        return _FUNCTIONS[name].apply(*arguments)
    tensors = arguments[: _LEARNED[name]]
    differentiated = is_differentiated(*tensors)
    if _is_plain(tensors):
        return (_PLAIN_FUNCTIONS[name].apply if differentiated else _COMPUTE[name])(*arguments)
    if differentiated:
        return _OPERATORS[name](*arguments)
    # What is not to be differentiated need not be asked about it, which takes long in Python.
    with torch._C._AutoDispatchBelowAutograd():
        return _OPERATORS[name](*arguments)


def _is_plain(tensors: Sequence[Tensor]) -> bool:
    """Return whether these are numbers on a CPU, and nobody watches what is done with them.

    Then functions can be called themselves: PyTorch takes some ten microseconds to find out what an
    operator is for such tensors, and some hundred to differentiate it.
    """
    for one in tensors:
        if not one.is_cpu or not has_memory(one) or one.is_neg():
            return False
    return not (
        torch._C._len_torch_dispatch_stack()
        or torch._C._is_torch_function_mode_enabled()
        or torch._C._get_tracing_state() is not None
        or torch._C._autograd._profiler_enabled()
    )


def is_differentiated(*tensors: Tensor) -> bool:
    """Return whether what is computed from some tensors may be differentiated, in any way."""
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
        return True
    return _is_transformed()


def _is_transformed() -> bool:
    """Return whether ``torch.func`` or forward-mode differentiation is at work."""
    functional: bool = torch._C._are_functorch_transforms_active()
    return functional or forward_ad._current_level >= 0


def _remember(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    """Keep what an operator was given; the matrix not as something that must stay unwritten to.

    Data parallel training writes the same numbers to it again between a forward pass and its
    backward pass.
    """
    *given, ctx.offsets, ctx.columns, ctx.values, ctx.roots = inputs
    tensors = [one for one in given if isinstance(one, Tensor)]
    ctx.save_for_backward(*tensors)
    ctx.save_for_forward(*tensors)
    ctx.kernel_size = given[-1] if len(tensors) < len(given) else None


def _matrix(ctx: Any, transposed: bool = False) -> tuple[Any, ...]:
    roots = ctx.roots
    if transposed and roots is not None:
        # The same tensor every time, so that what is derived from it is found again; not while
        # PyTorch traces or transforms.
        known = has_memory(roots)
        roots = derived([roots], "inverse", roots.reciprocal) if known else roots.reciprocal()
    return ctx.offsets, ctx.columns, ctx.values, roots


def _differentiate_convolve(ctx: Any, above: Tensor) -> _Gradients:
    features, weight = ctx.saved_tensors
    of_features = of_weight = None
    if ctx.needs_input_grad[0] and ctx.needs_input_grad[1]:
        of_features, of_weight = gradients(features, above, weight, *_matrix(ctx))
    elif ctx.needs_input_grad[0]:
        of_features = convolve(above, weight.transpose(1, 2), *_matrix(ctx, transposed=True))
    elif ctx.needs_input_grad[1]:
        of_weight = weight_gradient(features, above, weight.shape[0], *_matrix(ctx))
    return of_features, of_weight, None, None, None, None


def _differentiate_weight_gradient(ctx: Any, above: Tensor) -> _Gradients:
    features, gradient = ctx.saved_tensors
    of_features = of_gradient = None
    if ctx.needs_input_grad[0]:
        of_features = convolve(gradient, above.transpose(1, 2), *_matrix(ctx, transposed=True))
    if ctx.needs_input_grad[1]:
        of_gradient = convolve(features, above, *_matrix(ctx))
    return of_features, of_gradient, None, None, None, None, None


def _differentiate_gradients(ctx: Any, of_first: Tensor, of_second: Tensor) -> _Gradients:
    features, gradient, weight = ctx.saved_tensors
    matrix = _matrix(ctx)
    of_features = of_gradient = of_weight = None
    if ctx.needs_input_grad[0]:
        turned = of_second.transpose(1, 2)
        of_features = convolve(gradient, turned, *_matrix(ctx, transposed=True))
    if ctx.needs_input_grad[1]:
        of_gradient = convolve(of_first, weight, *matrix)
        of_gradient = of_gradient + convolve(features, of_second, *matrix)
    if ctx.needs_input_grad[2]:
        of_weight = weight_gradient(of_first, gradient, weight.shape[0], *matrix)
    return of_features, of_gradient, of_weight, None, None, None, None


def _push_convolve(ctx: Any, of_features: Any, of_weight: Any, *_: None) -> Tensor | None:
    features, weight = ctx.saved_tensors
    matrix = _matrix(ctx)
    return _sum(
        None if of_features is None else convolve(of_features, weight, *matrix),
        None if of_weight is None else convolve(features, of_weight, *matrix),
    )


def _push_weight_gradient(ctx: Any, of_features: Any, of_gradient: Any, *_: None) -> Tensor | None:
    features, gradient = ctx.saved_tensors
    others = (ctx.kernel_size, *_matrix(ctx))
    return _sum(
        None if of_features is None else weight_gradient(of_features, gradient, *others),
        None if of_gradient is None else weight_gradient(features, of_gradient, *others),
    )


def _push_gradients(
    ctx: Any, of_features: Any, of_gradient: Any, of_weight: Any, *_: None
) -> tuple[Tensor | None, Tensor | None]:
    features, gradient, weight = ctx.saved_tensors
    first = second = third = fourth = None
    if of_features is not None:
        third = weight_gradient(of_features, gradient, weight.shape[0], *_matrix(ctx))
    if of_gradient is not None:
        first, fourth = gradients(features, of_gradient, weight, *_matrix(ctx))
    if of_weight is not None:
        turned = of_weight.transpose(1, 2)
        second = convolve(gradient, turned, *_matrix(ctx, transposed=True))
    return _sum(first, second), _sum(third, fourth)


def _sum(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other


def _one_by_one(operator: Any) -> Any:
    """Return the rule by which ``torch.vmap`` calls an operator, once for each element."""

    def call(info: Any, dimensions: tuple[int | None, ...], *arguments: Any) -> Any:
        results = [
            operator(
                *(
                    value if dimension is None else value.select(dimension, index)
                    for value, dimension in zip(arguments, dimensions, strict=True)
                )
            )
            for index in range(info.batch_size)
        ]
        if isinstance(results[0], Tensor):
            return torch.stack(results), 0
        return tuple(map(torch.stack, zip(*results, strict=True))), (0,) * len(results[0])

    return call


def _differentiable(name: str, differentiate: Any, push: Any) -> Any:
    """Register the derivatives of an operator, and return a function of PyTorch that has them."""
    operator, qualified = _OPERATORS[name], f"deepsphere::{name}"
    torch.library.register_autograd(qualified, differentiate, setup_context=_remember, lib=_library)
    torch.library.register_vmap(qualified, _one_by_one(operator), lib=_library)
    members = {
        "forward": staticmethod(operator),
        "setup_context": staticmethod(_remember),
        "backward": staticmethod(differentiate),
        "jvp": staticmethod(push),
        "generate_vmap_rule": True,
    }
    return type(name, (torch.autograd.Function,), members)


def _plainly_differentiable(name: str, differentiate: Any) -> Any:
    """Return a function of PyTorch that computes itself, and knows no transformations.

    To look for these takes PyTorch longer than many a convolution.
    """
    compute = _COMPUTE[name]

    def forward(ctx: Any, *arguments: Any) -> Any:
        result = compute(*arguments)
        _remember(ctx, arguments, result)
        return result

    members = {"forward": staticmethod(forward), "backward": staticmethod(differentiate)}
    return type(name, (torch.autograd.Function,), members)


_DERIVATIVES = {
    "convolve": (_differentiate_convolve, _push_convolve),
    "weight_gradient": (_differentiate_weight_gradient, _push_weight_gradient),
    "gradients": (_differentiate_gradients, _push_gradients),
}
_FUNCTIONS = {name: _differentiable(name, *both) for name, both in _DERIVATIVES.items()}
_PLAIN_FUNCTIONS = {
    name: _plainly_differentiable(name, both[0]) for name, both in _DERIVATIVES.items()
}


def _rows(features: Tensor) -> Tensor:
    """Return features with a pixel's channels next to each other."""
    return features if features.stride(2) == 1 else features.contiguous()


def _kernels(features: Tensor) -> ModuleType:
    """Return the module that computes on the features' device."""
    if features.is_cuda and installed("triton"):
        return _gpu()
    return _compiled() if features.is_cpu and installed("numba") else stock


@cache
def _gpu() -> ModuleType:
    from deepsphere.nn.kernels import gpu

    return gpu


@cache
def _compiled() -> ModuleType:
    from deepsphere.nn.kernels import compiled

    return compiled


@cache
def installed(package: str) -> bool:
    """Return whether a package can be imported."""
    return importlib.util.find_spec(package) is not None
