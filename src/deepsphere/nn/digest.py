"""A digest of learned weights, which does not depend on how a file packs them."""

import hashlib
from collections.abc import Mapping

from torch import Tensor


def weights_digest(weights: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of a ``state_dict``: names, types, shapes and values, sorted by name."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        value = weights[name].detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()
