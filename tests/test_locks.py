"""An output has one writer at a time, and a lock lives as long as who holds it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deepsphere import locks
from deepsphere.errors import DeepsphereError
from deepsphere.locks import Owner, find_writer, lock_path, only_writer

HOLD = (
    "import sys; from pathlib import Path; from deepsphere.locks import only_writer\n"
    "with only_writer(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()\n"
)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "manifest.json"


@pytest.fixture
def other(output: Path) -> Iterator[subprocess.Popen[str]]:
    """Start another process that holds the output."""
    environment = {**os.environ, "SLURM_JOB_ID": "45"}
    command = [sys.executable, "-c", HOLD, str(output)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_second_writer_is_told_who_the_first_is(
    output: Path, other: subprocess.Popen[str]
) -> None:
    expected = f"is being written by process {other.pid} on {socket.gethostname()}, Slurm job 45"
    with pytest.raises(DeepsphereError, match=expected), only_writer(output):
        pass
    assert find_writer(output) == Owner(socket.gethostname(), other.pid, "45")


def test_a_lock_dies_with_its_owner(output: Path, other: subprocess.Popen[str]) -> None:
    other.kill()
    other.wait()
    assert find_writer(output) is None
    with only_writer(output):
        assert find_writer(output) == Owner(
            socket.gethostname(), os.getpid(), os.environ.get("SLURM_JOB_ID")
        )
    assert find_writer(output) is None


def test_the_second_writer_may_wait(
    output: Path, other: subprocess.Popen[str], caplog: pytest.LogCaptureFixture
) -> None:
    command = [sys.executable, "-c", HOLD.replace("[1])", "[1]), wait=True"), str(output)]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as waiting:
        time.sleep(1)
        assert waiting.poll() is None
        assert find_writer(output) == Owner(socket.gethostname(), other.pid, "45")
        other.kill()
        printed, _ = waiting.communicate(timeout=60)
    assert printed == "held\n"


def test_a_lock_whose_file_was_deleted_holds_nobody(output: Path) -> None:
    with only_writer(output):
        lock_path(output).unlink()
        with only_writer(output):
            pass


def test_asking_for_the_writer_changes_nothing(tmp_path: Path) -> None:
    assert find_writer(tmp_path / "nothing.json") is None
    assert list(tmp_path.iterdir()) == []


def test_without_locks_in_the_file_system_the_user_is_warned(
    output: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(locks.errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks.fcntl, "flock", refuse)
    with only_writer(output):
        pass
    assert "has no locks (ENOLCK)" in caplog.text
