"""Where the Dask tasks of a stage run: in threads of this process, in processes, or elsewhere.

Threads share memory and suit what spends its time in NumPy, SciPy, HDF5 and the disk. Processes
suit code that holds Python's lock. With a client of a Dask cluster, both run there: then tasks must
be able to travel (no open files, no large arrays), and their files must be on a shared file system.

:func:`open_workers` gives those that the configuration names. Across the nodes of a Slurm job, the
same command is started once a task (``srun -n 4 deepsphere store ...``): one schedules, one goes on
with the stage, the others work, and all end together with the job.
"""

import importlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask
from dask.delayed import delayed

from deepsphere.errors import DeepsphereError

_RETRIES = 2
"""Times that a task is run again when its worker was lost."""

_ANSWER_SECONDS = 60
_START_SECONDS = 300


@dataclass(frozen=True)
class Workers:
    """The workers of a stage.

    Attributes
    ----------
    count : int
        Threads or processes to use here.
    memory : int or None
        Bytes that they may use together; None does not watch them.
    client : distributed.Client or None
        A Dask cluster that is used instead.
    """

    count: int = 1
    memory: int | None = None
    client: Any = None

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"workers must be at least 1; found {self.count}")

    def compute(self, tasks: Sequence[Any]) -> list[Any]:
        """Return the results of delayed tasks, in their order, run in threads or on the cluster."""
        if self.client is None:
            return list(
                delayed(list)(list(tasks)).compute(scheduler="threads", num_workers=self.count)
            )
        return list(self.client.gather(self.client.compute(list(tasks), retries=_RETRIES)))

    @contextmanager
    def processes(self, scratch: Path) -> Iterator[Any]:
        """Give a Dask client whose workers are processes of one thread each.

        Parameters
        ----------
        scratch : Path
            Folder for what workers put on disk.
        """
        if self.client is not None:
            yield self.client
            return
        distributed = _distributed()
        limit = 0 if self.memory is None else self.memory // self.count
        with (
            distributed.LocalCluster(
                n_workers=self.count,
                threads_per_worker=1,
                processes=True,
                memory_limit=limit,
                dashboard_address=":0",
                local_directory=str(scratch),
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            yield client


@contextmanager
def open_workers(cluster: str, count: int, memory: int | None, folder: Path) -> Iterator[Workers]:
    """Give the workers of a stage.

    Parameters
    ----------
    cluster : str
        ``"local"``, ``"slurm"``, or the address of a running Dask scheduler.
    count : int
        Threads or processes here, or threads of each task of a Slurm job.
    memory : int or None
        Bytes for all of them, or for each task of a Slurm job.
    folder : Path
        Where the tasks of a Slurm job find each other, on a file system that all machines share.
        It is made, and it is gone once they have, with what earlier jobs left that were ended
        before: nothing else may use it.

    Raises
    ------
    DeepsphereError
        If no scheduler answers, or this process is none of several tasks of a Slurm job.
    """
    if cluster == "local":
        yield Workers(count, memory)
    elif cluster == "slurm":
        with _slurm_client(count, memory, folder) as client:
            yield Workers(count, memory, client)
    else:
        with _client(cluster) as client:
            yield Workers(count, memory, client)


def _distributed() -> Any:
    """Return the package, imported when it is needed, with its chatter off in all processes."""
    dask.config.set({"logging.distributed": "warning"})
    return importlib.import_module("distributed")


@contextmanager
def _client(address: str) -> Iterator[Any]:
    try:
        client = _distributed().Client(address, timeout=_ANSWER_SECONDS)
    except (OSError, ValueError) as error:
        raise DeepsphereError(
            f"dask.cluster: no scheduler answers at {address} ({error}); start one there, or take "
            "local"
        ) from None
    with client:
        yield client


@contextmanager
def _slurm_client(count: int, memory: int | None, folder: Path) -> Iterator[Any]:
    """Give a client in the second task of a Slurm job; the other tasks stay here until they end."""
    if int(os.environ.get("SLURM_NTASKS", "1")) < 3:
        raise DeepsphereError(
            "dask.cluster: found slurm, but this is not one of at least 3 tasks of a Slurm job; "
            "run it with snakemake --profile profiles/slurm, with srun -n 4, or take local"
        )
    distributed = _distributed()
    from dask_jobqueue.slurm import SLURMRunner

    folder.mkdir(parents=True, exist_ok=True)
    options = {"nthreads": count, "local_directory": tempfile.gettempdir()}
    if memory is not None:
        options["memory_limit"] = memory
    with (
        SLURMRunner(
            scheduler_file=str(folder / f"{os.environ['SLURM_JOB_ID']}.json"),
            scheduler_options={"dashboard_address": ":0"},
            worker_options=options,
        ) as runner,
        distributed.Client(runner) as client,
    ):
        try:
            client.wait_for_workers(runner.n_workers, timeout=_START_SECONDS)
        except TimeoutError as error:
            raise DeepsphereError(
                f"dask.cluster: not all tasks of the Slurm job came within {_START_SECONDS} s "
                f"({error}); look at its log, and run it again"
            ) from None
        # Now, and not in the end: a job that is cancelled does not come to its end.
        shutil.rmtree(folder)
        yield client
