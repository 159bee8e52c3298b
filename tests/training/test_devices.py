import os

import pytest
import torch
from lightning_fabric.plugins.environments import LightningEnvironment

from deepsphere.errors import DeepsphereError
from deepsphere.training.devices import (
    find_device,
    is_first_process,
    open_fabric,
    other_processes_may_end,
)


def test_the_cpu_is_always_there():
    assert find_device("cpu") == torch.device("cpu")


def test_auto_takes_a_gpu_where_there_is_one():
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert find_device("auto").type == expected


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_an_error():
    with pytest.raises(DeepsphereError, match=r"training\.device: found 'cuda'.*use auto or cpu"):
        find_device("cuda")


def test_more_gpus_than_there_are_is_an_error(monkeypatch, make_settings):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(DeepsphereError, match=r"training\.devices: found 3, but PyTorch finds 2"):
        open_fabric(make_settings(device="cuda", devices=3))


def test_the_tasks_of_a_slurm_job_are_no_processes_of_the_training(monkeypatch, make_settings):
    for name, value in {
        "SLURM_NTASKS": "4",
        "SLURM_JOB_NAME": "train",
        "SLURM_PROCID": "3",
        "SLURM_LOCALID": "3",
        "SLURM_NODELIST": "node1",
    }.items():
        monkeypatch.setenv(name, value)
    fabric = open_fabric(make_settings())
    environment = fabric._connector.cluster_environment
    assert isinstance(environment, LightningEnvironment)
    assert (fabric.world_size, fabric.global_rank, fabric.is_global_zero) == (1, 0, True)
    assert is_first_process()


@pytest.mark.parametrize("rank", [0, 2])
def test_the_first_process_of_torchrun_is_known_by_its_number(monkeypatch, rank):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("RANK", str(rank))
    monkeypatch.setenv("LOCAL_RANK", "0")  # on a machine of its own
    assert is_first_process() == (rank == 0)


@pytest.mark.parametrize("launcher", [os.getpid, os.getppid])
@pytest.mark.parametrize("rank", [0, 2])
def test_the_first_process_of_ours_is_known_by_its_number(monkeypatch, launcher, rank):
    monkeypatch.setenv("DEEPSPHERE_LAUNCHER", str(launcher()))
    monkeypatch.setenv("LOCAL_RANK", str(rank))
    assert is_first_process() == (rank == 0)


@pytest.mark.parametrize("launcher", [None, "-1"])
def test_a_number_that_others_left_in_the_environment_is_not_believed(
    monkeypatch, make_settings, launcher
):
    """As job scripts do, or a training of several devices that starts other programs."""
    if launcher is not None:
        monkeypatch.setenv("DEEPSPHERE_LAUNCHER", launcher)
    for name in ("LOCAL_RANK", "RANK", "NODE_RANK"):
        monkeypatch.setenv(name, "1")
    assert is_first_process()
    fabric = open_fabric(make_settings())
    assert (fabric.world_size, fabric.global_rank, fabric.is_global_zero) == (1, 0, True)


def test_torchrun_must_start_as_many_processes_as_the_settings_say(monkeypatch, make_settings):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("LOCAL_RANK", "0")
    expected = r"devices: found 2 on each of 3 nodes, but torchrun started 4 proc"
    with pytest.raises(DeepsphereError, match=expected):
        open_fabric(make_settings(devices=2, nodes=3))


def test_several_machines_need_torchrun(make_settings):
    expected = r"nodes: found 3.*run torchrun --nnodes 3 --nproc-per-node 2 on each"
    with pytest.raises(DeepsphereError, match=expected):
        open_fabric(make_settings(devices=2, nodes=3))


@pytest.mark.parametrize(("name", "dtype"), [("float32", torch.float32), ("bf16", torch.bfloat16)])
def test_the_precision_is_that_of_the_operations(make_settings, name, dtype):
    fabric = open_fabric(make_settings(precision=name))
    model = torch.nn.Linear(2, 2)
    seen = []
    model.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    output = fabric.setup_module(model)(torch.ones(1, 2))
    assert seen == [dtype]
    assert {output.dtype, model.weight.dtype} == {torch.float32}


def test_what_is_said_of_other_processes_hides_no_other_error():
    with pytest.raises(RuntimeError, match="shapes"), other_processes_may_end():
        raise RuntimeError("shapes do not fit")
    with pytest.raises(DeepsphereError, match="another"), other_processes_may_end():
        raise RuntimeError("[pair.cc:553] Connection closed by peer [127.0.0.1]:17325")
