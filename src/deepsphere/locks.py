"""One writer of an output at a time, on one machine and across the nodes of a cluster.

The lock is that of the operating system on a small file beside the output, so it dies with the
process that holds it (and those that it forked), however that ends: nothing is left to clean up.
Linux carries it to the server of a network file system (NFS 4, Lustre with ``flock``, GPFS). What
stands in the file says to others who holds it, and means nothing by itself.
"""

import contextlib
import errno
import fcntl
import json
import logging
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from deepsphere.errors import DeepsphereError

_LOG = logging.getLogger(__name__)
_POLL_SECONDS = 0.2
_REMIND_SECONDS = 60
_UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
_JOB = "SLURM_JOB_ID"


@dataclass(frozen=True)
class Owner:
    """Who holds a lock.

    Attributes
    ----------
    host : str
        Name of the machine.
    process : int
        Number of the process there.
    job : str or None
        Number of the Slurm job that it belongs to.
    """

    host: str
    process: int
    job: str | None = None

    def __str__(self) -> str:
        job = "" if self.job is None else f", Slurm job {self.job}"
        return f"process {self.process} on {self.host}{job}"


@contextlib.contextmanager
def only_writer(output: Path, wait: bool = False) -> Iterator[None]:
    """Hold an output against other processes that write it; the hold ends with the process.

    Parameters
    ----------
    output : Path
        A file or folder, there or not. The lock is the hidden file ``.<name>.lock`` beside it.
    wait : bool
        Whether to wait for a process that holds it, rather than to refuse.

    Raises
    ------
    DeepsphereError
        If another process holds it, and ``wait`` is not set.
    """
    path = lock_path(output)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _locked(path, output, wait)
    try:
        owner = Owner(socket.gethostname(), os.getpid(), os.environ.get(_JOB))
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(asdict(owner)).encode(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def lock_path(output: Path) -> Path:
    """Return the path of the lock of an output."""
    return output.with_name(f".{output.name}.lock")


def find_writer(output: Path) -> Owner | None:
    """Return who is writing an output now, or None."""
    try:
        descriptor = os.open(lock_path(output), os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _owner(descriptor)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return None


def _locked(path: Path, output: Path, wait: bool) -> int:
    """Return a descriptor of the lock's file, held."""
    reminded = -float(_REMIND_SECONDS)
    attempts = 0
    while True:
        attempts += 1
        # Written to, as NFS locks for writing only what is open for it.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = _owner(descriptor) or "another process"
            os.close(descriptor)
            # Whoever asks for the writer holds the lock for an instant.
            if not wait and attempts > 1:
                raise DeepsphereError(
                    f"{output} is being written by {owner}; wait for it or end it"
                ) from None
            if wait and time.monotonic() - reminded >= _REMIND_SECONDS:
                _LOG.info("waiting for %s, which writes %s", owner, output)
                reminded = time.monotonic()
            time.sleep(_POLL_SECONDS)
            continue
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                os.close(descriptor)
                raise
            _LOG.warning(
                "the file system of %s has no locks (%s): take care that only one process "
                "writes it",
                output,
                errno.errorcode[error.errno],
            )
            return descriptor
        if _is_still_there(path, descriptor):
            return descriptor
        os.close(descriptor)


def _is_still_there(path: Path, descriptor: int) -> bool:
    """Return whether a file was not deleted, or replaced, before it was locked."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _owner(descriptor: int) -> Owner | None:
    try:
        return Owner(**json.loads(os.pread(descriptor, 4096, 0)))
    except (ValueError, TypeError):
        # Between locking and writing its name, an owner is unknown.
        return None
