"""The kernel of the GPU compiles, without a GPU, to what it is meant to be."""

import re

import pytest
import torch

pytest.importorskip("triton")

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from deepsphere.nn.kernels.gpu_hop import hop_kernel

POINTERS = {torch.float32: "*fp32", torch.float64: "*fp64", torch.bfloat16: "*bf16"}
HOPPER = GPUTarget("cuda", 90, 32)


@pytest.fixture
def compiled(monkeypatch, tmp_path):
    """Return a function that compiles the kernel for aligned tensors and returns its assembly."""
    if triton.knobs.runtime.interpret:
        pytest.skip("kernels are interpreted")
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))

    def make(dtype, channels, columns, warps):
        constants = {
            "added": None,
            "FACTOR": 2,
            "CHANNELS": channels,
            "ROW": 5 * channels,
            "OUTPUT_ROW": channels,
            "PIXELS": 64,
            "COLUMNS": columns,
        }
        types = dict.fromkeys(["output", "term", "subtracted"], POINTERS[dtype])
        types |= {"starts": "*i64", "neighbours": "*i32", "pixels": "i32", "samples": "i32"}
        types["weights"] = "*fp64" if dtype == torch.float64 else "*fp32"
        names = hop_kernel.arg_names
        signature = {name: types.get(name, "constexpr") for name in names}
        aligned = {
            (position,): [["tt.divisibility", 16]]
            for position, name in enumerate(names)
            if signature[name].startswith("*")
        }
        source = ASTSource(hop_kernel, signature, constants, aligned)
        options = {"num_warps": warps, "num_stages": 1, "enable_fp_fusion": True}
        return triton.compile(source, target=HOPPER, options=options)

    return make


@pytest.mark.parametrize("channels", [1, 24])
@pytest.mark.parametrize(
    ("dtype", "columns", "warps"),
    [(torch.float32, 32, 4), (torch.float64, 16, 4), (torch.bfloat16, 64, 8)],
    ids=str,
)
def test_machine_code_reads_rows_at_once_and_has_registers_enough(
    compiled, dtype, columns, warps, channels
):
    """Rows of whole 16 bytes are read so, by way of the first-level cache.

    Asynchronous copies would pass it by. Local memory is for what has found no register.
    """
    machine_code = compiled(dtype, channels, columns, warps).asm["sass"]
    assert bool(re.search(r"\bLDG\.E\.128", machine_code)) == (channels == 24)
    assert bool(re.search(r"\bSTG\.E\.128", machine_code)) == (channels == 24)
    assert not re.search(r"\b(LDGSTS|LDL|STL)\b", machine_code)
