"""Made-up furniture: tables, chairs, stools, sofas, shelves and lamps.

Each function draws one piece, z up, about as large as a real one in metres. The styles are told
apart as sub-classes where labels have them; numbers of legs, slats and boards vary within a style.
"""

import numpy as np

from deepsphere.sources.meshes.simulated_parts import (
    box,
    frustum,
    prism,
    revolved,
    superquadric,
    tube,
)
from deepsphere.sources.meshes.simulated_surfaces import Shape, joined, moved, scaled, turned


def table(generator: np.random.Generator, style: int) -> Shape:
    """Draw a table on legs (style 0) or on a column (style 1)."""
    length, width = generator.uniform(0.8, 2.0), generator.uniform(0.6, 1.0)
    height, thickness = generator.uniform(0.4, 0.9), generator.uniform(0.02, 0.08)
    top = _board(generator, length, width, thickness)
    parts = [moved(top, (0, 0, height - thickness))]
    if style == 0:
        legs = int(generator.choice([3, 4, 4, 4, 6]))
        reach = (0.38 * length, 0.38 * width)
        parts += _legs(generator, legs, reach, height - thickness / 2)
        if generator.random() < 0.4:
            parts.append(box((0.75 * length, 0.7 * width, 0.02), (0, 0, 0.35 * height)))
    else:
        stem, foot = generator.uniform(0.03, 0.09), generator.uniform(0.2, 0.4)
        profile = [[0, 0], [foot, 0], [foot, 0.02], [stem, 0.12], [stem, height], [0, height]]
        parts.append(revolved(np.array(profile), int(generator.choice([4, 8, 24]))))
    return joined(parts)


def chair(generator: np.random.Generator, style: int) -> Shape:
    """Draw a chair without (style 0) or with arms (style 1)."""
    width, depth = generator.uniform(0.38, 0.6), generator.uniform(0.38, 0.55)
    height, thickness = generator.uniform(0.38, 0.55), generator.uniform(0.03, 0.1)
    back = generator.uniform(0.3, 0.7)
    parts = [box((width, depth, thickness), (0, 0, height))]
    parts += _legs(generator, int(generator.choice([3, 4, 4, 5])), (0.45 * width,) * 2, height)
    rear = []
    slats = int(generator.integers(0, 6))
    if slats:
        rear += [
            box((0.03, 0.03, back), (side * 0.45 * width, 0, back / 2)) for side in (-1.0, 1.0)
        ]
        upright = generator.random() < 0.5
        for place in (np.arange(slats) + 0.5) / slats:
            if upright:
                rear.append(box((0.04, 0.02, back), ((place - 0.5) * 0.9 * width, 0, back / 2)))
            else:
                rear.append(box((0.95 * width, 0.02, 0.5 * back / slats), (0, 0, place * back)))
    else:
        rear.append(_panel(width, back))
    lean = turned(joined(rear), "x", -generator.uniform(0, 20))
    parts.append(moved(lean, (0, depth / 2, height)))
    if style == 1:
        rest = generator.uniform(0.15, 0.28)
        for side in (-1.0, 1.0):
            x = side * width / 2
            parts.append(box((0.05, depth, 0.04), (x, 0, height + rest)))
            parts.append(box((0.04, 0.04, rest), (x, -0.4 * depth, height + rest / 2)))
    return joined(parts)


def stool(generator: np.random.Generator, style: int) -> Shape:
    """Draw a stool: a small seat, without a back, on legs (style 0) or on a column (style 1)."""
    radius, height = generator.uniform(0.15, 0.25), generator.uniform(0.35, 0.9)
    thickness = generator.uniform(0.03, 0.12)
    parts = [moved(_board(generator, 2 * radius, 2 * radius, thickness), (0, 0, height))]
    if style == 0:
        parts += _legs(generator, int(generator.choice([3, 4])), (0.8 * radius,) * 2, height + 0.01)
        if generator.random() < 0.6:
            angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
            ring = 0.8 * radius * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=-1)
            parts.append(moved(tube(ring, 0.012, 6, closed=True), (0, 0, 0.35 * height)))
    else:
        profile = [[0, 0], [0.9 * radius, 0], [0.03, 0.05], [0.03, height + 0.01]]
        parts.append(revolved(np.array([*profile, [0, height + 0.01]]), 16))
    return joined(parts)


def sofa(generator: np.random.Generator, style: int) -> Shape:
    """Draw a sofa, straight (style 0) or around a corner (style 1)."""
    seats = int(generator.integers(1, 5))
    width, depth = seats * generator.uniform(0.5, 0.75), generator.uniform(0.65, 0.95)
    height, back = generator.uniform(0.3, 0.45), generator.uniform(0.3, 0.5)
    arm, rise = generator.uniform(0.1, 0.25), generator.uniform(0.1, 0.3)
    base = box((width + 2 * arm, depth, height), (0, 0, height / 2))
    rear = frustum((width + 2 * arm, 0.25), (width + 2 * arm, 0.12), height + back, (0, 0.05))
    parts = [base, moved(rear, (0, depth / 2, 0))]
    for side in (-1.0, 1.0):
        x = side * (width + arm) / 2
        if generator.random() < 0.85:
            parts.append(box((arm, depth, height + rise), (x, 0, (height + rise) / 2)))
    softness = generator.uniform(0.2, 0.6)
    for seat in range(seats):
        cushion = (0.48 * width / seats, 0.4 * depth, 0.09)
        x = width * ((seat + 0.5) / seats - 0.5)
        shape = superquadric(cushion, (softness, softness), 6, 12)
        parts.append(moved(shape, (x, -0.06, height + 0.04)))
    if style == 1:
        size = (depth, generator.uniform(0.6, 1.3), height)
        parts.append(box(size, ((width - depth) / 2 + arm, -(depth + size[1]) / 2, height / 2)))
    return joined(parts)


