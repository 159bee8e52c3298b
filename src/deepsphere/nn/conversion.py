r"""Weights that were learned with deepsphere-pytorch, for the layers and networks of this package.

:func:`from_deepsphere_pytorch` takes what a ``state_dict`` gave there (version 0.2.1, the last one)
and returns what ours loads:

===================== =================================== ==========================================
there                 names there                         here
===================== =================================== ==========================================
``ChebConv``          ``weight``, ``bias``                :class:`~deepsphere.nn.chebyshev.ChebConv`
                                                          with ``bias=True``
``SphericalChebConv`` ``chebconv.…``                      the same
``SphericalChebBN``   ``spherical_cheb.…``,               :class:`~deepsphere.nn.blocks.ChebBlock`
                      ``batchnorm.…``
``SphericalUNet``     ``encoder.enc_l5.…`` and so on      :class:`~deepsphere.nn.models.unet.UNet`
===================== =================================== ==========================================

Paths to layers within other networks, and what is none of these layers, keep their names. The U-Net
is the one of the wiring "paper" with the default widths, 16 input and 3 output channels, and the
kernel size that it had. On HEALPix it is pooled by "mean" and unpooled by "repeat", on the
icosahedron by "stride" and by "fill" with 1. The temporal variants are other networks.

**Weights.** Theirs have our shape, (K, Fin, Fout), but not our order. The convolution there
multiplies features in the order (Fin, K) with the weights as they lie in memory: it takes row
i K + k of the memory for input channel i and order k, not row k Fin + i.

**Normalization.** A block there says :math:`\max(\gamma\, (W x + b - \mu) / \sqrt{\sigma^2 +
\epsilon} + \beta,\, 0)`. Ours has neither a learned scale nor a bias before the normalization; it
gets the filters :math:`\gamma W`, the mean :math:`\gamma\, (\mu - b)`, the variance
:math:`\sigma^2` and the bias :math:`\beta`. In evaluation this is the same function up to rounding,
whatever the scales are, negative ones and zeros among them. In training it is another one, as the
statistics of a batch undo the size of :math:`\gamma`. To learn on from the same function, keep the
normalization in evaluation mode.

**What is not in the weights.** A function is also that of the Laplacians, which there are
:math:`2 L / (1.01\, \lambda) - I` with the largest eigenvalue :math:`\lambda` known to 0.5 %, and
of the order of the pixels. And in evaluation the U-Net there ends with a softmax; ours gives
logits.
"""

from collections.abc import Mapping

from torch import Tensor

from deepsphere.errors import DeepsphereError

_WRAPPED = "module."
_LAPLACIAN = "laplacian"
_INNER = "chebconv."
_CONVOLUTION = f"spherical_cheb.{_INNER}"
_NORMALIZATION = "batchnorm."

_UNET_FIRST = "encoder.enc_l5.spherical_cheb_bn_1"
_UNET = {
    _UNET_FIRST: "encoder.0.blocks.0",
    "encoder.enc_l5.spherical_cheb_bn_2": "encoder.0.last",
    "encoder.enc_l4.spherical_cheb_bn": "encoder.1.last",
    "encoder.enc_l3.spherical_cheb_bn": "encoder.2.last",
    "encoder.enc_l2.spherical_cheb_bn": "encoder.3.last",
    "encoder.enc_l1.spherical_cheb_bn": "encoder.4.last",
    "encoder.enc_l0.spherical_cheb": "encoder.5.last",
    "decoder.dec_l1.spherical_cheb_bn_pool.spherical_cheb_bn": "decoder.0.convolution",
    "decoder.dec_l1.spherical_cheb_bn": "decoder.0.block",
    "decoder.dec_l2.spherical_cheb_bn_pool.spherical_cheb_bn": "decoder.1.convolution",
    "decoder.dec_l2.spherical_cheb_bn": "decoder.1.block",
    "decoder.dec_l3.spherical_cheb_bn_pool.spherical_cheb_bn": "decoder.2.convolution",
    "decoder.dec_l3.spherical_cheb_bn": "decoder.2.block",
    "decoder.dec_l4.spherical_cheb_bn_pool.spherical_cheb_bn": "decoder.3.convolution",
    "decoder.dec_l4.spherical_cheb_bn": "decoder.3.block",
    "decoder.dec_l5.spherical_cheb_bn_pool.spherical_cheb_bn": "decoder.4.convolution",
    "decoder.dec_l5.spherical_cheb": "output",
}
"""Where the layers of a SphericalUNet are in ours; levels count from the coarsest there."""


