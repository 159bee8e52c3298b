"""The folder of a cluster: its configuration, its key, its wrappers, and the commands it needs."""

import os
import pwd
import random
import shlex
import shutil
import socket
from itertools import islice
from pathlib import Path

NODES = ("cpu1", "cpu2", "gpu1", "gpu2")

DAEMONS = ("munged", "slurmctld", "slurmd")

CLIENTS = (
    "sacct",
    "sacctmgr",
    "salloc",
    "sbatch",
    "scancel",
    "scontrol",
    "sinfo",
    "squeue",
    "srun",
    "sshare",
)
"""The commands that get a wrapper, which knows the cluster."""

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"
"""Where the packages' programs are: not among the wrappers of another cluster."""

DEVICES = """\
NodeName=gpu1,gpu2 Name=gpu Type=fake File=/dev/null
NodeName=gpu1,gpu2 Name=gpu Type=fake File=/dev/zero
"""
"""The GPUs: Slurm sets CUDA_VISIBLE_DEVICES for devices only, and every machine has these."""


def missing_programs() -> list[str]:
    """Return the programs that a cluster needs and this machine has not."""
    return [name for name in (*DAEMONS, *CLIENTS) if not shutil.which(name, path=SYSTEM_PATH)]


def write_folder(folder: Path) -> None:
    """Write all files of a new cluster, with ports that are free now; slurm.conf is the last."""
    for name in (
        "bin",
        "etc",
        "log",
        "munge",
        "run",
        "state",
        *(f"nodes/{node}" for node in NODES),
    ):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "munge").chmod(0o755)  # munged refuses a socket that not all can reach
    key = folder / "munge/key"
    key.touch(mode=0o600)
    key.write_bytes(os.urandom(1024))
    for client in CLIENTS:
        wrapper = folder / "bin" / client
        wrapper.write_text(
            f"#!/bin/sh\nexport SLURM_CONF={shlex.quote(f'{folder}/etc/slurm.conf')}\n"
            f'exec {_find_program(client)} "$@"\n'
        )
        wrapper.chmod(0o755)
    (folder / "etc/gres.conf").write_text(DEVICES)
    port, *ports = _find_ports(1 + len(NODES))
    template = Path(__file__).with_name("slurm.conf").read_text()
    (folder / "etc/slurm.conf").write_text(
        template.format(
            folder=folder,
            host=socket.gethostname().split(".")[0],
            port=port,
            ports=ports,
            user=pwd.getpwuid(os.getuid()).pw_name,
        )
    )


def daemon_command(folder: Path, name: str) -> list[str]:
    """Return the command that starts a daemon: munged, slurmctld, or the slurmd of a node."""
    if name == "munged":
        return [
            _find_program("munged"),
            "--force",  # the folder may lie in one that others can write to, like /tmp
            f"--key-file={folder}/munge/key",
            f"--seed-file={folder}/munge/seed",
            f"--socket={folder}/munge/socket",
            f"--pid-file={folder}/run/munged.pid",
            f"--log-file={folder}/log/munged.log",
        ]
    if name == "slurmctld":
        return [_find_program("slurmctld"), "-f", f"{folder}/etc/slurm.conf"]
    return [_find_program("slurmd"), "-N", name, "-f", f"{folder}/etc/slurm.conf"]


def _find_program(name: str) -> str:
    """Return the path of a program of the packages."""
    found = shutil.which(name, path=SYSTEM_PATH)
    if found is None:
        raise FileNotFoundError(
            f"{name}: not in {SYSTEM_PATH}; install slurmctld, slurmd, slurm-client and munge"
        )
    return found


def _find_ports(count: int) -> list[int]:
    """Return free ports below those that Linux gives to outgoing connections."""
    return list(islice(filter(_is_free, random.sample(range(10_000, 32_000), 500)), count))


def _is_free(port: int) -> bool:
    """Return whether a server could listen on a port."""
    with socket.socket() as server:
        try:
            server.bind(("", port))
        except OSError:
            return False
    return True
