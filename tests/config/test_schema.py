"""The schema that editors use says what the models say."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from deepsphere.config.configuration import load_configuration
from deepsphere.config.schema import schema

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    text = json.loads(schema())
    jsonschema.Draft202012Validator.check_schema(text)
    return jsonschema.Draft202012Validator(text)


def load(name: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / "config" / name).read_text())


def test_the_file_is_what_the_models_say() -> None:
    found = (ROOT / "config/schema.json").read_text()
    assert found == schema(), "run: deepsphere schema > config/schema.json"


@pytest.mark.parametrize("name", ["config.yaml", "demo.yaml", "mock.yaml"])
def test_our_own_files_fit(name: str, validator: jsonschema.Draft202012Validator) -> None:
    assert list(validator.iter_errors(load(name))) == []
    first_lines = (ROOT / "config" / name).read_text().split("\n\n")[0]
    assert "# yaml-language-server: $schema=schema.json" in first_lines


OVERLAY = """
sources: {ghcn: {mirrors: [file:/data]}}
graphs: {ghcn-temperature-k5: {laplacian: normalized}}
experiments:
  ghcn:
    tasks: {temperature: {window: 3}}
    base: {model: {widths: [10]}, training: {epochs: 5}}
    variants: {p9: null, p4: {model: {kernel_size: 4}}}
"""


def test_a_part_fits_as_it_does_when_it_is_read(
    validator: jsonschema.Draft202012Validator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(validator.iter_errors(yaml.safe_load(OVERLAY))) == []
    monkeypatch.chdir(ROOT)
    (tmp_path / "overlay.yaml").write_text(OVERLAY)
    found = load_configuration([tmp_path / "overlay.yaml"]).experiments["ghcn"]
    assert "p9" not in found.variants
    assert found.variants["p4"].training.epochs == 5


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("source", {}),
        ("paths/data", "data"),
        ("sources/ghcn/record", "by-year"),
        ("sources/ghcn/records", "daily"),
        ("sources/ghcn/simulate", {"station": 3}),
        ("stores/ghcn-temperature/stations/share", 1.5),
        ("stores/ghcn-temperature/split/train", "most"),
        ("stores/a.b", {}),
        ("graphs/ghcn-temperature-k5/neighbours", 0),
        ("graphs/ghcn-temperature-k5/neighbours", True),
        ("experiments/ghcn/seeds", [0, 0]),
        ("experiments/ghcn/seeds", []),
        ("experiments/ghcn/tasks/temperature/kind", "guess"),
        ("experiments/ghcn/tasks/temperature/normalization", "all"),
        ("experiments/ghcn/base/training/epoch", 5),
        ("experiments/ghcn/base/graph", 3),
        ("experiments/ghcn/variants/p4/modle", {}),
        ("experiments/ghcn/variants/p9/model/kernel_size", 0),
        ("experiments/ghcn/variants/p 4", {}),
    ],
)
def test_an_editor_would_mark_it(
    validator: jsonschema.Draft202012Validator, path: str, value: Any
) -> None:
    values = copy.deepcopy(load("config.yaml"))
    *parents, last = path.split("/")
    section = values
    for key in parents:
        section = section[key]
    section[last] = value
    assert not validator.is_valid(values)


def test_every_key_is_explained(validator: jsonschema.Draft202012Validator) -> None:
    for name, section in {**validator.schema["$defs"], "": validator.schema}.items():
        for key, described in section.get("properties", {}).items():
            assert described["description"], f"{name}.{key}"
