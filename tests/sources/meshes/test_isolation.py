"""A child process that crashes, hangs or eats memory: what the parent is told, and goes on with."""

import ctypes
import operator
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from deepsphere.files import read_json
from deepsphere.sources.meshes.isolation import Failed, Isolated, Limits

LIMITS = Limits(seconds=20, megabytes=2000)


@pytest.fixture
def isolated() -> Iterator[Isolated]:
    with Isolated(LIMITS) as child:
        yield child


def test_calls_return_what_the_function_returns(isolated: Isolated) -> None:
    values = np.arange(100_000, dtype=np.float32).reshape(10, -1)
    np.testing.assert_array_equal(isolated.call(np.multiply, values, 2), values * 2)
    child = isolated.call(os.getpid)
    assert child != os.getpid()
    assert isolated.call(os.getpid) == child
    assert isolated.call(os.getenv, "OMP_NUM_THREADS") == "1"


def test_an_error_of_the_data_is_told_and_the_child_goes_on(isolated: Isolated) -> None:
    child = isolated.call(os.getpid)
    with pytest.raises(Failed, match=r"^report: nowhere does not exist; run the stage"):
        isolated.call(read_json, Path("nowhere"), "report")
    assert isolated.call(os.getpid) == child


def test_want_of_memory_is_told_and_the_child_goes_on(isolated: Isolated) -> None:
    with pytest.raises(Failed, match=r"^needs more than 2000 MB of memory$"):
        isolated.call(bytearray, 3 << 30)
    assert len(isolated.call(bytearray, 1 << 20)) == 1 << 20


@pytest.mark.parametrize(
    ("function", "arguments", "reason"),
    [
        (ctypes.string_at, (0,), "its process ended by SIGSEGV"),
        (os.abort, (), "its process ended by SIGABRT"),
        (os._exit, (3,), "its process ended with exit code 3"),
        (operator.getitem, ({}, "x"), "its process ended with exit code 1: KeyError: 'x'"),
        (signal.raise_signal, (signal.SIGKILL,), "killed twice, perhaps for want of memory"),
    ],
)
def test_a_crash_costs_one_call(
    isolated: Isolated, function: object, arguments: tuple[object, ...], reason: str
) -> None:
    with pytest.raises(Failed) as caught:
        isolated.call(function, *arguments)  # type: ignore[arg-type]
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isolated.call(abs, -3) == 3


def test_a_call_that_computes_for_ever_is_ended() -> None:
    with Isolated(Limits(seconds=0.2, megabytes=2000)) as isolated:
        with pytest.raises(Failed, match=r"^takes more than 0\.2 s of processor time$"):
            isolated.call(sum, range(10**12))
        assert isolated.call(abs, -3) == 3


def test_a_call_that_waits_for_ever_is_ended() -> None:
    with Isolated(Limits(seconds=0.05, megabytes=2000)) as isolated:
        with pytest.raises(Failed, match=r"^does not end within 0\.5 s$"):
            isolated.call(time.sleep, 1000)
        assert isolated.call(abs, -3) == 3


def test_the_time_of_one_call_does_not_count_for_the_next() -> None:
    with Isolated(Limits(seconds=0.05, megabytes=2000)) as isolated:
        isolated.call(abs, 1)
        time.sleep(0.6)
        assert [isolated.call(abs, -number) for number in range(3)] == [0, 1, 2]


def test_signals_to_the_whole_group_do_not_end_the_child(isolated: Isolated) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        isolated.call(signal.raise_signal, number)
    assert isolated.call(abs, -3) == 3


def test_what_a_function_prints_does_not_disturb_the_answer(isolated: Isolated) -> None:
    assert isolated.call(os.write, 1, b"noise\n") == 6
    assert isolated.call(abs, -3) == 3


def test_the_child_ends_with_its_parent(isolated: Isolated) -> None:
    child = isolated.call(os.getpid)
    isolated.close()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


@pytest.mark.parametrize("limits", [(0, 100), (-1, 100), (float("nan"), 100), (1, 0)])
def test_limits_are_positive(limits: tuple[float, int]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        Limits(*limits)
