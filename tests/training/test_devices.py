import pytest
import torch

from deepsphere.errors import DeepsphereError
from deepsphere.training.devices import find_device


def test_the_cpu_is_always_there():
    assert find_device("cpu") == torch.device("cpu")


def test_auto_takes_a_gpu_where_there_is_one():
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert find_device("auto").type == expected


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_an_error():
    with pytest.raises(DeepsphereError, match=r"training\.device: found 'cuda'.*use auto or cpu"):
        find_device("cuda")
