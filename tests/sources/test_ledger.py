"""The records of a raw folder."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.locks import only_writer
from deepsphere.sources.ledger import PROVENANCE, Ledger
from deepsphere.sources.remote import SUMS, FetchedFile


def _put(folder: Path, name: str, content: bytes) -> FetchedFile:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    return FetchedFile(name, len(content), digest, f"https://host/{name}", "yesterday", '"e"')


def test_sums_are_what_sha256sum_checks(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for name in ("z.txt", "by_year/2010.csv.gz", "with space.txt"):
        ledger.record(_put(tmp_path, name, name.encode()))
    ledger.save()
    command = ["sha256sum", "--check", "--strict", SUMS]
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.splitlines() == [
        "by_year/2010.csv.gz: OK",
        "with space.txt: OK",
        "z.txt: OK",
    ]


def test_sums_of_sha256sum_are_understood(tmp_path: Path) -> None:
    file = _put(tmp_path, "a.txt", b"a")
    for flag in ("--text", "--binary"):
        command = ["sha256sum", flag, "a.txt"]
        (tmp_path / SUMS).write_bytes(subprocess.check_output(command, cwd=tmp_path))
        assert Ledger(tmp_path).digest("a.txt") == file.sha256


def test_origin_survives(tmp_path: Path) -> None:
    file = _put(tmp_path, "a.txt", b"a")
    ledger = Ledger(tmp_path)
    ledger.record(file)
    ledger.save()
    assert Ledger(tmp_path).file("a.txt", 1, file.sha256) == file


def test_origin_of_another_content_is_not_believed(tmp_path: Path) -> None:
    file = _put(tmp_path, "a.txt", b"a")
    ledger = Ledger(tmp_path)
    ledger.record(file)
    ledger.save()
    other = "0" * 64
    assert ledger.file("a.txt", 2, other) == FetchedFile("a.txt", 2, other, None, None, None)
    (tmp_path / SUMS).write_text(f"{other}  a.txt\n")
    assert Ledger(tmp_path).file("a.txt", 1, file.sha256).url is None


def test_record_that_is_not_one_names_its_line(tmp_path: Path) -> None:
    (tmp_path / SUMS).write_text(f"{'0' * 64}  a.txt\nnonsense\n")
    with pytest.raises(DeepsphereError, match=r"SHA256SUMS:2: .*'nonsense'"):
        Ledger(tmp_path)


@pytest.mark.parametrize("text", ["[1]", '{"a": 1}', '[{"name": "a"}]', "3", "{"])
def test_provenance_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / PROVENANCE).write_text(text)
    with pytest.raises(DeepsphereError, match="delete it and rerun"):
        Ledger(tmp_path)


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from deepsphere.locks import only_writer\n"
        "with only_writer(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(DeepsphereError, match="is being written by"), only_writer(tmp_path):
            pass
        other.kill()
    with only_writer(tmp_path):
        pass
