import logging
import os
import re

import numpy as np
import pytest
import torch

from deepsphere.errors import DeepsphereError
from deepsphere.training.checkpoint import load_checkpoint, load_tensors, save_checkpoint

CONTENT = {
    "model": {"weight": torch.tensor([1 / 3, float("inf")]), "steps": torch.tensor(7)},
    "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 0.1}]},
    "epoch": 5,
    "history": [{"epoch": 1, "loss": 1 / 3, "test": {"mse": 0.1}}],
    "best": None,
}
RUN = {
    "training": {"learning_rate": 0.001, "epochs": 5, "clip": None},
    "model": {"widths": [4, 5]},
    "store": "a" * 64,
    "graph": "b" * 64,
    "code": "c" * 64,
    "seed": 0,
}


def test_a_checkpoint_gives_back_what_was_saved(tmp_path):
    path = tmp_path / "new" / "checkpoint.pt"
    save_checkpoint(path, RUN, CONTENT)
    loaded = load_checkpoint(path, RUN)
    assert loaded.keys() == CONTENT.keys()
    for name in ("weight", "steps"):
        assert torch.equal(loaded["model"][name], CONTENT["model"][name])
        assert loaded["model"][name].dtype == CONTENT["model"][name].dtype
    for name in ("epoch", "history", "best"):
        assert loaded[name] == CONTENT[name]
    assert loaded["optimizer"] == CONTENT["optimizer"]
    assert [file.name for file in path.parent.iterdir()] == ["checkpoint.pt"]


def test_a_later_checkpoint_replaces_the_earlier_one(tmp_path):
    path = tmp_path / "checkpoint.pt"
    for epoch in (1, 2):
        save_checkpoint(path, RUN, {"epoch": epoch})
    assert load_checkpoint(path, RUN) == {"epoch": 2}


def test_without_a_checkpoint_there_is_none(tmp_path):
    assert load_checkpoint(tmp_path / "checkpoint.pt", RUN) is None


def test_a_tuple_is_the_list_that_it_becomes_in_a_file(tmp_path):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"widths": (1, 2)}, {"epoch": 1})
    assert load_checkpoint(path, {"widths": [1, 2]}) == {"epoch": 1}
    assert load_checkpoint(path, {"widths": (1, 2)}) == {"epoch": 1}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"training": RUN["training"] | {"learning_rate": 0.01}}, "learning_rate: 0.01, was 0.001"),
        ({"training": RUN["training"] | {"clip": 1.0}}, "training.clip: 1.0, was None"),
        ({"training": RUN["training"] | {"warmup": 1}}, "training.warmup was not there"),
        ({"training": {"epochs": 5, "clip": None}}, "training.learning_rate is no more"),
        ({"model": {"widths": [4, 6]}}, "model.widths: [4, 6], was [4, 5]"),
        ({"store": "d" * 64}, "store changed"),
        ({"graph": "d" * 64}, "graph changed"),
        ({"code": "d" * 64}, "code changed"),
        ({"seed": 1, "code": "d" * 64}, "(code changed; seed: 1, was 0)"),
    ],
)
def test_a_checkpoint_of_another_run_is_set_aside_and_the_difference_named(
    tmp_path, caplog, change, why
):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, RUN, CONTENT)
    content = path.read_bytes()
    with caplog.at_level(logging.INFO):
        assert load_checkpoint(path, RUN | change) is None
    (record,) = caplog.records
    text = record.getMessage()
    assert text.startswith(f"{path} is of another run (")
    assert why in text
    (stale,) = tmp_path.iterdir()
    assert re.fullmatch(r"checkpoint\.[0-9a-f]{12}\.stale\.pt", stale.name)
    assert text.endswith(f"); set aside as {stale.name}")
    assert "\n" not in text
    assert stale.read_bytes() == content


def test_what_was_set_aside_is_taken_back_by_its_run(tmp_path, caplog):
    """Three runs in turn, in any order: none loses what it had."""
    path = tmp_path / "checkpoint.pt"
    runs = [RUN | {"seed": seed} for seed in range(3)]
    for seed, run in enumerate(runs):
        assert load_checkpoint(path, run) is None
        save_checkpoint(path, run, {"epoch": seed})
    for seed in (0, 2, 1, 0):
        with caplog.at_level(logging.INFO):
            assert load_checkpoint(path, runs[seed]) == {"epoch": seed}
        assert caplog.messages[-1].endswith("stale.pt is of this run; taken back")
        assert len(list(tmp_path.iterdir())) == 3


