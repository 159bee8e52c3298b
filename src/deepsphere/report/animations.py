"""Moving pictures of maps: a globe that turns, or a map that changes.

::

    save_animation(Path("globe.gif"), values, cells, rotation(36, latitude=20), scale)
    save_animation(Path("days.gif"), days, cells, Mollweide(), scale, titles=dates)

GIF files show in browsers, notebooks and slides without any player, and need no other program.
"""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.animation import PillowWriter
from matplotlib.figure import Figure
from numpy.typing import NDArray

from deepsphere.files import write_bytes
from deepsphere.report.maps import check_shapes, empty_map, paint_map
from deepsphere.report.projections import Orthographic, Projection
from deepsphere.report.scales import Scale
from deepsphere.report.style import DPI

_FASTEST = 50


def rotation(frames: int, latitude: float = 0.0) -> list[Orthographic]:
    """Return the views of a globe that turns eastwards once, as the Earth does.

    Parameters
    ----------
    frames : int
        How many views, the first from 0°E. After the last one follows the first again.
    latitude : float
        From where all of them are seen, degrees north.
    """
    return [Orthographic(-360 * frame / frames, latitude) for frame in range(frames)]


def save_animation(
    path: Path,
    values: NDArray[np.floating],
    cells: NDArray[np.float64],
    views: Projection | Sequence[Projection],
    scale: Scale,
    titles: str | Sequence[str] = "",
    frames_per_second: int = 10,
) -> None:
    """Write an animation to a GIF file, which is replaced if it is there; it runs forever.

    What there is one of stays the same in all frames.

    Parameters
    ----------
    path : Path
        The file.
    values : ndarray
        One map, shape (pixel,), or one a frame, shape (frame, pixel); not finite where unknown.
    cells : ndarray
        Corners of each pixel, unit vectors, shape (pixel, corners, 3), as for
        :func:`~deepsphere.report.maps.draw_map`.
    views : Projection or sequence of Projection
        One, or one a frame, such as :func:`rotation`.
    scale : Scale
        Which colour stands for which value, in all frames.
    titles : str or sequence of str
        One, or one a frame.
    frames_per_second : int
        From 1 to 50; files store hundredths of seconds. Equal frames in a row become one that
        stays as long.

    Raises
    ------
    ValueError
        If the shapes are not these, the numbers of frames differ, or the speed is out of range.
    """
    if not 1 <= frames_per_second <= _FASTEST:
        raise ValueError(f"expected 1 to {_FASTEST} frames per second; found {frames_per_second}")
    maps = [values] if values.ndim == 1 else list(values)
    seen_from = list(views) if isinstance(views, Sequence) else [views]
    names = [titles] if isinstance(titles, str) else list(titles)
    counts = len(maps), len(seen_from), len(names)
    frames = max(counts)
    if not all(count in (1, frames) for count in counts) or min(counts) == 0:
        raise ValueError(
            "maps, views and titles must be one, or one a frame; found {} maps, {} views and {} "
            "titles".format(*counts)
        )
    for frame in maps:
        check_shapes(frame.shape, cells.shape)
    figure = empty_map(seen_from[0])
    shapes = {seen_from[0]: seen_from[0].project_cells(cells)}

    def paint(frame: int) -> None:
        view = seen_from[frame % len(seen_from)]
        if view not in shapes:
            shapes.clear()
            shapes[view] = view.project_cells(cells)
        shown, title = maps[frame % len(maps)], names[frame % len(names)]
        paint_map(figure, shown, shapes[view], view, scale, title)

    write_bytes(path, to_gif(figure, paint, frames, frames_per_second))


def to_gif(
    figure: Figure,
    paint: Callable[[int], None],
    frames: int,
    frames_per_second: int,
    dots_per_inch: int = DPI,
) -> bytes:
    """Return a GIF image that runs forever; the same frames give the same bytes.

    Parameters
    ----------
    figure : Figure
        What is seen.
    paint : callable
        Paints a frame, by its number from 0, into the figure.
    frames : int
        How many there are.
    frames_per_second, dots_per_inch : int
    """
    writer = PillowWriter(fps=frames_per_second)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder) / "animation.gif"
        with writer.saving(figure, scratch, dots_per_inch):
            for frame in range(frames):
                paint(frame)
                writer.grab_frame()
        return scratch.read_bytes()
