"""Shards made by workers of Dask and their children, of meshes that break in every way."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.meshes import making
from deepsphere.sources.meshes.entries import Entry
from deepsphere.sources.meshes.isolation import Limits
from deepsphere.sources.meshes.making import Job, make_shard, make_shards
from deepsphere.sources.meshes.moments import Moments
from deepsphere.sources.meshes.shards import Shard, read_samples
from deepsphere.workers import Workers

# A module that children can import: it does as the id of a mesh says, and keeps a list of calls.
MESHES = """
import ctypes, os, time
import numpy as np
from deepsphere.errors import DeepsphereError

def samples(number):
    return np.random.default_rng(number).random((3, 8, 2)).astype(np.float32)

def make(entry):
    with open(os.environ["CALLS"], "a") as stream:
        stream.write(entry.id + "\\n")
    kind, _, number = entry.id.partition("-")
    if kind == "crash":
        ctypes.string_at(0)
    elif kind == "hang":
        time.sleep(1000)
    elif kind == "nap":
        time.sleep(2)
    elif kind == "hungry":
        np.zeros(1 << 32)
    elif kind == "odd":
        {}["odd"]
    elif kind == "bad":
        raise DeepsphereError(f"{entry.member}: not a mesh")
    elif kind == "slow":
        time.sleep(0.2)
    elif kind == "wrong":
        return samples(0)[:, :1]
    return samples(int(number))
"""

Calls = Callable[[], list[str]]


@pytest.fixture
def meshes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Import the module above, here and in all processes to come."""
    name = f"meshes_of_{tmp_path.name}".replace("-", "_")
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / f"{name}.py").write_text(MESHES)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "modules"))
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.syspath_prepend(tmp_path / "modules")
    # A child that an earlier test has left would not find the module.
    monkeypatch.setattr(making, "_KEPT", kept := threading.local())
    yield __import__(name)
    if hasattr(kept, "child"):
        kept.child.close()


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    return lambda: (tmp_path / "calls").read_text().split()


def entry(name: str, split: Any = "train", size: int = 100) -> Entry:
    return Entry(name, "meshes.zip", f"{name}.off", size, "thing", None, split)


def job(folder: Path, meshes: Any, seconds: float = 0.1) -> Job:
    limits = Limits(seconds, megabytes=2000)
    return Job(folder, meshes.make, {"a": 1, "b": 2}, 8, 2, limits)


def test_every_kind_of_break_costs_one_mesh(meshes: Any, tmp_path: Path) -> None:
    names = ["good-0", "crash", "good-1", "hang", "hungry", "odd", "bad", "good-2"]
    splits = ["train"] * 7 + ["test"]
    entries = [entry(name, split) for name, split in zip(names, splits, strict=True)]
    record = make_shard(job(tmp_path, meshes), Shard(3, 10, 18), entries)
    assert record["broken"] == [
        (11, "its process ended by SIGSEGV"),
        (13, "does not end within 1 s"),
        (14, "needs more than 2000 MB of memory"),
        (15, "its process ended with exit code 1: KeyError: 'odd'"),
        (16, "not a mesh"),
    ]
    found = read_samples(tmp_path, 3, (24, 8, 2)).reshape(8, 3, 8, 2)
    good = {0: 0, 2: 1, 7: 2}
    for place in range(8):
        if place in good:
            np.testing.assert_array_equal(found[place], meshes.samples(good[place]))
        else:
            assert np.isnan(found[place]).all()
    moments = record["moments"]
    assert {split: set(sets) for split, sets in moments.items()} == {
        "train": {"a", "b"},
        "test": {"a", "b"},
    }
    train = np.concatenate([meshes.samples(0)[1:], meshes.samples(1)[1:]])
    assert moments["train"]["b"]["samples"] == 4
    assert moments["train"]["b"]["mean"] == pytest.approx(train.mean((0, 1), np.float64))
    deviation = Moments.from_json(moments["train"]["b"]).deviation()
    assert deviation == pytest.approx(train.std((0, 1), np.float64))
    assert moments["test"]["a"]["mean"] == pytest.approx(meshes.samples(2)[:1].mean((0, 1)))


