"""Published numbers are read where they belong, and refused in one line."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from deepsphere.config.configuration import check_configuration
from deepsphere.errors import DeepsphereError

ROOT = Path(__file__).parents[2]
PRINTED = {"metrics": {"mse": 9}, "source": "a thesis"}


def with_published(published: Any) -> dict[str, Any]:
    """Return the settings of the demo, and what was published of the baselines of a forecast."""
    values: dict[str, Any] = yaml.safe_load((ROOT / "config/demo.yaml").read_text())
    values["experiments"]["ghcn"]["tasks"]["temperature"]["published"] = published
    return values


def test_a_task_takes_published_numbers_of_its_baselines() -> None:
    values = with_published({"persistence": PRINTED})
    task = check_configuration(values).experiments["ghcn"].tasks["temperature"]
    assert task.published["persistence"].metrics == {"mse": 9.0}
    assert task.published["persistence"].note is None


@pytest.mark.parametrize(
    ("published", "message"),
    [
        ({"persistence": {"metric": {"mse": 9}}}, ".persistence.metric: unknown key, did you mean"),
        ({"persistence": {"metrics": {"mse": 9}}}, ".persistence.source: missing"),
        ({"persistence": PRINTED | {"metrics": {"mse": "9 %"}}}, '.metrics.mse: found "9 %"; '),
        ({"per.sistence": PRINTED}, ".per.sistence: this is no name"),
        ({"persistence": 9}, ".persistence: found 9; "),
    ],
)
def test_other_things_are_refused_in_one_line(published: Any, message: str) -> None:
    with pytest.raises(DeepsphereError) as caught:
        check_configuration(with_published(published))
    assert message in str(caught.value)
    assert str(caught.value).startswith("configuration: experiments.ghcn.tasks.temperature.publis")
    assert "\n" not in str(caught.value)
