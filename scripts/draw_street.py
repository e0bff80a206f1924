"""Draws a street as a camera on a car sees it: sky, buildings, trees, pavements, road, cars, people, poles and a sign.

    python scripts/draw_street.py docs/scenes/street.jpg

Lengths are in metres: x to the right, y above the road, depth ahead.
"""

import pathlib
import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

WIDTH, HEIGHT = 480, 360
HORIZON, VANISHING, FOCAL = 165, 235, 330  # row and column where parallel lines meet; pixels of a metre one metre ahead
SCALE = 3  # drawn larger, then reduced: edges are smooth
SKY = ((214, 224, 238), (244, 244, 242))
BUILDINGS = {  # side: near and far end, height, colour
    -1: ((62, 95, 12, (104, 92, 84)), (42, 62, 16, (96, 84, 78)), (24, 42, 13, (146, 128, 108)), (8, 24, 15, (126, 96, 84))),
    1: ((66, 95, 14, (98, 92, 88)), (48, 66, 11, (150, 138, 120)), (30, 48, 17, (112, 96, 90)), (10, 20, 12, (142, 126, 112))),
}
TREES = ((7.2, 60), (-7.0, 52), (7.4, 40), (-7.2, 34), (7.6, 25), (-7.4, 20))
POLES = ((5.6, 45), (-5.6, 30), (5.5, 17))
CARS = (
    (1.9, 46, (150, 152, 156)),
    (-2.0, 30, (120, 34, 34)),
    (3.6, 24, (52, 62, 92)),
    (-3.7, 15, (170, 170, 172)),
    (2.0, 14, (40, 44, 52)),
)
PEOPLE = ((6.6, 19, (120, 60, 60)), (7.3, 19.5, (60, 70, 96)), (-6.2, 14, (52, 58, 52)), (5.9, 12, (40, 44, 60)))
random = np.random.default_rng(3)


def at(x, y, depth):
    """Column and row of a point, for a camera 1.5 metres above the road."""
    return SCALE * (VANISHING + FOCAL * x / depth), SCALE * (HORIZON + FOCAL * (1.5 - y) / depth)


def ground(draw, left, right, color, near=1.0, far=400.0):
    draw.polygon([at(left, 0, near), at(left, 0, far), at(right, 0, far), at(right, 0, near)], fill=color)


def facade(draw, x, bottom, top, near, far, color):
    """An upright rectangle along the road."""
    draw.polygon([at(x, bottom, near), at(x, top, near), at(x, top, far), at(x, bottom, far)], fill=color)


def front(draw, left, right, bottom, top, depth, color, narrower=0.0):
    """An upright rectangle that faces the camera, or a trapezium whose upper edge is narrower on both sides."""
    upper = at(left + narrower, top, depth), at(right - narrower, top, depth)
    draw.polygon([at(left, bottom, depth), *upper, at(right, bottom, depth)], fill=color)


def disc(draw, x, y, depth, radius, color):
    (column, row), size = at(x, y, depth), SCALE * FOCAL * radius / depth
    draw.ellipse([column - size, row - size, column + size, row + size], fill=color)


def shade(color, by):
    return tuple(int(np.clip(part + by, 0, 255)) for part in color)


def building(draw, side, near, far, height, color):
    facade(draw, 9.0 * side, 0, height, near, far, color)
    front(draw, *sorted((9.0 * side, 21.0 * side)), 0, height, far, shade(color, -25))
    for floor in np.arange(1.2, height - 1.5, 3.0):
        for depth in np.arange(near + 0.8, far - 1.2, 2.4):
            facade(draw, 9.0 * side, floor, floor + 1.7, depth, depth + 1.2, shade((52, 58, 66), random.integers(-12, 30)))


def tree(draw, x, depth):
    front(draw, x - 0.15, x + 0.15, 0, 3, depth, (70, 55, 42))
    for _ in range(170):
        dx, dy = random.normal(0, 1.0), random.normal(0, 0.9)
        disc(draw, x + dx, 4.3 + dy, depth, random.uniform(0.15, 0.4), shade((50, 62, 36), random.integers(-28, 26)))


def car(draw, x, depth, color):
    front(draw, x - 0.95, x + 0.95, -0.02, 0.12, depth, (25, 25, 27))  # its shadow
    front(draw, x - 0.9, x + 0.9, 0.25, 0.9, depth, color)
    front(draw, x - 0.8, x + 0.8, 0.9, 1.45, depth, shade(color, -20), narrower=0.18)
    front(draw, x - 0.68, x + 0.68, 0.93, 1.36, depth, (70, 82, 92), narrower=0.13)
    for side in (-1, 1):
        front(draw, *sorted((x + 0.5 * side, x + 0.75 * side)), 0, 0.45, depth, (22, 22, 24))
        front(draw, *sorted((x + 0.58 * side, x + 0.82 * side)), 0.6, 0.8, depth, (150, 30, 26))


def person(draw, x, depth, color):
    front(draw, x - 0.2, x + 0.2, 0, 0.85, depth, (40, 42, 55))
    front(draw, x - 0.26, x + 0.26, 0.8, 1.5, depth, color, narrower=0.04)
    disc(draw, x, 1.64, depth, 0.14, (176, 136, 112))


def street():
    """The image, a `PIL.Image` of 480x360 pixels."""
    image = Image.new("RGB", (SCALE * WIDTH, SCALE * HEIGHT))
    draw = ImageDraw.Draw(image)
    for row, share in enumerate(np.linspace(0, 1, SCALE * HORIZON)):
        draw.line([0, row, SCALE * WIDTH, row], fill=tuple(int(a + (b - a) * share) for a, b in zip(*SKY)))
    ground(draw, -60, 60, (96, 94, 96))
    ground(draw, -9, 9, (118, 112, 110))  # pavements
    ground(draw, -4.85, 4.85, (132, 130, 126))  # kerbs
    ground(draw, -4.6, 4.6, (74, 74, 80))  # road
    for near in range(4, 90, 6):
        ground(draw, -0.08, 0.08, (196, 196, 190), near, near + 3)
    for side, row_of_buildings in BUILDINGS.items():
        for values in row_of_buildings:
            building(draw, side, *values)
    for values in TREES:
        tree(draw, *values)
    for x, depth in POLES:
        front(draw, x - 0.06, x + 0.06, 0, 6, depth, (92, 94, 96))
    front(draw, 5.1, 5.9, 2.3, 3.1, 17, (176, 60, 50))  # a sign
    for values in CARS:
        car(draw, *values)
    for values in PEOPLE:
        person(draw, *values)
    image = image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS).filter(ImageFilter.GaussianBlur(0.6))
    grain = random.normal(0, 5, (HEIGHT, WIDTH, 1)) + random.normal(0, 2, (HEIGHT, WIDTH, 3))
    return Image.fromarray(np.clip(np.asarray(image, "float32") + grain, 0, 255).astype("uint8"))


if __name__ == "__main__":
    street().save(pathlib.Path(sys.argv[1]), quality=90)
