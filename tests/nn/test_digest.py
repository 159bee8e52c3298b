import hashlib
import io

import numpy as np
import torch

from deepsphere.nn.digest import weights_digest

WEIGHTS = {"b": torch.tensor([[1.0, 2.0], [3.0, 4.0]]), "a": torch.tensor([7, 8])}


def test_the_digest_is_that_of_names_types_shapes_and_values():
    expected = hashlib.sha256(
        b"a torch.int64 (2,)"
        + np.array([7, 8], "<i8").tobytes()
        + b"b torch.float32 (2, 2)"
        + np.array([1, 2, 3, 4], "<f4").tobytes()
    )
    assert weights_digest(WEIGHTS) == expected.hexdigest()


def test_order_layout_gradients_and_files_do_not_matter():
    turned = WEIGHTS["b"].t().contiguous().t()
    assert not turned.is_contiguous()
    digest = weights_digest(WEIGHTS)
    assert weights_digest({"a": WEIGHTS["a"], "b": torch.nn.Parameter(turned)}) == digest
    stream = io.BytesIO()
    torch.save(WEIGHTS, stream)
    stream.seek(0)
    assert weights_digest(torch.load(stream, weights_only=True)) == digest


def test_every_name_type_shape_and_bit_matters():
    matrix = WEIGHTS["b"]
    changed = matrix.clone()
    changed[1, 1] = float(np.nextafter(np.float32(4), np.float32(5)))
    others = [
        {"b": matrix},
        {"b": matrix, "c": WEIGHTS["a"]},
        {"b": matrix.double(), "a": WEIGHTS["a"]},
        {"b": matrix.reshape(4), "a": WEIGHTS["a"]},
        {"b": matrix.t(), "a": WEIGHTS["a"]},
        {"b": changed, "a": WEIGHTS["a"]},
    ]
    digests = {weights_digest(weights) for weights in (WEIGHTS, *others)}
    assert len(digests) == 1 + len(others)