def test_the_last_few_that_were_set_aside_are_kept(tmp_path):
    path = tmp_path / "checkpoint.pt"
    runs = [RUN | {"seed": seed} for seed in range(6)]
    for seed, run in enumerate(runs):
        assert load_checkpoint(path, run) is None
        save_checkpoint(path, run, {"epoch": seed})
        written = 1_000_000_000 * (seed + 1)
        os.utime(path, ns=(written, written))
    assert len(list(tmp_path.iterdir())) == 4
    assert load_checkpoint(path, runs[2]) == {"epoch": 2}
    assert load_checkpoint(path, runs[1]) is None


def test_a_run_takes_back_its_checkpoint_instead_of_a_damaged_one(tmp_path):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, RUN, {"epoch": 7})
    assert load_checkpoint(path, RUN | {"seed": 1}) is None
    path.write_bytes(b"not a checkpoint at all")
    assert load_checkpoint(path, RUN) == {"epoch": 7}
    assert {file.name for file in tmp_path.iterdir()} == {"checkpoint.pt", "checkpoint.damaged.pt"}


def test_what_was_set_aside_and_is_damaged_is_not_taken_back(tmp_path):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, RUN, {"epoch": 7})
    assert load_checkpoint(path, RUN | {"seed": 1}) is None
    (stale,) = tmp_path.iterdir()
    stale.write_bytes(b"not a checkpoint at all")
    assert load_checkpoint(path, RUN) is None
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.damaged.pt"]


def test_of_many_differences_the_first_ones_are_named(tmp_path, caplog):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {f"key{number}": number for number in range(9)}, {})
    assert load_checkpoint(path, {f"key{number}": -1 for number in range(9)}) is None
    assert "key4: -1, was 4 and 4 more)" in caplog.text


def damaged(content):
    """Yield a checkpoint with what a broken disk or a killed copy leaves."""
    yield b""
    yield b"not a checkpoint at all"
    yield from (content[: len(content) * part // 10] for part in range(1, 10))
    yield content[: len(content) // 2] + bytes(len(content) - len(content) // 2)


def test_a_damaged_checkpoint_is_set_aside(tmp_path, caplog):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, RUN, CONTENT)
    whole = path.read_bytes()
    for content in damaged(whole):
        caplog.clear()
        path.write_bytes(content)
        assert load_checkpoint(path, RUN) is None
        assert "is damaged; set aside as checkpoint.damaged.pt" in caplog.text
        assert not path.exists()
        assert (tmp_path / "checkpoint.damaged.pt").read_bytes() == content


def test_a_flipped_bit_in_a_tensor_is_noticed(tmp_path, caplog):
    path = tmp_path / "checkpoint.pt"
    weights = torch.arange(1000, dtype=torch.float32)
    save_checkpoint(path, RUN, {"model": {"weight": weights}})
    content = bytearray(path.read_bytes())
    place = content.index(weights.numpy().tobytes()) + 2000
    content[place] ^= 1
    path.write_bytes(content)
    assert load_checkpoint(path, RUN) is None
    assert "is damaged" in caplog.text


@pytest.mark.parametrize("content", [{"fingerprint": "of old", "epoch": 1}, {"epoch": 1}])
def test_a_checkpoint_of_another_form_is_set_aside(tmp_path, caplog, content):
    path = tmp_path / "checkpoint.pt"
    torch.save(content, path)
    assert load_checkpoint(path, RUN) is None
    assert "is no checkpoint of this version; set aside" in caplog.text


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    path = tmp_path / "checkpoint.pt"
    torch.save({"fingerprint": RUN, "epoch": print}, path)
    assert load_checkpoint(path, RUN) is None
    with pytest.raises(DeepsphereError, match="cannot be read as tensors"):
        load_tensors(tmp_path / "checkpoint.damaged.pt")


def test_what_killed_processes_left_is_deleted(tmp_path):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, RUN, {"epoch": 1})
    for name in ("checkpoint.pt", "history.jsonl"):
        left = tmp_path / f".{name}.{os.getpid() + 1}.scratch"
        left.write_bytes(b"half of a fi")
    # A folder is none of theirs.
    (tmp_path / ".near.scratch").mkdir()
    assert load_checkpoint(path, RUN) == {"epoch": 1}
    assert {file.name for file in tmp_path.iterdir()} == {"checkpoint.pt", ".near.scratch"}


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"not a checkpoint at all"])
def test_damaged_tensors_are_refused_in_one_line(content, tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    with pytest.raises(DeepsphereError, match=r"model\.pt cannot be read .* train again"):
        load_tensors(path)


def test_what_is_no_mapping_is_no_model(tmp_path):
    path = tmp_path / "model.pt"
    torch.save(torch.from_numpy(np.zeros(3)), path)
    with pytest.raises(DeepsphereError, match="holds a Tensor, not tensors by their names"):
        load_tensors(path)
