"""Random access to gzip: the same bytes as from the file that was compressed."""

import gzip
import zlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from deepsphere.sources.meshes.gzip_stream import GzipStream


@pytest.fixture(scope="module")
def plain() -> bytes:
    """20 MB that compress to a tenth or so, so that the stream keeps some copies of its state."""
    rng = np.random.default_rng(4)
    line = rng.integers(48, 58, 200_000, dtype=np.uint8).tobytes()
    return b"".join(line[start:] + bytes(start) for start in range(0, 100_000, 1000))


@pytest.mark.parametrize("parts", [1, 3])
def test_any_place_can_be_read(tmp_path: Path, plain: bytes, parts: int) -> None:
    path = tmp_path / "a.gz"
    cuts = [len(plain) * part // parts for part in range(parts + 1)]
    pieces = [plain[start:stop] for start, stop in pairwise(cuts)]
    # Zeros may pad each part.
    path.write_bytes(b"".join(gzip.compress(piece, 1) + bytes(700) for piece in pieces))
    rng = np.random.default_rng(5)
    with GzipStream(path) as stream:
        for position in [0, 10, *rng.integers(0, len(plain), 15), len(plain) - 5, 3, *cuts[:-1]]:
            assert stream.seek(int(position)) == stream.tell() == position
            size = int(rng.choice([1, 512, 300_000]))
            assert stream.read(size) == plain[position : position + size]
        assert stream.seek(len(plain) + 100) == len(plain)
        assert stream.read(10) == b""


def test_a_step_back_does_not_begin_again(
    tmp_path: Path, plain: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(plain, 1))
    with GzipStream(path) as stream:
        stream.seek(len(plain))
        counted = 0
        advance = stream._next

        def count(size: int) -> bytes:
            nonlocal counted
            part = advance(size)
            counted += len(part)
            return part

        monkeypatch.setattr(stream, "_next", count)
        stream.seek(len(plain) - 1000)
        assert stream.read(1000) == plain[-1000:]
        assert 1000 <= counted < len(plain) // 2


def test_damage_is_noticed(tmp_path: Path) -> None:
    whole = gzip.compress(bytes(range(256)) * 1000)
    path = tmp_path / "a.gz"
    path.write_bytes(whole[:-20])
    with GzipStream(path) as stream, pytest.raises(EOFError, match="end too early"):
        stream.read(10**6)
    path.write_bytes(whole[:-8] + bytes(8))
    with GzipStream(path) as stream, pytest.raises(zlib.error, match="incorrect data check"):
        stream.read(10**6)
