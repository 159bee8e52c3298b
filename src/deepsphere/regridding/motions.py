"""Rotations and shifts of meshes, at random but the same ones for the same words.

A copy of a mesh is the mesh after a motion. Its motion depends on the words alone that name it,
such as the data set, the object, and the number of the copy: not on the order of the work, on the
number of processes, or on the version of a library.
"""

import hashlib
import math
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from deepsphere.files import canonical_json

Rotation = Literal["none", "z", "so3"]

_TOLERANCE = 1e-9
_NUMBERS = 6


@dataclass(frozen=True, eq=False)
class Motion:
    """A rotation about the origin, and a shift after it: v goes to ``rotation @ v + shift``.

    Attributes
    ----------
    rotation : ndarray
        Rotation matrix, float64, shape (3, 3).
    shift : ndarray
        In radii of a normalized mesh, float64, shape (3,).

    Raises
    ------
    ValueError
        If they are anything else.
    """

    rotation: NDArray[np.float64] = field(repr=False)
    shift: NDArray[np.float64] = field(repr=False)

    def __post_init__(self) -> None:
        if self.rotation.shape != (3, 3) or self.shift.shape != (3,):
            raise ValueError(
                "a rotation must have shape (3, 3) and a shift (3,); "
                f"found {self.rotation.shape} and {self.shift.shape}"
            )
        error = np.abs(self.rotation @ self.rotation.T - np.eye(3)).max()
        if not (error <= _TOLERANCE and np.linalg.det(self.rotation) > 0):
            raise ValueError(f"a rotation must be orthogonal with determinant 1: {self.rotation}")
        if not np.isfinite(self.shift).all():
            raise ValueError(f"a shift must be finite; found {self.shift}")


def random_motion(rotation: Rotation, translation: float, words: tuple[str | int, ...]) -> Motion:
    """Return the random motion that has these words for its name.

    Parameters
    ----------
    rotation : {"none", "z", "so3"}
        No rotation, one about the z axis by a uniform angle, or one that is uniform among all (by
        the Haar measure): Euler angles z-y-z, the outer ones uniform, the inner one with a uniform
        cosine.
    translation : float
        The longest shift, in radii of a normalized mesh, at least 0. Its length is uniform up to
        that, its direction uniform on the sphere.
    words : tuple of str and int
        What names the copy: data set, id, name of the set of copies, number in it.

    Raises
    ------
    ValueError
        If there is no such kind of rotation, or the translation is negative or not finite.

    Notes
    -----
    Six uniform numbers are the bytes of SHAKE-256 of the words as JSON, whatever the settings are:
    with and without translation the rotation of a copy is the same.
    """
    if rotation not in get_args(Rotation):
        raise ValueError(f"rotation must be one of {get_args(Rotation)}; found {rotation!r}")
    if not (math.isfinite(translation) and translation >= 0):
        raise ValueError(f"translation must be at least 0 and finite; found {translation}")
    content = hashlib.shake_256(
        canonical_json(list(words)).encode("utf-8", "surrogatepass")
    ).digest(8 * _NUMBERS)
    # The upper 53 bits of each number, as a float64 has.
    uniform = (np.frombuffer(content, "<u8") >> np.uint64(11)) * 2.0**-53
    first, second, third, length, height, azimuth = uniform.tolist()
    matrix = np.eye(3)
    if rotation != "none":
        matrix = _about_z(2 * math.pi * first)
    if rotation == "so3":
        matrix = matrix @ _about_y(math.acos(2 * second - 1)) @ _about_z(2 * math.pi * third)
    z, angle = 2 * height - 1, 2 * math.pi * azimuth
    radius = math.sqrt(1 - z * z)
    direction = np.array([radius * math.cos(angle), radius * math.sin(angle), z])
    return Motion(matrix, translation * length * direction)


def _about_z(angle: float) -> NDArray[np.float64]:
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])


def _about_y(angle: float) -> NDArray[np.float64]:
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
