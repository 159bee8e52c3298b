"""A loop runs on as many threads as it is given, or on one where there are no others."""

import multiprocessing
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import pytest
import torch

from deepsphere.nn.kernels import openmp
from deepsphere.nn.kernels.openmp import on_threads, threads_at_hand
from deepsphere.nn.kernels.threads import claim

PATIENCE = 60
SHARES = 40
# Of rounds in which a thread waits for another one: some seconds.
LONG = 1 << 30


def count_up(progress, counts):
    while True:
        share = claim(progress)
        if share >= len(counts):
            return
        for number in range(1000):
            counts[share] += number % 2
        counts[share] -= 499


def meet(arrived, rounds, expected, met):
    """Wait until so many threads are here."""
    mine = claim(arrived)
    while claim(rounds) < LONG:
        if arrived[0] >= expected:
            met[mine] = 1
            return


def want_too_much(progress, failing, counts):
    mine = claim(progress)
    if mine == failing:
        counts[mine] = len(np.empty(1 << 60))
    counts[mine] += 1


def do_nothing():
    pass


count_on_threads = on_threads(count_up)
meet_on_threads = on_threads(meet)
want_on_threads = on_threads(want_too_much)
nothing_on_threads = on_threads(do_nothing)


@numba.njit(nogil=True)
def count(threads, counts):
    count_on_threads(threads, (np.zeros(1, np.int64), counts))


@numba.njit(nogil=True)
def meet_all(threads, met):
    meet_on_threads(threads, (np.zeros(1, np.int64), np.zeros(1, np.int64), threads, met))


@numba.njit(nogil=True)
def want(threads, failing, counts):
    want_on_threads(threads, (np.zeros(1, np.int64), failing, counts))


@numba.njit(nogil=True)
def nothing(threads):
    nothing_on_threads(threads, ())


def counted(threads):
    counts = np.zeros(SHARES, dtype=np.int64)
    count(threads, counts)
    return counts.tolist()


@pytest.fixture
def threads():
    """Return the function that sets how many threads PyTorch uses, and undo it at the end."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("number", [1, 2, 5])
def test_each_share_is_done_once(number):
    for _ in range(20):
        assert counted(number) == [1] * SHARES


@pytest.mark.parametrize("number", [1, 2, 3])
def test_so_many_threads_work_at_the_same_time(number):
    met = np.zeros(5, dtype=np.int64)
    meet_all(number, met)
    assert met.tolist() == [1] * number + [0] * (5 - number)


def test_there_may_be_no_arguments():
    nothing(2)


def test_as_many_as_pytorch_uses_are_at_hand(threads, monkeypatch):
    for number in (1, 3):
        threads(number)
        assert threads_at_hand() == number
    monkeypatch.setattr(openmp, "_ADDRESS", None)
    assert threads_at_hand() == 1


def test_pytorch_has_a_library_with_the_function():
    """Without it, nothing here would run on several threads."""
    assert openmp._ADDRESS
    assert openmp._address() == openmp._ADDRESS


def test_a_library_without_the_function_has_no_address(monkeypatch):
    monkeypatch.setattr(openmp.ctypes, "CDLL", lambda file: object())
    assert openmp._address() is None


def test_without_such_a_library_loops_run_all_the_same():
    """In another process, as this one has it."""
    script = (
        "import ctypes, runpy, numba, torch\n"
        "whole = ctypes.CDLL\n"
        "ctypes.CDLL = lambda *given, **more: object()\n"
        "import deepsphere.nn.kernels.openmp as openmp\n"
        "ctypes.CDLL = whole\n"
        "assert openmp._ADDRESS is None and openmp.threads_at_hand() == 1\n"
        f"loops = runpy.run_path({__file__!r})\n"
        "for number in (1, 2):\n"
        "    assert loops['counted'](number) == [1] * loops['SHARES']\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("failing", [0, 1])
def test_lack_of_memory_of_any_thread_is_told(number, failing):
    counts = np.zeros(2, dtype=np.int64)
    if failing < number:
        with pytest.raises(MemoryError, match="no memory left"):
            want(number, failing, counts)
    else:
        want(number, failing, counts)
    assert counts.tolist() == [int(mine < number and mine != failing) for mine in range(2)]
    assert counted(2) == [1] * SHARES


def test_threads_of_python_may_call_at_once():
    callers = 4
    together = threading.Barrier(callers)

    def call(_):
        together.wait(PATIENCE)
        return [counted(2) for _ in range(20)]

    with ThreadPoolExecutor(callers) as pool:
        assert list(pool.map(call, range(callers))) == [[[1] * SHARES] * 20] * callers


def work_in_child(connection):
    number = threads_at_hand()
    connection.send((number, counted(number)))


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="the system has no fork"
)
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_child_of_fork_has_one_thread(threads):
    """It would wait for threads that only its parent has."""
    threads(2)
    assert counted(threads_at_hand()) == [1] * SHARES
    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    child = fork.Process(target=work_in_child, args=(sender,), daemon=True)
    child.start()
    sender.close()
    try:
        assert receiver.poll(PATIENCE)
        assert receiver.recv() == (1, [1] * SHARES)
        child.join(PATIENCE)
        assert child.exitcode == 0
    finally:
        child.kill()
        child.join()
    assert threads_at_hand() == 2
