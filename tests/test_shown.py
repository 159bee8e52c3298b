import zipfile

import numpy as np
import pytest
import trimesh
from matplotlib.image import imread

from deepsphere.errors import DeepsphereError
from deepsphere.shown import show_mesh

# The north of a cone is where it is narrow; it stands on the x-y plane.
CONE = trimesh.creation.cone(0.5, 1.0)


def written(folder, name="cone.off", vertices=None):
    vertices = np.array(CONE.vertices) if vertices is None else vertices
    path = folder / name
    path.write_text(trimesh.Trimesh(vertices, CONE.faces, process=False).export(file_type="off"))
    return path


def test_a_mesh_becomes_one_picture_wherever_it_lies(tmp_path):
    file = written(tmp_path)
    with zipfile.ZipFile(tmp_path / "meshes.zip", "w") as archive:
        archive.write(file, "cones/train/cone.off")
    show_mesh(file, tmp_path / "alone.png", "healpix:4")
    show_mesh(
        tmp_path / "meshes.zip" / "cones" / "train" / "cone.off", tmp_path / "zip.png", "healpix:4"
    )
    assert (tmp_path / "zip.png").read_bytes() == (tmp_path / "alone.png").read_bytes()
    height, width, _ = imread(tmp_path / "zip.png").shape
    assert 1.5 < width / height < 2.2
    assert len(list(tmp_path.iterdir())) == 4


def test_the_vertical_axis_points_to_the_north(tmp_path):
    """A cone whose y axis is vertical, shown so, looks like one whose z axis is."""
    x, y, z = np.array(CONE.vertices).T
    lying = written(tmp_path, vertices=np.stack([x, z, -y], axis=1))
    show_mesh(lying, tmp_path / "lying.png", "healpix:2", up="y")
    show_mesh(written(tmp_path), tmp_path / "standing.png", "healpix:2")
    difference = imread(tmp_path / "lying.png") - imread(tmp_path / "standing.png")
    assert np.abs(difference).mean() < 1e-3


def test_the_whole_sphere_is_wider_than_globes(tmp_path):
    plot = tmp_path / "cone.png"
    show_mesh(written(tmp_path), plot, "equiangular:8x16", whole=True, longitude=170)
    height, width, _ = imread(plot).shape
    assert 2.4 < width / height < 3.5


@pytest.mark.parametrize(
    ("sampling", "message"),
    [
        ("stations:7", "found the sampling 'stations:7'; known are healpix, icosahedral"),
        ("healpix:2:1/12", "found healpix:2:1/12 of 4 pixels; give a sampling of the whole"),
        ("healpix:1024", "found healpix:1024 of 12582912 pixels"),
        ("healpix:x", "healpix"),
    ],
)
def test_other_samplings_are_refused(tmp_path, sampling, message):
    with pytest.raises(DeepsphereError, match=message):
        show_mesh(written(tmp_path), tmp_path / "cone.png", sampling)
    assert not (tmp_path / "cone.png").exists()


def test_other_files_are_refused_in_one_line(tmp_path):
    plot = tmp_path / "cone.png"
    with pytest.raises(DeepsphereError, match=r"no .*none\.off; give a mesh, or one in an archive"):
        show_mesh(tmp_path / "none.off", plot)
    flat = tmp_path / "flat.off"
    flat.write_text("OFF\n3 1 0\n0 0 0\n1 0 0\n2 0 0\n3 0 1 2\n")
    with pytest.raises(DeepsphereError, match=r"flat\.off: mesh: no face has an area"):
        show_mesh(flat, plot)
    (tmp_path / "notes.txt").write_text("OFF")
    with pytest.raises(DeepsphereError, match=r"notes\.txt: not a mesh; known are \.off"):
        show_mesh(tmp_path / "notes.txt", plot)
    with pytest.raises(DeepsphereError, match=r"found .*cone\.pdf, name it \.png"):
        show_mesh(written(tmp_path), plot.with_suffix(".pdf"))
    with pytest.raises(DeepsphereError, match="latitude=100"):
        show_mesh(written(tmp_path), plot, latitude=100)


def test_vertices_that_are_not_finite_are_left_out(tmp_path):
    vertices = np.array(CONE.vertices)
    vertices[0] = np.nan, np.inf, 0
    show_mesh(written(tmp_path, vertices=vertices), tmp_path / "cone.png", "healpix:2", up="y")
    assert imread(tmp_path / "cone.png").size
