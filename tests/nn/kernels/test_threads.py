"""Shares are done once each, by as many threads as there may be, wherever the call comes from."""

import multiprocessing
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.nn.kernels.threads import claim, share_out

# Seconds that nothing here takes, so that a thread that never comes fails a test.
PATIENCE = 60


@numba.njit(nogil=True)
def take(progress):
    return claim(progress)


@numba.njit(nogil=True)
def count_up(progress, shares, counts, squares):
    """Count how often each share is done, and do something that takes a while."""
    while True:
        share = claim(progress)
        if share >= shares:
            return
        for number in range(1000):
            squares[share] += number % (share + 1)
        counts[share] += 1


def counted(shares, most=0):
    """Return how often each share was done, and check what was done."""
    counts, squares = np.zeros((2, shares), dtype=np.int64)
    share_out(count_up, shares, counts, squares, most=most)
    expected = [(np.arange(1000) % (share + 1)).sum() for share in range(shares)]
    assert squares.tolist() == expected
    return counts.tolist()


@pytest.fixture(scope="module")
def threads():
    """Return the function that sets how many threads PyTorch uses, and undo it at the end."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@settings(derandomize=True, max_examples=50, deadline=None)
@given(number=st.integers(1, 9), shares=st.integers(0, 40), most=st.integers(0, 5))
def test_each_share_is_done_once(threads, number, shares, most):
    threads(number)
    assert counted(shares, most) == [1] * shares


def test_what_is_claimed_are_the_numbers_from_zero_on():
    progress = np.zeros(1, dtype=np.int64)
    assert [take(progress) for _ in range(4)] == [0, 1, 2, 3]
    assert progress.tolist() == [4]
    assert all("atomicrmw add" in code for code in take.inspect_llvm().values())


def test_a_number_is_claimed_by_one_thread_only():
    """They are more than a thread claims while another is started."""
    numbers = 2_000_000
    progress, seen = np.zeros(1, dtype=np.int64), np.zeros(numbers, dtype=np.uint8)
    together = threading.Barrier(4)

    def work(_):
        together.wait(PATIENCE)
        count_cheaply(progress, numbers, seen)

    count_cheaply(np.ones(1, dtype=np.int64), 0, seen)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert (seen == 1).all()


@numba.njit(nogil=True)
def count_cheaply(progress, shares, counts):
    while True:
        share = claim(progress)
        if share >= shares:
            return
        counts[share] += 1


def meet(progress, shares, together, seen):
    """Wait in each share for another thread."""
    while take(progress) < shares:
        seen.append(threading.get_ident())
        together.wait(PATIENCE)


def test_two_threads_work_at_the_same_time(threads):
    threads(2)
    seen = []
    share_out(meet, 8, threading.Barrier(2), seen)
    assert sorted(Counter(seen).values()) == [4, 4]
    assert threading.get_ident() in seen


@pytest.mark.parametrize(
    ("number", "shares", "most", "expected"),
    [(1, 9, 0, 1), (4, 9, 1, 1), (9, 1, 0, 1), (2, 9, 9, 2), (9, 2, 5, 2), (9, 9, 2, 2)],
)
def test_no_more_threads_are_asked_than_are_of_use(threads, number, shares, most, expected):
    """The calling thread is one of them; it works long enough for others to come."""
    threads(number)
    caller = threading.get_ident()
    seen = []

    def work(*_):
        seen.append(threading.get_ident())
        if threading.get_ident() == caller:
            time.sleep(0.05)

    share_out(work, shares, most=most)
    assert 1 <= len(seen) <= expected
    assert seen.count(caller) == 1
    if expected == 2:
        together, met = threading.Barrier(2), []
        share_out(lambda *_: met.append(together.wait(PATIENCE)), shares, most=most)
        assert sorted(met) == [0, 1]


@pytest.mark.parametrize("number", [1, 3])
def test_threads_may_call_at_once(threads, number):
    threads(number)
    callers = 6
    together = threading.Barrier(callers)

    def call(caller):
        together.wait(PATIENCE)
        return [counted(10 + caller) for _ in range(20)]

    with ThreadPoolExecutor(callers) as pool:
        found = list(pool.map(call, range(callers)))
    assert found == [[[1] * (10 + caller)] * 20 for caller in range(callers)]


@pytest.mark.parametrize("caller", [True, False])
def test_a_failure_of_any_thread_is_told(threads, caller):
    threads(2)
    together = threading.Barrier(2)

    def fail(*_):
        together.wait(PATIENCE)
        if (threading.current_thread() is threading.main_thread()) == caller:
            raise ArithmeticError("expected")

    with pytest.raises(ArithmeticError):
        share_out(fail, 2)
    assert counted(30) == [1] * 30


def work_in_child(connection):
    """Do shares on one thread, and wait for two to do others."""
    seen = []
    done = counted(30)
    share_out(meet, 8, threading.Barrier(2), seen)
    connection.send((done, sorted(Counter(seen).values())))


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="the system has no fork"
)
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_child_of_fork_has_threads_of_its_own(threads):
    """Those of its parent it has not, as workers of a ``DataLoader`` would notice."""
    threads(2)
    share_out(meet, 8, threading.Barrier(2), [])
    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    child = fork.Process(target=work_in_child, args=(sender,), daemon=True)
    child.start()
    sender.close()
    try:
        assert receiver.poll(PATIENCE)
        assert receiver.recv() == ([1] * 30, [4, 4])
        child.join(PATIENCE)
        assert child.exitcode == 0
    finally:
        child.kill()
        child.join()
    assert counted(30) == [1] * 30