def shelf(generator: np.random.Generator, style: int) -> Shape:
    """Draw shelves, open (style 0) or with a back and a door or two (style 1)."""
    boards, columns = int(generator.integers(3, 8)), int(generator.integers(1, 4))
    width, depth = generator.uniform(0.4, 1.6), generator.uniform(0.2, 0.45)
    height, thickness = generator.uniform(0.8, 2.2), generator.uniform(0.015, 0.04)
    parts = [
        box((width, depth, thickness), (0, 0, height * place))
        for place in np.linspace(0.02, 1, boards)
    ]
    parts += [
        box((thickness, depth, height), (width * place, 0, height / 2))
        for place in np.linspace(-0.5, 0.5, columns + 1)
    ]
    if style == 1:
        parts.append(box((width, thickness, height), (0, depth / 2, height / 2)))
        for door in range(int(generator.integers(1, 3))):
            size = (width / 2, thickness, height * generator.uniform(0.3, 0.9))
            parts.append(box(size, ((door - 0.5) * width / 2, -depth / 2, size[2] / 2)))
    return joined(parts)


def lamp(generator: np.random.Generator, style: int) -> Shape:
    """Draw a lamp that stands (style 0) or hangs (style 1)."""
    height, stem = generator.uniform(0.3, 1.6), generator.uniform(0.01, 0.03)
    wide, narrow = generator.uniform(0.12, 0.3), generator.uniform(0.05, 0.15)
    shade_height = generator.uniform(0.12, 0.35)
    wall = 0.01
    shade = revolved(
        np.array(
            [
                [0, shade_height - wall],
                [narrow - wall, shade_height - wall],
                [wide - wall, 0],
                [wide, 0],
                [narrow, shade_height],
                [0, shade_height],
            ]
        ),
        int(generator.choice([4, 6, 24])),
    )
    sway = generator.uniform(-0.4, 0.4) * height * (generator.random() < 0.5)
    climb = np.linspace(0, 1, 12)
    pole = np.stack([sway * climb**2, 0 * climb, height * climb], axis=-1)
    lower = (0, 0, height) if style == 0 else (0, 0, -shade_height / 2)
    foot = generator.uniform(0.08, 0.2)
    plate = revolved(np.array([[0, 0], [foot, 0], [0.7 * foot, 0.04], [0, 0.05]]), 20)
    parts = [tube(pole, stem, 8)]
    if style == 0:
        parts += [plate, moved(shade, (sway, 0, lower[2] - shade_height / 2))]
    else:
        parts += [_hung(shade), moved(scaled(plate, (0.6, 0.6, 0.6)), (sway, 0, height))]
        bulb = 0.4 * narrow
        parts.append(superquadric((bulb, bulb, bulb), (1, 1), 6, 10))
    return joined(parts)


def _board(generator: np.random.Generator, length: float, width: float, thickness: float) -> Shape:
    """Draw a rectangular, oval or many-cornered board on z = 0."""
    corners = int(generator.choice([0, 0, 5, 6, 8, 24]))
    if corners == 0:
        return box((length, width, thickness), (0, 0, thickness / 2))
    angle = 2 * np.pi * (np.arange(corners) + 0.5) / corners
    outline = 0.5 * np.stack([length * np.cos(angle), width * np.sin(angle)], axis=-1)
    return prism(outline, thickness)


def _legs(
    generator: np.random.Generator, count: int, reach: tuple[float, float], height: float
) -> list[Shape]:
    """Draw legs from the floor up to a height, on an ellipse or in two rows."""
    thick, slim = generator.uniform(0.03, 0.08), generator.uniform(0.5, 1.0)
    splay = generator.uniform(-0.15, 0.15)
    if count in (4, 6):
        along = np.linspace(-1, 1, count // 2)
        places = np.stack([np.tile(along, 2), np.repeat([-1.0, 1.0], count // 2)], axis=-1)
    else:
        angle = 2 * np.pi * np.arange(count) / count
        places = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    foot = (slim * thick, slim * thick)
    legs = []
    for x, y in places * reach:
        leg = frustum(foot, (thick, thick), height, (-splay * x, -splay * y))
        legs.append(moved(leg, (x * (1 + splay), y * (1 + splay), 0)))
    return legs


def _panel(width: float, height: float) -> Shape:
    """Return an upright padded panel that stands on the x axis."""
    panel = superquadric((width / 2, 0.04, height / 2), (0.5, 0.5), 8, 12)
    return moved(panel, (0, 0, height / 2))


def _hung(shade: Shape) -> Shape:
    """Return a lamp shade hung so that its rim points down from the origin."""
    return moved(shade, (0, 0, -float(shade.vertices[:, 2].max())))
