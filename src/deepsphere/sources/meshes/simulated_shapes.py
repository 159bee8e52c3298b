"""The classes of simulated shapes, and how one object of a class comes about.

**These are not scans and not anybody's models.** A class is a family of shapes with numbers drawn
by chance: how many legs, how wide, how bent. Real classes differ in more ways, so a score on them
says that a pipeline works, never how well it does on real data.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from deepsphere.errors import DeepsphereError
from deepsphere.sources.meshes import (
    simulated_furniture,
    simulated_solids,
    simulated_vehicles,
    simulated_vessels,
)
from deepsphere.sources.meshes.simulated_deformations import deformed
from deepsphere.sources.meshes.simulated_flaws import Flaws, flawed
from deepsphere.sources.meshes.simulated_surfaces import Shape

USUAL_FLAWS = Flaws()

# Each of the streams of chance of an object has a number of its own.
_SHAPE, _STYLE = 1, 2


@dataclass(frozen=True)
class ShapeClass:
    """A class of shapes.

    Parameters
    ----------
    name : str
        Its label.
    divided : bool
        Whether its two styles are sub-classes, in data sets that have sub-classes.
    draw : callable
        Draws one shape with the numbers of a generator, of style 0 or 1.
    """

    name: str
    divided: bool
    draw: Callable[[np.random.Generator, int], Shape]


CLASSES = (
    ShapeClass("table", True, simulated_furniture.table),
    ShapeClass("chair", True, simulated_furniture.chair),
    ShapeClass("vase", False, simulated_vessels.vase),
    ShapeClass("bottle", True, simulated_vessels.bottle),
    ShapeClass("airplane", True, simulated_vehicles.airplane),
    ShapeClass("star", False, simulated_solids.star),
    ShapeClass("shelf", True, simulated_furniture.shelf),
    ShapeClass("lamp", True, simulated_furniture.lamp),
    ShapeClass("sofa", True, simulated_furniture.sofa),
    ShapeClass("mug", False, simulated_vessels.mug),
    ShapeClass("knot", False, simulated_solids.knot),
    ShapeClass("torus", False, simulated_solids.torus),
    ShapeClass("blob", False, simulated_solids.blob),
    ShapeClass("stool", False, simulated_furniture.stool),
    ShapeClass("car", True, simulated_vehicles.car),
    ShapeClass("rocket", False, simulated_vehicles.rocket),
)
"""All classes; a simulation of ``n`` classes takes the first ``n``."""


def draw_style(class_number: int, number: int, seed: int) -> int:
    """Draw the style, 0 or 1, of an object; see :func:`draw_object`."""
    return int(np.random.default_rng([seed, class_number, number, _STYLE]).integers(2))


def draw_object(class_number: int, number: int, seed: int, flaws: Flaws = USUAL_FLAWS) -> Shape:
    """Draw one object, the same one for the same arguments, whatever else is drawn.

    Parameters
    ----------
    class_number : int
        Position in :data:`CLASSES`.
    number : int
        Number of the object within its class, from 0.
    seed : int
        Non-negative seed of the simulation.
    flaws : Flaws
        How often each flaw happens.

    Returns
    -------
    Shape
        Its surface, z up.

    Raises
    ------
    DeepsphereError
        If there is no such class.
    """
    if not 0 <= class_number < len(CLASSES):
        raise DeepsphereError(
            f"simulated meshes: found the class {class_number}; there are {len(CLASSES)}, from 0"
        )
    generator = np.random.default_rng([seed, class_number, number, _SHAPE])
    regular = CLASSES[class_number].draw(generator, draw_style(class_number, number, seed))
    return flawed(deformed(regular, generator), flaws, generator)
