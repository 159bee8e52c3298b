"""Kinds are found by their names, and by nothing else."""

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

from deepsphere import samplings
from deepsphere.config.graphs import SAMPLINGS
from deepsphere.config.kinds import SOURCES, TASKS
from deepsphere.config.models import Classifier, DenseRegressor, GlobalRegressor
from deepsphere.errors import DeepsphereError
from deepsphere.registry import load, module_name


def test_names_of_modules() -> None:
    assert module_name("samplings", "gauss-legendre") == "deepsphere.samplings.gauss_legendre"
    assert module_name("tasks", "day-of-year") == "deepsphere.tasks.day_of_year"
    assert module_name("sources", "ghcn", "reader") == "deepsphere.sources.ghcn.reader"
    assert module_name("models", "dense-regressor") == "deepsphere.nn.models.dense_regressor"


def test_every_kind_of_the_configuration_is_there() -> None:
    for kind in SOURCES:
        settings = load("sources", kind, "settings")
        assert settings.Source.model_fields["kind"].annotation.__args__ == (kind,)
        assert settings.Store.model_fields["kind"].annotation.__args__ == (kind,)
        assert callable(load("sources", kind, "raw").fetch_raw)
        assert callable(load("sources", kind, "simulator").simulate_raw)
        assert callable(load("sources", kind, "samples").open_samples)
    for kind in TASKS:
        assert load("tasks", kind).Task.model_fields["kind"].annotation.__args__ == (kind,)
    for settings in (Classifier, DenseRegressor, GlobalRegressor):
        (kind,) = settings.model_fields["kind"].annotation.__args__
        assert load("models", kind).Model.__name__ == settings.__name__


def test_every_family_of_samplings_that_has_names_is_in_the_configuration() -> None:
    """A module of a family has a function ``parse``; the others are tools, or have no names."""
    with_names = {
        module.name
        for module in pkgutil.iter_modules(samplings.__path__)
        if hasattr(importlib.import_module(f"deepsphere.samplings.{module.name}"), "parse")
    }
    assert {kind.replace("-", "_") for kind in SAMPLINGS} == with_names
    assert len(SAMPLINGS) == len(with_names)
    assert all(callable(load("samplings", kind).parse) for kind in SAMPLINGS)


def test_a_task_takes_models_that_there_are() -> None:
    for kind in TASKS:
        for model in load("tasks", kind).Task.model_kinds:
            assert load("models", model).Model


@pytest.mark.parametrize(
    "kind", ["", "../os", "os.path", "Forecast", "-x", "a/b", "x\n", "_linear"]
)
def test_what_is_no_name_is_never_imported(kind: str) -> None:
    with pytest.raises(
        DeepsphereError, match="is no name of a kind of tasks: use a-z, 0-9 and hyp"
    ):
        load("tasks", kind)


def test_a_kind_that_is_not_there() -> None:
    with pytest.raises(DeepsphereError, match=r"no kind 'no-such' of tasks \(no module deepsp"):
        load("tasks", "no-such")
    with pytest.raises(DeepsphereError, match=r"no module deepsphere\.sources\.no_such\.reader"):
        load("sources", "no-such", "reader")
    with pytest.raises(DeepsphereError, match=r"no module deepsphere\.samplings\.no_such\)"):
        load("samplings", "no-such")


def test_a_kind_whose_own_import_fails_is_a_defect_not_a_wrong_name(tmp_path: Path) -> None:
    # "deep" is a prefix of the module's own name, which must not hide what is missing.
    (tmp_path / "broken.py").write_text("import deep\n")
    script = (
        "import deepsphere.tasks, deepsphere.registry as registry\n"
        f"deepsphere.tasks.__path__.append({str(tmp_path)!r})\n"
        "registry.load('tasks', 'broken')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stderr.rstrip().endswith("ModuleNotFoundError: No module named 'deep'")
