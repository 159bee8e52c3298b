"""``environment.yml`` and ``pyproject.toml`` ask for the same."""

import re
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]

CONDA_NAMES = {
    "dask": "dask-core",
    "matplotlib": "matplotlib-base",
    "snakemake": "snakemake-minimal",
    "torch": "pytorch",
}
"""Conda's names of what PyPI calls otherwise, or ships with less."""


def project() -> dict[str, object]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def conda() -> dict[str, str]:
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    matches = [re.fullmatch(r"([a-z0-9-]+)(.*)", entry) for entry in listed]
    names = [match[1] for match in matches if match]
    assert len(names) == len(set(names)) == len(listed)
    return {match[1]: match[2] for match in matches if match}


def test_same_packages_and_same_bounds() -> None:
    requirements = [Requirement(text) for text in project()["dependencies"]]
    assert not [requirement for requirement in requirements if requirement.marker]
    expected = {
        CONDA_NAMES.get(requirement.name, requirement.name): str(requirement.specifier)
        for requirement in requirements
    }
    found = conda()
    assert found.pop("python") == project()["requires-python"]
    assert found == expected


def test_every_package_has_a_lower_bound() -> None:
    for name, bound in conda().items():
        assert re.fullmatch(r">=\d+(\.\d+)*", bound), name


def test_channels_have_what_is_asked_for() -> None:
    channels = yaml.safe_load((ROOT / "environment.yml").read_text())["channels"]
    assert channels == ["conda-forge", "bioconda"]
