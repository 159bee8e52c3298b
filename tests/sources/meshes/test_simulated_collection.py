"""Which objects there are, and how broken ones are broken."""

from collections import Counter

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.regridding.mesh import cleaned
from deepsphere.sources.meshes.reading import read_mesh
from deepsphere.sources.meshes.simulated_collection import BREAKAGES, simulated_objects
from deepsphere.sources.meshes.simulated_files import obj_text, off_text
from deepsphere.sources.meshes.simulation import Simulation

HELD_OUT = {"validation": 0.1, "test": 0.2}


def simulation(**changes: int) -> dict[str, int]:
    return Simulation(**{"objects": 10, "classes": 3, "seed": 7, **changes}).model_dump()


def test_every_class_has_all_splits() -> None:
    listed = list(simulated_objects(simulation(), HELD_OUT))
    counts = Counter((one.shape_class.name, one.split) for one in listed)
    for name in ("table", "chair", "vase"):
        assert counts[name, "train"] == 7
        assert counts[name, "validation"] == 1
        assert counts[name, "test"] == 2
    numbers = [one.number for one in listed if one.class_number == 1]
    assert numbers == list(range(10))


def test_few_objects_still_fill_all_splits() -> None:
    listed = list(simulated_objects(simulation(objects=4), HELD_OUT))
    assert [one.split for one in listed[:4]] == ["train", "train", "validation", "test"]


def test_broken_ones_come_on_top() -> None:
    listed = list(simulated_objects(simulation(broken=2), HELD_OUT))
    assert [one.breakage for one in listed[:30]] == [None] * 30
    assert [one.breakage for one in listed[30:]] == ["empty", "not-a-number"]
    assert [(one.number, one.split, one.class_number) for one in listed[30:]] == [
        (10, "train", 0),
        (11, "train", 0),
    ]
    assert listed[:30] == list(simulated_objects(simulation(), HELD_OUT))


@pytest.mark.parametrize("suffix", ["off", "obj"])
def test_broken_files_hold_no_mesh(suffix: str) -> None:
    for seed in range(5):
        broken = list(simulated_objects(simulation(broken=3, seed=seed), HELD_OUT))[30:]
        assert tuple(one.breakage for one in broken) == BREAKAGES
        for one in broken:
            shape = one.draw()
            whole = off_text(shape, triangles=True) if suffix == "off" else obj_text(shape, "b")
            with pytest.raises(DeepsphereError):
                cleaned(read_mesh(f"b.{suffix}", one.broken(whole)))


def test_whole_files_stay_whole() -> None:
    one = next(simulated_objects(simulation(), HELD_OUT))
    assert one.broken(b"content") == b"content"
    assert np.isfinite(one.draw().vertices).all()


def test_chance_is_of_the_object_and_the_purpose() -> None:
    first, second = list(simulated_objects(simulation(), HELD_OUT))[:2]
    draws = [
        first.chance(0).random(),
        first.chance(1).random(),
        second.chance(0).random(),
    ]
    assert len(set(draws)) == 3
    assert first.chance(0).random() == draws[0]