def test_samples_of_another_shape_are_an_error_of_the_program(meshes: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must have shape \(3, 8, 2\); found \(3, 1, 2\)"):
        make_shard(job(tmp_path, meshes), Shard(0, 0, 1), [entry("wrong-0")])
    assert not list(tmp_path.glob("*.json"))


def test_finished_shards_are_not_made_again(
    meshes: Any, calls: Calls, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The shard of one huge mesh begins first; the one that is there is not begun."""
    caplog.set_level("INFO")
    entries = [entry(f"good-{number}") for number in range(7)]
    entries[6] = entry("bad-6", size=10**9)
    shards = [Shard(0, 0, 2), Shard(1, 2, 4), Shard(2, 4, 6), Shard(3, 6, 7)]
    work = job(tmp_path / "shards", meshes)
    before = make_shard(work, shards[1], entries[2:4])
    assert calls() == ["good-2", "good-3"]
    records = make_shards(work, shards, entries, Workers(1), quarantine=0.2)
    assert calls()[2:] == ["bad-6", "good-0", "good-1", "good-4", "good-5"]
    assert [len(record["broken"]) for record in records] == [0, 0, 0, 1]
    assert records[1]["moments"] == before["moments"]
    assert "meshes: 2 of 7 are there from an earlier run" in caplog.messages
    assert "mesh bad-6 is set aside: not a mesh" in caplog.messages
    assert any(line.startswith("meshes: 7 of 7, ") for line in caplog.messages)

    again = make_shards(work, shards, entries, Workers(1), quarantine=0.2)
    assert len(calls()) == 7
    assert again[3]["broken"] == [[6, "not a mesh"]]
    with pytest.raises(DeepsphereError, match=r"1 of 7 meshes are broken.*bad-6 \(not a mesh\)"):
        make_shards(work, shards, entries, Workers(1), quarantine=0.1)


def test_other_limits_make_shards_with_broken_meshes_again(
    meshes: Any, calls: Calls, tmp_path: Path
) -> None:
    """Twice the time is enough for the first mesh, and the second shard needs no more."""
    entries = [entry("nap-0"), entry("good-1"), entry("good-2"), entry("good-3")]
    shards = [Shard(0, 0, 2), Shard(1, 2, 4)]
    short, long = (job(tmp_path / "shards", meshes, seconds) for seconds in (0.1, 20))
    records = make_shards(short, shards, entries, Workers(1), quarantine=0.5)
    assert [len(record["broken"]) for record in records] == [1, 0]
    before = len(calls())
    make_shards(short, shards, entries, Workers(1), quarantine=0.5)
    assert len(calls()) == before
    records = make_shards(long, shards, entries, Workers(1), quarantine=0.0)
    assert calls()[before:] == ["nap-0", "good-1"]
    assert [record["broken"] for record in records] == [[], []]
    found = read_samples(tmp_path / "shards", 0, (6, 8, 2))
    np.testing.assert_array_equal(found[:3], meshes.samples(0))


def test_too_many_broken_meshes_end_the_run(meshes: Any, calls: Calls, tmp_path: Path) -> None:
    entries = [entry(f"{kind}-{number}") for number in range(6) for kind in ("bad", "slow")]
    shards = [Shard(number, 2 * number, 2 * number + 2) for number in range(6)]
    with pytest.raises(DeepsphereError, match=r"2 of 12 meshes are broken.*2 such as bad-0 \("):
        make_shards(job(tmp_path, meshes), shards, entries, Workers(1), quarantine=0.1)
    assert len(calls()) < 12


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was(meshes: Any, calls: Calls, tmp_path: Path) -> None:
    entries = [entry(f"slow-{number}") for number in range(40)]
    shards = [Shard(number, 4 * number, 4 * number + 4) for number in range(10)]
    folder = tmp_path / "shards"
    program = f"""
from pathlib import Path
import {meshes.__name__} as meshes
from deepsphere.sources.meshes.entries import Entry
from deepsphere.sources.meshes.isolation import Limits
from deepsphere.sources.meshes.making import Job, make_shards
from deepsphere.sources.meshes.shards import Shard
from deepsphere.workers import Workers
if __name__ == "__main__":
    job = Job(Path({str(folder)!r}), meshes.make, {{"a": 1, "b": 2}}, 8, 2, Limits(0.1, 2000))
    entries = {entries!r}
    make_shards(job, {shards!r}, entries, Workers(2), 0.0)
"""
    script = tmp_path / "run.py"
    script.write_text(program)
    with subprocess.Popen([sys.executable, str(script)], start_new_session=True) as run:
        deadline = time.monotonic() + 60
        while len(list(folder.glob("*.json"))) < 3:
            assert time.monotonic() < deadline
            assert run.poll() is None
            time.sleep(0.05)
        os.killpg(run.pid, signal.SIGKILL)
    finished = {int(path.stem) for path in folder.glob("*.json")}
    assert 3 <= len(finished) < 10
    before = len(calls())
    records = make_shards(job(folder, meshes), shards, entries, Workers(2), quarantine=0.0)
    assert len(calls()) - before == 4 * (10 - len(finished))
    assert [record["broken"] for record in records] == [[]] * 10
    for number in range(10):
        np.testing.assert_array_equal(
            read_samples(folder, number, (12, 8, 2)).reshape(4, 3, 8, 2),
            [meshes.samples(4 * number + place) for place in range(4)],
        )
