"""When matrix units are used. What they compute is tested with ``pairs``."""

import ctypes
import platform
import sys
from types import SimpleNamespace

import pytest
from numba import config

from deepsphere.nn.kernels import matrix_instructions
from deepsphere.nn.kernels.matrix_instructions import has_matrix_units

FEATURES = {"amx-tile": True, "amx-bf16": True}


@pytest.fixture
def answers(monkeypatch):
    """Have Linux answer with this number, on a processor that has matrix units."""

    def answer(number, features=FEATURES, system="linux", machine="x86_64"):
        monkeypatch.setattr(matrix_instructions, "HAS", features)
        monkeypatch.setattr(sys, "platform", system)
        monkeypatch.setattr(platform, "machine", lambda: machine)
        library = SimpleNamespace(syscall=lambda *arguments: number)
        monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
        return has_matrix_units.__wrapped__()

    return answer


def test_units_are_used_where_linux_allows_it(answers):
    assert answers(0)
    assert not answers(-1)
    assert not answers(0, features={"amx-tile": True})
    assert not answers(0, features={})
    assert not answers(0, system="darwin")
    assert not answers(0, machine="aarch64")


@pytest.mark.parametrize("name", ["CPU_NAME", "CPU_FEATURES"])
def test_units_are_not_used_in_code_for_another_processor(monkeypatch, answers, name):
    assert answers(0)
    monkeypatch.setattr(config, name, "generic")
    assert not answers(0)
