"""From the file of one mesh to the signals of all its copies."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.registry import load
from deepsphere.regridding.mesh import Mesh, cleaned, normalized
from deepsphere.regridding.motions import random_motion
from deepsphere.regridding.projection import project
from deepsphere.samplings.sampling import Sampling
from deepsphere.sources.meshes.archives import open_archive
from deepsphere.sources.meshes.entries import LOOSE, Entry, title
from deepsphere.sources.meshes.reading import read_mesh
from deepsphere.sources.meshes.settings import Projection

_MOST_BYTES = 1 << 30
"""Size of a mesh file that is not read any more; the largest of the published sets has 0.1 GB."""

_Y_TO_Z = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
"""Rotation that makes upright what lies on its back: (x, y, z) goes to (x, -z, y)."""


@dataclass(frozen=True)
class Recipe:
    """How meshes become signals; it can travel to other processes.

    Attributes
    ----------
    raw : Path
        Folder of the archives that entries name.
    collection : str
        Word that draws the motions apart from those of other collections, beside the meshes' ids.
    settings : Projection
        Sampling, copies and channels.
    up : {"z", "y"}
        Axis of the files that points upwards; the signals have z upwards.
    turning : int or None
        Seed by which each mesh is turned at random once and for all, before it is copied; None
        turns none.
    """

    raw: Path
    collection: str
    settings: Projection
    up: Literal["z", "y"] = "z"
    turning: int | None = None

    def __call__(self, entry: Entry) -> NDArray[np.float32]:
        """Return the signals of all copies of a mesh, set after set.

        Parameters
        ----------
        entry : Entry
            The mesh.

        Returns
        -------
        ndarray of float32, shape (copies, pixels, channels)

        Raises
        ------
        DeepsphereError
            If the file is no mesh, or nothing of the mesh can be projected.
        """
        settings = self.settings
        mesh = cleaned(read_mesh(entry.member, self._content(entry)))
        if self.up == "y":
            mesh = Mesh(mesh.vertices @ _Y_TO_Z.T, mesh.faces)
        words = (settings.seed, self.collection, entry.id)
        if self.turning is not None:
            # No set of copies has an empty name.
            turn = random_motion("so3", 0.0, (self.turning, self.collection, entry.id, "")).rotation
            mesh = Mesh(mesh.vertices @ turn.T, mesh.faces)
        motions = [
            random_motion(copies.rotation, copies.translation, (*words, name, number))
            for name, copies in settings.copies.items()
            for number in range(copies.count)
        ]
        signals = project(
            normalized(mesh),
            find_sampling(settings.sampling).positions,
            motions,
            channels=settings.channels,
            no_hit_distance=settings.no_hit_distance,
            absolute_cosine=settings.absolute_cosine,
        )
        if not np.isfinite(signals).all():
            raise DeepsphereError("mesh: its projection holds values that are not finite")
        return signals

    def _content(self, entry: Entry) -> bytes:
        try:
            return open_archive(self.raw / entry.archive).read(entry.member, _MOST_BYTES)
        except DeepsphereError as error:
            # Reasons go into manifests, which must not tell where the files lie.
            text = str(error).replace(f"{self.raw}/", "")
            raise DeepsphereError(text.replace(str(self.raw), title(LOOSE))) from None


@lru_cache(maxsize=1)
def find_sampling(name: str) -> Sampling:
    """Return the sampling of a name such as ``healpix:32``; the last one is kept."""
    kind, _, parameters = name.partition(":")
    sampling: Sampling = load("samplings", kind).parse(parameters)
    return sampling