def from_deepsphere_pytorch(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the state of one of our layers or networks, from that of one of deepsphere-pytorch.

    Parameters
    ----------
    state : mapping of str to Tensor
        What ``state_dict`` gave there, with or without Laplacians, from within a ``DataParallel``
        or not. Tensors named ``weight`` of three dimensions are taken for those of a ``ChebConv``.

    Returns
    -------
    dict of str to Tensor
        For ``load_state_dict``, of the types of ``state``.

    Raises
    ------
    DeepsphereError
        If a block lacks some of its tensors, or these do not fit each other.
    """
    left = _unwrapped(state)
    result: dict[str, Tensor] = {}
    for path in dict.fromkeys(name.rpartition(_NORMALIZATION)[0] for name in left):
        # A convolution without any normalization is no block.
        if any(name.startswith(f"{path}{_NORMALIZATION}") for name in left) and (
            f"{path}{_CONVOLUTION}weight" in left
        ):
            result |= _block(left, path)
    for name in list(left):
        path, found, rest = name.rpartition("weight")
        if found and not rest and left[name].ndim == 3:
            layer = path.removesuffix(_INNER)
            result[f"{layer}weight"] = _ordered(left.pop(name))
            if f"{path}bias" in left:
                result[f"{layer}bias"] = left.pop(f"{path}bias")
    return _renamed(result | left)


def _unwrapped(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a state without what ``DataParallel`` adds to the names, and without Laplacians."""
    prefix = _WRAPPED if all(name.startswith(_WRAPPED) for name in state) else ""
    return {
        name.removeprefix(prefix): value
        for name, value in state.items()
        if name.rpartition(".")[2] != _LAPLACIAN
    }


def _block(left: dict[str, Tensor], path: str) -> dict[str, Tensor]:
    """Take a block of theirs out of a state, and return ours."""

    def take(name: str, *shape: int) -> Tensor:
        if f"{path}{name}" not in left:
            raise DeepsphereError(
                f"deepsphere-pytorch: found no {path}{name}, which a SphericalChebBN has; "
                "give the whole state_dict"
            )
        value = left.pop(f"{path}{name}")
        if value.shape != shape:
            raise DeepsphereError(
                f"deepsphere-pytorch: {path}{name} has the shape {tuple(value.shape)} where its "
                f"convolution needs {shape}; give the state_dict as it was saved"
            )
        return value

    weight = _ordered(left.pop(f"{path}{_CONVOLUTION}weight"))
    channels = weight.shape[-1]
    bias = take(f"{_CONVOLUTION}bias", channels)
    scale = take(f"{_NORMALIZATION}weight", channels).double()
    mean = take(f"{_NORMALIZATION}running_mean", channels)
    statistics = f"{path}normalization.statistics."
    return {
        f"{path}convolution.weight": (scale * weight).to(weight.dtype),
        f"{path}bias": take(f"{_NORMALIZATION}bias", channels),
        f"{statistics}running_mean": (scale * (mean.double() - bias)).to(mean.dtype),
        f"{statistics}running_var": take(f"{_NORMALIZATION}running_var", channels),
        f"{statistics}num_batches_tracked": take(f"{_NORMALIZATION}num_batches_tracked"),
    }


def _ordered(weight: Tensor) -> Tensor:
    """Return weights by order, input and output channel, as their shape (K, Fin, Fout) says."""
    kernel_size, entering, leaving = weight.shape
    return weight.reshape(entering, kernel_size, leaving).transpose(0, 1).contiguous()


def _renamed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a state by our names, where it is that of a SphericalUNet."""
    if not any(name.startswith(f"{_UNET_FIRST}.") for name in state):
        return state
    result = {}
    for name, value in state.items():
        layers = [layer for layer in _UNET if name.startswith(f"{layer}.")]
        result[_UNET[layers[0]] + name.removeprefix(layers[0]) if layers else name] = value
    return result
