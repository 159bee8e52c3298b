"""What the configuration may say, and what it is told when it is wrong."""

from typing import Any

import pytest
from pydantic import ValidationError

from deepsphere.sources.climate.settings import Store as ClimateStore
from deepsphere.sources.climatenet.settings import Source
from deepsphere.sources.climatenet.settings import Store as ClimateNetStore
from deepsphere.sources.deepcam.settings import Source as DeepCamSource
from deepsphere.sources.deepcam.settings import Store as DeepCamStore
from deepsphere.sources.fields.channels import NAMES
from deepsphere.sources.fields.simulation import GridSimulation, Simulation


def store(**settings: Any) -> ClimateNetStore:
    values = {"kind": "climatenet", "source": "labelled", "sampling": "healpix:8", **settings}
    return ClimateNetStore.model_validate(values)


def test_defaults_are_those_of_the_publications() -> None:
    assert store().channels == NAMES
    assert (store().method, store().labels) == ("conservative", "nearest")
    assert store().label_channels == ("label",)
    archive = ClimateStore.model_validate({"kind": "climate", "source": "archive"})
    assert archive.sampling == "ugscnn:5:upward"
    assert archive.split.validation == 0.1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sampling": "healpix:0"}, "nside"),
        ({"sampling": "cube"}, "the kinds are healpix"),
        ({"channels": ["TMQ", "Z100"]}, "there is no channel 'Z100'; known: TMQ"),
        ({"channels": ["TMQ", "TMQ"]}, "each channel once"),
        ({"channels": []}, "at least 1"),
        ({"vector_winds": True, "channels": ["U850"]}, "needs both of U850, V850; add V850"),
        ({"method": "spectral"}, "conservative"),
        ({"split": {"kind": "leak-free", "gap": -1}}, "greater than or equal to 0"),
        (
            {"split": {"kind": "random", "shares": {"train": 0.5, "test": 0.2}}},
            "sum to 0.7, not to 1",
        ),
    ],
)
def test_wrong_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        store(**settings)


def test_which_divisions_look_ahead() -> None:
    def leaks(model: Any, kind: str) -> str | None:
        values = {"kind": model.model_fields["kind"].annotation.__args__[0], "source": "a"}
        return model.model_validate(
            {**values, "sampling": "healpix:8", "split": {"kind": kind}}
        ).looks_ahead

    for model in (ClimateStore, ClimateNetStore, DeepCamStore):
        assert leaks(model, "leak-free") is None
        assert leaks(model, "random") == "split.kind: random"
    assert leaks(ClimateStore, "published") == "split.kind: published"
    assert leaks(DeepCamStore, "published") == "split.kind: published"
    # By years, the test ones last.
    assert leaks(ClimateNetStore, "published") is None


def test_soft_labels_have_a_channel_each() -> None:
    assert store(labels="fractions").label_channels == (
        "background-fraction",
        "tropical-cyclone-fraction",
        "atmospheric-river-fraction",
    )


def test_sources_hold_no_password_and_say_where_files_are() -> None:
    with pytest.raises(ValidationError, match="must not hold a user or password"):
        Source.model_validate({"kind": "climatenet", "mirrors": ["https://me:x@example.org"]})
    with pytest.raises(ValidationError, match="given out through Globus"):
        DeepCamSource.model_validate({"kind": "deepcam"})
    source = {"kind": "deepcam", "simulate": {"samples": 8, "grid": [24, 36]}}
    assert DeepCamSource.model_validate(source).reading() == {"kind": "deepcam"}


def test_simulations() -> None:
    assert GridSimulation(samples=8).grid == (768, 1152)
    with pytest.raises(ValidationError, match="found 9, more than the 8 samples"):
        Simulation(samples=8, runs=9)
    with pytest.raises(ValidationError, match="8 to 10,000 rows and columns"):
        GridSimulation(samples=8, grid=(4, 36))
