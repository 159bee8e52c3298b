"""Tasks give the same results wherever they run."""

import os
import threading
from pathlib import Path

import pytest
from dask.delayed import delayed

from deepsphere.errors import DeepsphereError
from deepsphere.workers import Workers, open_workers


def square(number: int) -> int:
    return number**2


def place(number: int) -> tuple[int, int]:
    return os.getpid(), threading.get_ident()


def test_results_come_in_the_order_of_the_tasks() -> None:
    tasks = [delayed(square)(number) for number in range(20)]
    assert Workers(3).compute(tasks) == [number**2 for number in range(20)]


def test_no_tasks_have_no_results() -> None:
    assert Workers().compute([]) == []


def test_processes_are_others_than_this_one(tmp_path: Path) -> None:
    with Workers(2, memory=2 * 10**9).processes(tmp_path) as client:
        places = client.gather(client.map(place, range(8)))
        limits = {worker["memory_limit"] for worker in client.scheduler_info()["workers"].values()}
        found = Workers(client=client).compute([delayed(square)(number) for number in range(5)])
    assert os.getpid() not in {process for process, _ in places}
    assert limits == {10**9}
    assert found == [0, 1, 4, 9, 16]


def test_a_running_scheduler_is_used_by_its_address(tmp_path: Path) -> None:
    with (
        Workers(1).processes(tmp_path) as client,
        open_workers(client.scheduler.address, 1, None, tmp_path) as workers,
    ):
        [(process, _)] = workers.compute([delayed(place)(0)])
        assert process != os.getpid()


def test_local_workers_are_threads_of_this_process(tmp_path: Path) -> None:
    with open_workers("local", 2, 1000, tmp_path) as workers:
        assert workers == Workers(2, 1000)
        assert {process for process, _ in workers.compute([delayed(place)(0)])} == {os.getpid()}


def test_workers_on_tasks_of_a_slurm_job_need_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SLURM_NTASKS", raising=False)
    expected = "not one of at least 3 tasks of a Slurm job"
    with (
        pytest.raises(DeepsphereError, match=expected),
        open_workers("slurm", 1, None, tmp_path),
    ):
        pass


def test_an_address_where_nobody_answers_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deepsphere.workers._ANSWER_SECONDS", 1)
    with (
        pytest.raises(DeepsphereError, match="no scheduler answers at tcp://127"),
        open_workers("tcp://127.0.0.1:9", 1, None, tmp_path),
    ):
        pass


def test_at_least_one_worker() -> None:
    with pytest.raises(ValueError, match="at least 1; found 0"):
        Workers(0)
