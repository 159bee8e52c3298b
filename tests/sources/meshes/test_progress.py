"""Lines of progress: how many there are, and what they promise."""

import logging

import pytest

from deepsphere.sources.meshes.progress import Progress


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_lines_come_every_ten_seconds_at_most(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock()
    progress = Progress("meshes", 0, 100, 100.0, clock)
    for _ in range(99):
        clock.now += 1
        progress.advance(1, 1.0)
    assert len(caplog.messages) == 9
    assert caplog.messages[0] == "meshes: 10 of 100, 1.0 a second, 1 min 30 s left"
    progress.advance(1, 1.0)
    assert caplog.messages[-1] == "meshes: 100 of 100, 1.0 a second, done in 1 min 39 s"


def test_the_rest_is_estimated_by_cost(caplog: pytest.LogCaptureFixture) -> None:
    """A tenth of the meshes has cost half of all in 20 s: the rest takes 20 s, not 180."""
    caplog.set_level(logging.INFO)
    clock = Clock()
    progress = Progress("meshes", 0, 1000, 2.0, clock)
    clock.now += 20
    progress.advance(100, 1.0)
    assert caplog.messages == ["meshes: 100 of 1000, 5.0 a second, 20 s left"]


def test_what_is_there_already_says_nothing_of_the_rate(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock()
    progress = Progress("meshes", 900, 1000, 36_000.0, clock)
    clock.now += 10
    progress.advance(5, 10.0)
    assert caplog.messages == [
        "meshes: 900 of 1000 are there from an earlier run",
        "meshes: 905 of 1000, 0.5 a second, 9 h 59 min left",
    ]
