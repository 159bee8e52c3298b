"""A Slurm cluster on this one machine: the real daemons of Debian's packages, four emulated nodes.

The tests beside this file run on it; a person can play with it too::

    python tests/slurm/cluster.py start /tmp/mini
    eval "$(python tests/slurm/cluster.py env /tmp/mini)"
    sinfo; srun --partition=gpu --nodes=2 --gpus-per-node=2 printenv CUDA_VISIBLE_DEVICES
    python tests/slurm/cluster.py stop /tmp/mini

Needs ``apt-get install --no-install-recommends slurmctld slurmd slurm-client munge``; no root, and
no data base: squeue remembers finished jobs. Everything lies in one folder. The nodes share the
machine: their names do not resolve, and their CPUs, memory and GPUs are promises.
"""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from layout import NODES, SYSTEM_PATH, daemon_command, write_folder
from processes import Process, all_processes, find_process, with_descendants

LONGEST_FOLDER = 64
"""Bytes of a folder's name: the sockets of job steps below it end at 107."""

FOREIGN = ("SLURM", "SBATCH_", "SALLOC_", "SRUN_", "SQUEUE_", "SINFO_", "SCANCEL_", "SACCT_")
"""How variables begin that another cluster, or a user of one, may have set."""

ENDED = frozenset(
    {"CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "TIMEOUT"}
)
"""The states that a job does not leave."""

USABLE = frozenset({"idle", "mixed", "allocated", "completing"})
"""The states of a node that takes jobs."""


class Cluster:
    """A cluster in one folder, up after :meth:`start` and gone after :meth:`stop`.

    Also a context manager. Partitions: cpu (cpu1, cpu2: 4 CPUs, 4000 MB each; the default), gpu
    (gpu1, gpu2: 4 CPUs, 8000 MB, 2 GPUs of type fake each) and short (as cpu, for one minute).

    Parameters
    ----------
    folder : Path
        Where everything lies; made if missing, never removed. A cluster that is started there again
        knows its old jobs; those that ran when it was stopped are NODE_FAIL.

    Raises
    ------
    ValueError
        The folder's name is too long for the sockets below it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.configuration = self.folder / "etc/slurm.conf"
        length = len(os.fsencode(self.folder))
        if length > LONGEST_FOLDER:
            raise ValueError(f"folder: expected at most {LONGEST_FOLDER} bytes, found {length}")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Bring up what is not up, and wait for all nodes.

        Raises
        ------
        RuntimeError
            Something does not come up. Nothing is left running.
        """
        if not self.configuration.exists():
            write_folder(self.folder)
        try:
            for name in ("munged", "slurmctld", *NODES):
                self._start_daemon(name)
            self._wait_for_controller()
            for node in NODES:
                self._wait_for_node(node)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Kill all jobs and daemons; nothing is left running."""
        if self._daemon("slurmctld") is not None:
            # Started again, it would else believe that jobs go on. One that is ill may not answer.
            with suppress(RuntimeError, subprocess.TimeoutExpired):
                self.scontrol("update", f"nodename={','.join(NODES)}", "state=down", "reason=stop")
        self._stop_daemon("slurmctld")
        self._kill_processes()
        self._stop_daemon("munged")

    def environment(self) -> dict[str, str]:
        """Return this process's environment with this cluster in the place of any other.

        First on the path are wrappers that set SLURM_CONF, so that they also work where somebody
        removed the variables of Slurm, as Snakemake does in a job; then the folder of this Python.
        """
        kept = {name: text for name, text in os.environ.items() if not name.startswith(FOREIGN)}
        folders = [f"{self.folder}/bin", str(Path(sys.executable).parent)]
        return {**kept, "PATH": os.pathsep.join([*folders, kept.get("PATH", SYSTEM_PATH)])}

    def run(self, *command: str, text: str = "") -> str:
        """Run a command in the cluster's environment and return what it printed.

        Parameters
        ----------
        *command : str
            The program and its arguments.
        text : str
            What it reads.

        Raises
        ------
        RuntimeError
            It failed.
        subprocess.TimeoutExpired
            It took two minutes.
        """
        done = subprocess.run(
            command,
            env=self.environment(),
            input=text,
            capture_output=True,
            text=True,
            timeout=120,
        )
        if done.returncode != 0:
            raise RuntimeError(
                f"{shlex.join(command)}: exit code {done.returncode}; {done.stdout}{done.stderr}"
            )
        return done.stdout

    def scontrol(self, *arguments: str) -> str:
        """Run scontrol and return what it printed."""
        return self.run("scontrol", *arguments)

    def squeue(self, columns: str, *options: str) -> list[list[str]]:
        """Return one row for each job of any state, oldest first.

        Parameters
        ----------
        columns : str
            squeue's format, columns divided by ``|``, like ``"%i|%T|%k"``.
        *options : str
            More of squeue's options.
        """
        printed = self.run(
            "squeue", "--noheader", "--states=all", "--sort=i", f"--format={columns}", *options
        )
        return [line.split("|") for line in printed.splitlines()]

    def submit(self, script: str, *options: str) -> str:
        """Submit lines of bash and return the job's number."""
        output = f"--output={self.folder}/log/job-%j.out"
        text = f"#!/bin/bash\n{script}\n"
        return self.run("sbatch", "--parsable", output, *options, text=text).strip()

    def output(self, job: str, expected: str = "") -> str:
        """Return what a job of :meth:`submit` printed, once the expected text is there."""
        path = self.folder / f"log/job-{job}.out"

        def read() -> str:
            return path.read_text() if path.exists() else ""

        _wait_until(
            lambda: expected in read(),
            lambda: f"job {job}: expected {expected!r} to be printed, found {read()!r}",
        )
        return read()

    def state(self, job: str) -> str:
        """Return a job's state, like ``"RUNNING"``."""
        return self.squeue("%T", f"--jobs={job}")[0][0]

    def wait(self, job: str, states: Collection[str] = ENDED, seconds: float = 120) -> str:
        """Wait until a job is in one of the states, and return which.

        Raises
        ------
        RuntimeError
            It is not after the seconds; with all that Slurm knows of the job.
        """
        _wait_until(
            lambda: self.state(job) in states,
            lambda: (
                f"job {job} is {self.state(job)}, expected {' or '.join(sorted(states))}: "
                + self.scontrol("show", "job", job, "--oneliner").strip()
            ),
            seconds,
        )
        return self.state(job)

    def expire(self, job: str) -> None:
        """Let a job's time be over: Slurm looks every 30 seconds, and ends it then.

        The shortest time limit is a minute, and more seconds are rounded up to minutes.
        """
        self.scontrol("update", f"jobid={job}", "endtime=now+1")

    def drain(self, node: str) -> None:
        """Give a node no new jobs; those on it go on. :meth:`revive` undoes it."""
        self.scontrol("update", f"nodename={node}", "state=drain", "reason=test")

    def kill_node(self, node: str) -> None:
        """Kill a node's daemon and all that its jobs run there, as a loss of power would.

        Then declare it down: left alone, Slurm would see it only when a node was silent for long.
        """
        self._kill_processes(node)
        self.scontrol("update", f"nodename={node}", "state=down", "reason=test")

    def revive(self, node: str) -> None:
        """Make a killed or drained node usable again, and wait for that."""
        self._start_daemon(node)
        if "drain" in self._state_of_node(node):
            self.scontrol("update", f"nodename={node}", "state=resume")
        self._wait_for_node(node)

    def restart_controller(self) -> None:
        """Stop slurmctld and start it again, and wait until it answers."""
        self._stop_daemon("slurmctld")
        self._start_daemon("slurmctld")
        self._wait_for_controller()

    def processes(self, node: str | None = None) -> list[int]:
        """Return the numbers of all processes of Slurm and of jobs, on all nodes or on one."""
        everything = list(all_processes())
        own = (process.number for process in everything if self._owns(process, node))
        return sorted(with_descendants(own, everything))

    def _owns(self, process: Process, node: str | None) -> bool:
        """Return whether a process is a daemon, a step's keeper, or was started in a job."""
        if process.name.startswith("slurm"):
            # They work where their logs are; the environment of a keeper cannot be read.
            home = self.folder / "nodes" / node if node else self.folder
            return process.folder().is_relative_to(home)
        variables = process.environment()
        return (
            variables.get("SLURM_CONF") == str(self.configuration)
            and "SLURM_JOB_ID" in variables
            and node in (None, variables.get("SLURMD_NODENAME"))
        )

    def _daemon(self, name: str) -> int | None:
        """Return the number of a running daemon; its pid file may name another's by now."""
        try:
            number = int((self.folder / f"run/{name}.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None
        process = find_process(number)
        running = process is not None and process.command() == daemon_command(self.folder, name)
        return number if running else None

    def _start_daemon(self, name: str) -> None:
        """Start a daemon if it does not run."""
        if self._daemon(name) is not None:
            return
        self.run(*daemon_command(self.folder, name))
        _wait_until(
            lambda: self._daemon(name) is not None,
            lambda: f"{name} does not stay up; its log is below {self.folder}",
        )

    def _stop_daemon(self, name: str) -> None:
        """Ask a daemon to end, and kill it if that takes long."""
        number = self._daemon(name)
        if number is None:
            return
        os.kill(number, signal.SIGTERM)
        try:
            _wait_until(lambda: find_process(number) is None, lambda: f"{name} goes on", 10)
        except RuntimeError:
            os.kill(number, signal.SIGKILL)

    def _kill_processes(self, node: str | None = None) -> None:
        """Kill :meth:`processes`, again and again: some start others meanwhile."""

        def none_is_left() -> bool:
            numbers = self.processes(node)
            for number in numbers:
                with suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)
            return not numbers

        _wait_until(none_is_left, lambda: f"these go on: {self.processes(node)}")

    def _wait_for_controller(self) -> None:
        """Wait until slurmctld answers."""

        def answers() -> bool:
            try:
                return " is UP" in self.scontrol("ping")
            except RuntimeError:
                return False

        _wait_until(answers, lambda: f"no answer; see {self.folder}/log/slurmctld.log")

    def _state_of_node(self, node: str) -> str:
        """Return a node's state, like ``"idle"``."""
        return self.run("sinfo", "--noheader", f"--nodes={node}", "--format=%T").split()[0]

    def _wait_for_node(self, node: str) -> None:
        """Wait until a node takes jobs."""
        _wait_until(
            lambda: self._state_of_node(node) in USABLE,
            lambda: f"{node} is {self._state_of_node(node)}; see {self.folder}/nodes/{node}",
        )


def _wait_until(
    condition: Callable[[], bool], complaint: Callable[[], str], seconds: float = 120
) -> None:
    """Wait until a condition holds; if it does not in time, raise RuntimeError and complain."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"{complaint()} (after {seconds:g} s)")
        time.sleep(0.1)


def main(arguments: list[str]) -> None:
    """Start a cluster, stop it, or write the lines of shell that lead to it."""
    if len(arguments) != 2 or arguments[0] not in ("start", "stop", "env"):
        raise SystemExit("cluster.py: expected start DIR, stop DIR or env DIR")
    cluster = Cluster(Path(arguments[1]))
    if arguments[0] == "start":
        cluster.start()
    elif arguments[0] == "stop":
        cluster.stop()
    else:
        path = cluster.environment()["PATH"]
        foreign = [name for name in os.environ if name.startswith(FOREIGN)]
        lines = [f"export PATH={shlex.quote(path)}", *(f"unset {name}" for name in foreign)]
        sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
