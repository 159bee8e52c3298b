import numpy as np
import pytest
from PIL import Image, ImageSequence

from deepsphere.report.animations import rotation, save_animation
from deepsphere.report.projections import Mollweide, Orthographic
from deepsphere.report.scales import value_scale
from deepsphere.samplings.healpix import Healpix

SAMPLING = Healpix(2)
CELLS = SAMPLING.cells()
VALUES = SAMPLING.positions[:, 0]
SCALE = value_scale(VALUES)


def frames_of(path):
    with Image.open(path) as image:
        frames = ImageSequence.Iterator(image)
        return [np.asarray(frame.convert("RGB"), np.int64) for frame in frames]


def test_a_turning_globe_moves_to_the_east():
    """The middle of view n is 360° n / N farther west: what is there comes from the left."""
    views = rotation(4, latitude=10)
    assert [view.latitude for view in views] == [10] * 4
    place = np.array([1.0, 0, 0])
    points = [view.project_points(place) for view in views]
    np.testing.assert_allclose([point[0] for point, _ in points], [0, 1, 0, -1], atol=1e-12)
    assert points[0][1]
    assert not points[2][1]


def test_a_rotation_has_a_frame_for_each_view(tmp_path):
    path = tmp_path / "folder" / "globe.gif"
    save_animation(path, VALUES, CELLS, rotation(3), SCALE, frames_per_second=5)
    frames = frames_of(path)
    assert len(frames) == 3
    for first, second in [(0, 1), (1, 2), (2, 0)]:
        assert (np.abs(frames[first] - frames[second]).max(axis=2) > 50).mean() > 0.1
    with Image.open(path) as image:
        assert image.info["duration"] == 200
        assert image.info["loop"] == 0
    assert [entry.name for entry in path.parent.iterdir()] == ["globe.gif"]


def test_maps_of_one_view_change_only_in_their_cells_and_titles(tmp_path):
    path = tmp_path / "days.gif"
    days = np.stack([VALUES, -VALUES, np.where(VALUES > 0, np.nan, VALUES)])
    save_animation(path, days, CELLS, Mollweide(), SCALE, titles=["day 1", "day 2", "day 3"])
    frames = frames_of(path)
    assert len(frames) == 3
    changed = (np.abs(frames[0] - frames[1]).max(axis=2) > 50).mean()
    assert changed > 0.1
    # The colour bar, in the lowest eighth, stays; each frame has its own palette of 256 colours.
    lowest = -len(frames[0]) // 8
    assert np.abs(frames[0][lowest:] - frames[1][lowest:]).max() < 50
    # The last one has grey cells.
    greys = [(np.abs(frame - 153).max(axis=2) < 3).mean() for frame in frames]
    assert greys[2] > 0.05 > 5 * max(greys[:2])


def test_the_same_animation_gives_the_same_bytes(tmp_path):
    paths = [tmp_path / "first.gif", tmp_path / "second.gif"]
    for path in paths:
        save_animation(path, VALUES, CELLS, rotation(2), SCALE)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_numbers_of_frames_must_agree(tmp_path):
    path = tmp_path / "wrong.gif"
    two = np.stack([VALUES, VALUES])
    with pytest.raises(ValueError, match="found 2 maps, 3 views and 1 titles"):
        save_animation(path, two, CELLS, rotation(3), SCALE)
    with pytest.raises(ValueError, match="found 2 maps, 1 views and 4 titles"):
        save_animation(path, two, CELLS, Orthographic(), SCALE, titles=["title"] * 4)
    with pytest.raises(ValueError, match="found 1 maps, 0 views"):
        save_animation(path, VALUES, CELLS, [], SCALE)
    with pytest.raises(ValueError, match=r"must have shape \(48,\); found \(47,\)"):
        save_animation(path, two[:, 1:], CELLS, Orthographic(), SCALE)
    assert not path.exists()


@pytest.mark.parametrize("speed", [0, 51])
def test_speeds_that_no_file_can_hold_are_refused(tmp_path, speed):
    path = tmp_path / "wrong.gif"
    with pytest.raises(ValueError, match=f"1 to 50 frames per second; found {speed}"):
        save_animation(path, VALUES, CELLS, Orthographic(), SCALE, frames_per_second=speed)
