import numba
import pytest

from deepsphere.graphs.threads import compiled_threads


def test_threads_are_limited_inside_and_as_before_outside():
    before = numba.get_num_threads()
    with compiled_threads(1):
        assert numba.get_num_threads() == 1
    assert numba.get_num_threads() == before
    with compiled_threads(10_000):
        assert numba.get_num_threads() == before


def test_threads_are_as_before_after_an_error():
    before = numba.get_num_threads()
    with pytest.raises(KeyError), compiled_threads(1):
        raise KeyError
    assert numba.get_num_threads() == before
