"""Two processes that exchange statistics against one that has the whole batch."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from deepsphere.nn.synchronized import has_several_ranks

SCRIPT = Path(__file__).with_name("on_ranks.py")
PARTS = ["[2, 3]", "[4, 1]", "[0, 5]"]
TOLERANCES = {"torch.float64": 1e-10, "torch.float32": 2e-5}


@pytest.fixture(scope="module")
def alone():
    return runpy.run_path(str(SCRIPT))["run"](0, 1)


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """Return what each of two processes found."""
    folder = tmp_path_factory.mktemp("ranks")
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, SCRIPT, str(rank), "2", folder],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        said = [process.communicate(timeout=120)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], "\n".join(said)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


def check(found, expected, tolerance):
    """Compare what ranks have parts of, what they sum up, and what all of them have."""
    for name, value in expected.items():
        parts = [part[name] for part in found]
        if name.startswith("average"):
            assert torch.equal(*parts)
            whole = parts[0]
        elif name.startswith("bias"):
            whole = sum(parts)
        else:
            whole = torch.cat(parts)
        assert whole.dtype == value.dtype
        scale = max(1, value.abs().max())
        torch.testing.assert_close(whole, value, rtol=tolerance, atol=tolerance * scale, msg=name)


@pytest.mark.parametrize("sizes", PARTS)
@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("pool", ["None", "max", "mean"])
def test_two_processes_are_as_one_with_the_whole_batch(ranks, alone, sizes, dtype, pool):
    """Outputs, first and second derivatives, and running averages, however the batch is shared."""
    case = sizes, dtype, pool
    check([rank[case] for rank in ranks], alone[case], TOLERANCES[dtype])


@pytest.mark.parametrize("sizes", PARTS)
def test_the_statistics_of_known_pixels_are_exchanged(ranks, alone, sizes):
    case = "known", sizes
    check([rank[case] for rank in ranks], alone[case], 1e-10)


def test_the_exchange_is_compiled(ranks, alone):
    check([rank["compiled"] for rank in ranks], alone["compiled"], 1e-10)


def test_networks_are_trained_in_parallel_as_by_one_process(ranks, alone):
    """The loss of equal parts is the mean of theirs, which is what the ranks' gradients are of."""
    found = [dict(rank["parallel"]) for rank in ranks]
    expected = dict(alone["parallel"])
    losses = torch.stack([part.pop("losses") for part in found])
    assert not torch.allclose(*losses)
    torch.testing.assert_close(losses.mean(dim=0), expected.pop("losses"), rtol=1e-10, atol=0)
    for part in found:
        torch.testing.assert_close(part, expected, rtol=1e-9, atol=1e-10)


def test_statistics_of_features_far_from_zero_keep_their_digits(ranks, alone):
    """Sums of squares about 1e14 would be wrong by some 0.01; the rounding of means is 1e-9."""
    for part in ranks:
        for name, value in alone["far"].items():
            torch.testing.assert_close(part["far"][name], value, rtol=1e-9, atol=0)


def test_too_few_rows_of_all_ranks_are_refused_on_each(ranks):
    for part in ranks:
        assert part["one row"] == ("expected more than one row to train on, found 1", 0)
        assert part["no row"] == ("expected more than one row to train on, found 0", 0)


def test_one_process_is_not_several_ranks():
    assert not has_several_ranks()
