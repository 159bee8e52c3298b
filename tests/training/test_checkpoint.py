import logging

import pytest
import torch

from deepsphere.errors import DeepsphereError
from deepsphere.training.checkpoint import load_checkpoint, save_checkpoint

CONTENT = {
    "model": {"weight": torch.tensor([1 / 3, float("inf")]), "steps": torch.tensor(7)},
    "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 0.1}]},
    "epoch": 5,
    "history": [{"epoch": 1, "loss": 1 / 3, "test": {"mse": 0.1}}],
    "best": None,
}


def test_a_checkpoint_gives_back_what_was_saved(tmp_path):
    path = tmp_path / "new" / "checkpoint.pt"
    save_checkpoint(path, "this run", CONTENT)
    loaded = load_checkpoint(path, "this run")
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
        save_checkpoint(path, "this run", {"epoch": epoch})
    assert load_checkpoint(path, "this run") == {"epoch": 2}


def test_without_a_checkpoint_there_is_none(tmp_path):
    assert load_checkpoint(tmp_path / "checkpoint.pt", "this run") is None


def test_a_checkpoint_of_another_run_is_deleted(tmp_path, caplog):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, "another run", CONTENT)
    with caplog.at_level(logging.INFO):
        assert load_checkpoint(path, "this run") is None
    assert not path.exists()
    assert f"{path} is of another run" in caplog.text


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    path = tmp_path / "checkpoint.pt"
    torch.save({"fingerprint": "this run", "epoch": print}, path)
    with pytest.raises(DeepsphereError, match="cannot be read as tensors"):
        load_checkpoint(path, "this run")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"not a checkpoint at all"])
def test_a_damaged_checkpoint_is_refused_in_one_line(content, tmp_path):
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(content)
    with pytest.raises(DeepsphereError, match=r"checkpoint\.pt cannot be read .* train again"):
        load_checkpoint(path, "fingerprint")
