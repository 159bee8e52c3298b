"""Retries: how many, how long apart, and what starts the count anew."""

import pytest

from deepsphere.sources.retry import RetryPolicy, Transient, Unavailable, retrying

POLICY = RetryPolicy(attempts=3, first_wait_seconds=0.0, longest_wait_seconds=0.0)


def test_waits_double_up_to_the_longest() -> None:
    policy = RetryPolicy(first_wait_seconds=1, longest_wait_seconds=10)
    assert [policy.wait_seconds(n) for n in range(1, 7)] == [1, 2, 4, 8, 10, 10]
    assert policy.wait_seconds(1, retry_after=5) == 5
    assert policy.wait_seconds(1, retry_after=1e6) == 10


class _Source:
    """Gives ``step`` bytes an attempt and fails until it has given ``size``."""

    def __init__(self, size: int, step: int) -> None:
        self.size, self.step, self.given, self.attempts = size, step, 0, 0

    def attempt(self) -> str:
        self.attempts += 1
        self.given = min(self.size, self.given + self.step)
        if self.given < self.size:
            raise Transient("dropped")
        return "whole"


def test_progress_starts_the_count_anew() -> None:
    source = _Source(size=20, step=1)
    assert retrying(source.attempt, POLICY, lambda: source.given) == "whole"
    assert source.attempts == 20


def test_without_progress_the_attempts_are_counted() -> None:
    source = _Source(size=20, step=0)
    with pytest.raises(Unavailable, match=r"dropped \(3 attempts in a row\)"):
        retrying(source.attempt, POLICY, lambda: source.given)
    assert source.attempts == 3


def test_reaching_the_same_point_again_is_no_progress() -> None:
    source = _Source(size=20, step=1)

    def afresh() -> str:
        source.given = 0
        return source.attempt()

    with pytest.raises(Unavailable):
        retrying(afresh, POLICY, lambda: source.given)
    assert source.attempts == POLICY.attempts


def test_going_back_and_forth_is_no_progress() -> None:
    reached = iter([0, 2, 1, 2, 1, 2, 1, 2, 1])

    def drop() -> None:
        raise Transient("dropped")

    with pytest.raises(Unavailable):
        retrying(drop, POLICY, lambda: next(reached))
    assert next(reached) == 1, "stopped at 2, 1, 2"


def test_other_errors_are_not_retried() -> None:
    calls = []

    def broken() -> None:
        calls.append(1)
        raise ValueError("a defect")

    with pytest.raises(ValueError, match="a defect"):
        retrying(broken, POLICY, lambda: 0)
    assert len(calls) == 1
