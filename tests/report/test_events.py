import io

import numpy as np
import pytest
from PIL import Image, ImageSequence

from deepsphere.report.events import Paper, State, animate, draw, field_scale, paint
from deepsphere.report.projections import Mollweide, Orthographic
from deepsphere.report.style import new_figure
from deepsphere.samplings.coordinates import unit_vectors
from deepsphere.samplings.healpix import Healpix

POSITIONS = Healpix(16).positions
CLASSES = ("background", "storm", "river")
SCALE = field_scale(np.array([0.0, 1.0]), "water / kg m⁻²")
WHOLE = Paper.of(POSITIONS, Mollweide(), (), 200)


def cap(longitude, latitude, radius):
    """Return which pixels are within some degrees of a place."""
    place = unit_vectors(np.array(float(longitude)), np.array(float(latitude)))
    return POSITIONS @ place > np.cos(np.radians(radius))


def state(storm, river=None, found=None):
    truth = np.zeros(len(POSITIONS), np.uint8)
    truth[storm] = 1
    if river is not None:
        truth[river] = 2
    found = np.zeros_like(truth) if found is None else found
    return State(np.abs(POSITIONS[:, 2]), truth, found, "a state")


def outlines(shown, paper=WHOLE):
    """Return the closed and open lines of the contours that are painted."""
    axes = new_figure(8, 4).subplots()
    paint(axes, shown, paper, CLASSES, SCALE)
    sets = [found for found in axes.collections if type(found).__name__ == "QuadContourSet"]
    return [
        [line for path in each.get_paths() for line in path.to_polygons(closed_only=False)]
        for each in sets
    ]


def areas(lines):
    return [
        abs(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2
        for x, y in (line.T for line in lines)
    ]


@pytest.mark.parametrize("place", [(0, 0), (100, 50), (-120, -35)])
def test_an_outline_encloses_the_area_of_its_pixels(place):
    """Mollweide's map keeps areas: of the sphere of radius 1, 4π / 3,072 a pixel."""
    members = cap(*place, 20)
    ((line,),) = outlines(state(members))
    assert areas([line]) == [pytest.approx(members.sum() * 4 * np.pi / 3072, rel=0.03)]
    middle = WHOLE.image.projection.project_points(unit_vectors(*map(np.array, map(float, place))))
    np.testing.assert_allclose(line.mean(axis=0), middle[0], atol=0.08)


def test_an_event_across_the_date_line_is_outlined_on_both_sides_and_open():
    ((first, second),) = outlines(state(cap(180, 10, 15)))
    for line in (first, second):
        # Its ends are at the border of the paper, far apart, with no line between them.
        ends = line[[0, -1]] / WHOLE.image.projection.half_axes
        assert (np.linalg.norm(ends, axis=1) > 0.96).all()
        assert np.linalg.norm(line[0] - line[-1]) > 0.4
    assert np.sign(first[:, 0].mean()) != np.sign(second[:, 0].mean())


def test_an_event_around_a_pole_has_one_outline_on_a_globe():
    paper = Paper.of(POSITIONS, Orthographic(40, 90), (), 200)
    ((line,),) = outlines(state(cap(0, 90, 30)), paper)
    np.testing.assert_allclose(np.linalg.norm(line, axis=1), np.sin(np.radians(30)), atol=0.08)
    assert not outlines(state(cap(0, -90, 30)), paper)


def test_true_and_found_events_of_each_kind_have_their_own_lines():
    found = np.zeros(len(POSITIONS), np.uint8)
    found[cap(60, 0, 12)] = 1
    shown = state(cap(0, 0, 20), cap(-90, 0, 20), found)
    centres = [lines[0].mean(axis=0)[0] for lines in outlines(shown)]
    # Of the storm the true one and the found one, of the river the true one.
    np.testing.assert_allclose(centres, [0, 60 / 90 * 2**0.5, -(2**0.5)], atol=0.05)


def test_what_is_unknown_has_no_outline():
    shown = state(cap(0, 0, 20))
    shown.truth[:] = 255
    assert not outlines(shown)


def test_a_figure_has_a_map_a_bar_and_the_globes_and_explains_its_lines():
    globes = [Paper.of(POSITIONS, Orthographic(0, 90), (), 60) for _ in range(2)]
    figure = draw(state(cap(0, 0, 20)), WHOLE, globes, CLASSES, SCALE)
    assert len(figure.axes) == 4
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["storm, true", "storm, found", "river, true", "river, found"]
    assert figure.axes[1].get_xlabel() == "water / kg m⁻²"
    assert len(draw(state(cap(0, 0, 20)), WHOLE, (), CLASSES, SCALE).axes) == 2


def test_coasts_are_drawn_as_far_as_they_are_visible():
    north = unit_vectors(np.arange(0, 90.0), np.full(90, 45.0))
    south = unit_vectors(np.arange(0, 90.0), np.full(90, -45.0))
    (coast,) = Paper.of(POSITIONS, Orthographic(45, 90), (north, south), 20).coasts
    assert coast.shape == (90, 2)


def test_an_animation_has_a_frame_for_each_state():
    states = [state(cap(longitude, 0, 20)) for longitude in (-60, 0, 60)]
    content = animate(states, WHOLE, CLASSES, SCALE)
    with Image.open(io.BytesIO(content)) as image:
        frames = [np.asarray(frame.convert("L"), int) for frame in ImageSequence.Iterator(image)]
        assert image.info["loop"] == 0
    assert len(frames) == 3
    for first, second in [(0, 1), (1, 2), (2, 0)]:
        assert (np.abs(frames[first] - frames[second]) > 40).mean() > 0.003


def test_states_have_one_shape():
    with pytest.raises(ValueError, match="expected one shape"):
        State(np.zeros(3), np.zeros(3, np.uint8), np.zeros(4, np.uint8), "")
