"""Pictures of genuine meshes of the Princeton Segmentation Benchmark, all of them closed."""

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from deepsphere.regridding.mesh import cleaned, normalized
from deepsphere.report.mesh_pictures import HALF_WIDTH, render
from deepsphere.report.projections import Orthographic
from deepsphere.shown import show_mesh
from deepsphere.sources.meshes.archives import open_archive
from deepsphere.sources.meshes.reading import is_mesh, read_mesh

ZIP = Path(__file__).parents[2].parent / "shared/data/meshes/labeleddb_off.zip"

pytestmark = pytest.mark.skipif(not ZIP.is_file(), reason=f"real data not found: {ZIP}")

_SIZE = 128


def test_pictures_cover_where_vertices_are_and_nothing_far_from_them():
    """Meshes are fine: no point of a face is farther from its vertices than the longest side."""
    view = Orthographic(30, 20)
    archive = open_archive(ZIP)
    names = [member.name for member in archive.members() if is_mesh(member.name)]
    for name in names[::12]:
        mesh = normalized(cleaned(read_mesh(name, archive.read(name, 1 << 30))))
        opaque = render(mesh, view, _SIZE)[..., 3] > 0
        points, _ = view.project_points(mesh.vertices)
        columns, rows = ((points * [1, -1] / HALF_WIDTH + 1) / 2 * _SIZE).astype(int).T
        around = np.ones((3, 3), bool)
        assert binary_dilation(opaque, around)[rows, columns].mean() > 0.995, name
        marked = np.zeros_like(opaque)
        marked[rows, columns] = True
        corners = mesh.vertices[mesh.faces]
        longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max()
        steps = int(np.ceil(longest / (2 * HALF_WIDTH) * _SIZE)) + 1
        assert not (opaque & ~binary_dilation(marked, around, iterations=steps)).any(), name


def test_a_mesh_of_the_archive_is_shown_from_the_command_line(tmp_path):
    show_mesh(ZIP / "labeleddb_off/FourLeg/390.off", tmp_path / "giraffe.png", up="y")
    assert (tmp_path / "giraffe.png").read_bytes().startswith(b"\x89PNG")
