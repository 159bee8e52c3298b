"""Shards cover every object once, are whole or not there, and keep every bit."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.errors import DeepsphereError
from deepsphere.sources.meshes.shards import (
    Shard,
    check_space,
    cut_shards,
    find_record,
    read_samples,
    write_record,
    write_samples,
)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    st.lists(st.integers(0, 40 << 20) | st.integers(0, 1000), min_size=1, max_size=200),
    st.integers(1, 200 << 20),
)
def test_shards_cover_the_objects_and_none_is_large(sizes: list[int], object_bytes: int) -> None:
    shards = cut_shards(sizes, object_bytes)
    assert [shard.number for shard in shards] == list(range(len(shards)))
    covered = [number for shard in shards for number in range(shard.start, shard.stop)]
    assert covered == list(range(len(sizes)))
    for shard in shards:
        assert len(shard) >= 1
        if len(shard) > 1:
            assert len(shard) <= 32
            assert len(shard) * object_bytes <= 64 << 20
            assert sum(sizes[shard.start : shard.stop]) <= 16 << 20


def test_a_huge_mesh_is_alone() -> None:
    sizes = [1000] * 10 + [20 << 20] + [1000] * 40
    assert [len(shard) for shard in cut_shards(sizes, 1000)] == [10, 1, 32, 8]


@pytest.mark.parametrize(("precision", "size"), [("float32", 4), ("float16", 2)])
def test_what_is_written_is_read(tmp_path: Path, precision: str, size: int) -> None:
    samples = np.random.default_rng(0).random((6, 5, 3)).astype(np.float32)
    samples[2:4] = np.nan
    shard = Shard(7, 30, 33)
    folder = tmp_path / "shards"
    parts = [samples[start : start + 2] for start in (0, 2, 4)]
    write_samples(folder, shard, iter(parts), precision)
    (path,) = folder.iterdir()
    assert path.stat().st_size == samples.size * size
    assert find_record(folder, shard) is None
    write_record(folder, shard, {"broken": [[31, "why"]]})
    assert find_record(folder, shard) == {"broken": [[31, "why"]]}
    found = read_samples(folder, 7, (6, 5, 3), precision)
    assert found.dtype == precision
    np.testing.assert_array_equal(found, samples.astype(precision))


def test_samples_that_are_written_again_lose_their_record(tmp_path: Path) -> None:
    shard = Shard(0, 0, 1)
    write_samples(tmp_path, shard, [np.zeros((1, 2, 2), np.float32)])
    write_record(tmp_path, shard, {"broken": []})
    write_samples(tmp_path, shard, [np.ones((1, 2, 2), np.float32)])
    assert find_record(tmp_path, shard) is None


def test_a_disk_that_is_too_small_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO")
    usage = shutil.disk_usage(tmp_path)._replace(free=3 * 10**9)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    check_space(tmp_path / "shards", 8 * 10**9, 3 * 10**9)
    (line,) = caplog.messages
    assert line == (
        "meshes: the signals take 8 GB, 3 GB of them still to be written; 3 GB are free"
    )
    with pytest.raises(DeepsphereError, match=r"^store: 5 GB .* make room for 2 GB more") as caught:
        check_space(tmp_path / "shards", 8 * 10**9, 5 * 10**9)
    assert "\n" not in str(caught.value)


def test_samples_that_cannot_be_made_leave_no_file(tmp_path: Path) -> None:
    def parts() -> object:
        yield np.zeros((1, 2, 2), np.float32)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_samples(tmp_path, Shard(0, 0, 2), parts())  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
