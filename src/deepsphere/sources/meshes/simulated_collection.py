"""Which objects a simulated data set has: their classes, numbers and splits; and broken ones."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from deepsphere.sources.meshes.simulated_shapes import CLASSES, ShapeClass, draw_object, draw_style
from deepsphere.sources.meshes.simulated_surfaces import Shape

BREAKAGES = ("empty", "not-a-number", "cut-off")
"""How a file can be broken, in the order in which a simulation makes broken ones."""

_KEPT_OF_CUT_FILE = 1 / 8


@dataclass(frozen=True)
class SimulatedObject:
    """An object of a simulated data set, before it is drawn.

    Parameters
    ----------
    class_number : int
        Position of its class in :data:`~deepsphere.sources.meshes.simulated_shapes.CLASSES`.
    number : int
        Number within its class, from 0.
    split : str
        Name of its split.
    seed : int
        Seed of the simulation.
    breakage : str, optional
        What is wrong with its file, one of :data:`BREAKAGES`.
    """

    class_number: int
    number: int
    split: str
    seed: int
    breakage: str | None = None

    @property
    def shape_class(self) -> ShapeClass:
        """The class that the object is of."""
        return CLASSES[self.class_number]

    @property
    def style(self) -> int:
        """Which of the two styles of its class it has, 0 or 1."""
        return draw_style(self.class_number, self.number, self.seed)

    def chance(self, purpose: int) -> np.random.Generator:
        """Return a source of chance of the object, for one purpose of those who write its file."""
        return np.random.default_rng([self.seed, self.class_number, self.number, 100 + purpose])

    def draw(self) -> Shape:
        """Return the shape, z up; all of it NaN if that is what is wrong with it."""
        shape = draw_object(self.class_number, self.number, self.seed)
        if self.breakage == "not-a-number":
            return replace(shape, vertices=np.full_like(shape.vertices, np.nan))
        return shape

    def broken(self, content: bytes) -> bytes:
        """Return what is left of the content of the object's file, all of it if nothing is wrong.

        A file that is cut off ends among its vertices, which come before the faces.
        """
        if self.breakage == "empty":
            return b""
        if self.breakage == "cut-off":
            return content[: int(_KEPT_OF_CUT_FILE * len(content))]
        return content


def simulated_objects(
    simulation: dict[str, Any], held_out: dict[str, float]
) -> Iterator[SimulatedObject]:
    """List the objects of a simulated data set, class after class, the broken ones last.

    Parameters
    ----------
    simulation : dict
        Settings; see :class:`deepsphere.sources.meshes.simulation.Simulation`.
    held_out : dict of str to float
        Share of each class, at least one object, in each split but ``train``, which has the rest.

    Yields
    ------
    SimulatedObject
        Within a class numbers increase from the training objects to those of the last split. The
        broken ones are of the first class and ``train``, with numbers that follow on.
    """
    objects, seed = simulation["objects"], simulation["seed"]
    counts = {split: max(1, round(share * objects)) for split, share in held_out.items()}
    splits = ["train"] * (objects - sum(counts.values()))
    for split, count in counts.items():
        splits += [split] * count
    for class_number in range(simulation["classes"]):
        for number, split in enumerate(splits):
            yield SimulatedObject(class_number, number, split, seed)
    for extra, breakage in enumerate(BREAKAGES[: simulation["broken"]]):
        yield SimulatedObject(0, objects + extra, "train", seed, breakage)
