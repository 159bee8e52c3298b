"""Looking at one piece of data from the command line."""

import logging
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from deepsphere.config.graphs import SAMPLINGS
from deepsphere.errors import DeepsphereError
from deepsphere.files import write_bytes
from deepsphere.registry import load
from deepsphere.regridding.mesh import Mesh, cleaned, normalized
from deepsphere.regridding.mesh_channels import CHANNELS
from deepsphere.regridding.motions import Motion
from deepsphere.regridding.projection import project
from deepsphere.report import signals
from deepsphere.report.mesh_pictures import render
from deepsphere.report.projections import Mollweide, Orthographic
from deepsphere.report.style import to_png
from deepsphere.samplings.masked import Masked
from deepsphere.samplings.sampling import Sampling
from deepsphere.sources.meshes.archives import open_archive
from deepsphere.sources.meshes.reading import read_mesh

_LOG = logging.getLogger(__name__)

_KINDS = ", ".join(SAMPLINGS)
_MOST_BYTES = 1 << 30
# No figure shows more, and they take about 200 bytes each.
_MOST_PIXELS = 4_000_000
_UPRIGHT = {"z": np.eye(3), "y": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])}


def show_mesh(
    file: Path,
    plot: Path,
    sampling: str = "healpix:32",
    *,
    up: Literal["z", "y"] = "z",
    longitude: float = -40.0,
    latitude: float = 25.0,
    whole: bool = False,
) -> None:
    """Draw a mesh and its six channels on the sphere.

    Parameters
    ----------
    file : Path
        A mesh, or one in a zip or tar: ``meshes.zip/chair/train/chair_0001.off``.
    plot : Path
        PNG file to write.
    sampling : str
        Where the rays start: the name of a sampling of the whole sphere.
    up : {"z", "y"}
        Which axis of the file is vertical. The mesh is turned so that it points to the north pole;
        stores do not do that: they take files as if it were z.
    longitude, latitude : float
        Where mesh and globes are seen from, degrees.
    whole : bool
        Whether the channels are shown on the whole sphere (in Mollweide's projection), not on
        globes.

    Raises
    ------
    DeepsphereError
        If the file is no mesh or cannot be projected, the sampling is none of the whole sphere or
        too fine, or the plot is no PNG file.
    """
    if plot.suffix.lower() != ".png":
        raise DeepsphereError(f"show mesh: a plot is a PNG file; found {plot}, name it .png")
    found = _find_sampling(sampling)
    view = Orthographic(longitude, latitude)
    mesh = read_mesh(file.name, _content(file))
    try:
        mesh = cleaned(mesh)
        mesh = normalized(Mesh(mesh.vertices @ _UPRIGHT[up].T, mesh.faces))
    except DeepsphereError as error:
        raise DeepsphereError(f"{file}: {error}") from None
    unmoved = Motion(np.eye(3), np.zeros(3))
    signal: NDArray[np.float32] = project(mesh, found.positions, [unmoved])[0]
    figure = signals.draw(
        signal,
        found.positions,
        CHANNELS,
        render(mesh, view),
        view,
        Mollweide(longitude) if whole else view,
        f"{file.name}: {len(mesh.faces):,} faces, {len(found):,} rays of {found.name}",
    )
    write_bytes(plot, to_png(figure))
    _LOG.info("%s: %d faces, drawn in %s", file, len(mesh.faces), plot)


def _find_sampling(name: str) -> Sampling:
    kind, _, parameters = name.partition(":")
    if kind not in SAMPLINGS:
        raise DeepsphereError(f"show mesh: found the sampling {name!r}; known are {_KINDS}")
    sampling: Sampling = load("samplings", kind).parse(parameters)
    if isinstance(sampling, Masked) or len(sampling) > _MOST_PIXELS:
        raise DeepsphereError(
            f"show mesh: found {name} of {len(sampling)} pixels; give a sampling of the whole "
            f"sphere of at most {_MOST_PIXELS}, such as healpix:32"
        )
    return sampling


def _content(file: Path) -> bytes:
    """Return the content of a file, which may lie in an archive."""
    if file.is_file():
        return open_archive(file.parent).read(file.name, _MOST_BYTES)
    for path in file.parents:
        if path.is_file():
            return open_archive(path).read(file.relative_to(path).as_posix(), _MOST_BYTES)
    raise DeepsphereError(
        f"show mesh: there is no {file}; give a mesh, or one in an archive as archive.zip/NAME"
    )
