"""What was exported is the same network, wherever it runs."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from deepsphere.errors import DeepsphereError
from deepsphere.inference.exports import (
    DESCRIPTION,
    export_program,
    load_safetensors,
    save_safetensors,
)
from deepsphere.inference.trained import Trained, load
from deepsphere.nn.digest import weights_digest

RUNS = ["dense", "global"]


def load_run(finished: Path, variant: str) -> Trained:
    return load(finished / f"results/trial/{variant}/seed-0")


@pytest.fixture(params=RUNS)
def trained(request: pytest.FixtureRequest, finished: Path) -> Trained:
    return load_run(finished, request.param)


def test_programs_say_the_same_in_another_process(finished: Path, tmp_path: Path) -> None:
    """For any batch, without the classes of models; the description lies in the same file."""
    expected = {}
    for variant in RUNS:
        trained = load_run(finished, variant)
        export_program(trained, tmp_path / f"{variant}.pt2")
        pixels, channels = trained.hierarchy.pixels(0), trained.input_channels
        given = [torch.randn(batch, pixels, channels) for batch in (1, 2, 70)]
        torch.save(given, tmp_path / f"{variant}.pt")
        with torch.no_grad():
            outputs = [trained.model(features) for features in given]
        expected[variant] = {
            "outputs": outputs,
            "settings": trained.settings,
            "digest": trained.digest,
        }
    script = f"""
        import json
        import sys

        import torch

        import deepsphere.nn.blocks

        found = {{}}
        for variant in {RUNS}:
            extra = {{"{DESCRIPTION}": ""}}
            program = torch.export.load(variant + ".pt2", extra_files=extra).module()
            description = json.loads(extra["{DESCRIPTION}"])
            found[variant] = {{
                "outputs": [program(features) for features in torch.load(variant + ".pt")],
                "settings": description["settings"],
                "digest": description["digest"],
            }}
        assert not [name for name in sys.modules if name.startswith("deepsphere.nn.models")]
        torch.save(found, "found.pt")
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], cwd=tmp_path, check=True)
    found = torch.load(tmp_path / "found.pt")
    for variant in RUNS:
        outputs = expected[variant].pop("outputs")
        torch.testing.assert_close(found[variant].pop("outputs"), outputs, rtol=1e-5, atol=1e-6)
    assert found == expected


def test_weights_come_back(trained: Trained, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_safetensors(trained, path)
    weights, description = load_safetensors(path)
    state = trained.model.state_dict()
    assert weights.keys() == load_file(path).keys() == state.keys()
    for name, value in state.items():
        assert weights[name].dtype == value.dtype
        assert torch.equal(weights[name], value)
    assert description == {
        "settings": trained.settings,
        "digest": trained.digest,
        "sampling": trained.sampling,
        "input_channels": trained.input_channels,
        "input_times": 1,
        "unit": trained.unit,
        "outputs": None,
        "classes": None,
    }
    trained.model.load_state_dict(weights)
    written = path.read_bytes()
    save_safetensors(trained, path)
    assert path.read_bytes() == written


def test_weights_that_were_trained_further_have_a_digest_of_their_own(
    trained: Trained, tmp_path: Path
) -> None:
    with torch.no_grad():
        next(trained.model.parameters()).add_(1)
    save_safetensors(trained, tmp_path / "model.safetensors")
    weights, description = load_safetensors(tmp_path / "model.safetensors")
    assert description["digest"] == weights_digest(weights) != trained.digest


def test_files_that_are_not_what_they_should_be(finished: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with pytest.raises(DeepsphereError, match=r"model\.safetensors cannot be read as safetensors"):
        load_safetensors(path)
    trained = load_run(finished, "dense")
    save_safetensors(trained, path)
    written = path.read_bytes()
    path.write_bytes(written[:-1])
    with pytest.raises(DeepsphereError, match=r"model\.safetensors cannot be read as safetensors"):
        load_safetensors(path)
    path.write_bytes(written[:-1] + bytes([written[-1] ^ 1]))
    with pytest.raises(DeepsphereError, match="does not hold the weights that its description pro"):
        load_safetensors(path)
    save_file({"weight": torch.ones(2)}, path)
    with pytest.raises(DeepsphereError, match="it was not written by this package"):
        load_safetensors(path)
