"""Remakes the pictures in the folder above: `python images/draw` (ten seconds).

Six textures are drawn, from fixed seeds; the other pictures are crops of photographs that come inside the scikit-image
package. Names after the command remake only those. README.md tells what each picture is and who may use it.

Drawings are made at twice their size and on a torus, so that all but the fur also tile. Coordinates are `(row, column)`
in pixels, colours are RGB in `[0, 1]`, and light falls from the upper left.
"""

import importlib.util
import pathlib
import sys

import numpy as np
from PIL import Image, ImageDraw

FOLDER = pathlib.Path(__file__).parent.parent
SIZE = 512  # of a drawing before it is halved
ROWS, COLUMNS = np.mgrid[0:SIZE, 0:SIZE].astype(float)


# What every drawing needs: noise, light and a torus.


def filtered(image, transfer, stretch=(1, 1)):
    """Multiplies the Fourier transform of `image` by `transfer(frequency)`; `stretch` lengthens rows or columns."""
    rows, columns = (np.fft.fftfreq(SIZE)[:, None] * stretch[0], np.fft.fftfreq(SIZE)[None, :] * stretch[1])
    return np.fft.ifft2(np.fft.fft2(image) * transfer(np.hypot(rows, columns))).real


def blurred(image, sigma):
    """Gaussian blur on the torus."""
    return filtered(image, lambda f: np.exp(-2 * (np.pi * sigma * f) ** 2))


def noise(rng, scale, slope=1.6, stretch=(1, 1)):
    """Smooth noise of unit deviation whose largest lumps are `scale` pixels; a steeper slope leaves out fine detail."""
    low = 1 / scale
    field = filtered(rng.standard_normal((SIZE, SIZE)), lambda f: (2 * f >= low) / np.maximum(f, low) ** slope, stretch)
    return field / field.std()


def wrapped(offset):
    """The shortest way round the torus."""
    return (offset + SIZE / 2) % SIZE - SIZE / 2


def window(centre, reach):
    """Indices of the square around `centre`, across the borders where need be."""
    return np.ix_(*[(int(c) + np.arange(-reach, reach)) % SIZE for c in centre])


def slopes(height):
    """Central differences along rows and columns."""
    return [(np.roll(height, -1, axis) - np.roll(height, 1, axis)) / 2 for axis in (0, 1)]


def lit(height, light=(-0.6, -0.5, 0.7)):
    """Lambert's law: how much light a relief catches, in `[0, 1]`."""
    down, right = slopes(height)
    facing = (light[2] - light[0] * down - light[1] * right) / np.sqrt(1 + down**2 + right**2)
    return np.clip(facing / np.linalg.norm(light), 0, 1)


def mixed(first, second, weight):
    """`first` where `weight` is 0, `second` where it is 1; colours are broadcast over positions."""
    return first + np.asarray(weight)[..., None] * (second - first)


def picked(rng, palette, count, spread=0.1):
    """`count` colours from a palette, each a little brighter or darker than there."""
    return np.array(palette)[rng.integers(len(palette), size=count)] * rng.uniform(1 - spread, 1 + spread, (count, 1))


# Pebbles: two layers of stones, each stone a rounded cell of a weighted Voronoi diagram.

STONES = [
    (0.66, 0.61, 0.55),
    (0.47, 0.46, 0.45),
    (0.76, 0.69, 0.58),
    (0.36, 0.40, 0.46),
    (0.58, 0.44, 0.34),
    (0.84, 0.80, 0.74),
    (0.60, 0.36, 0.28),
    (0.28, 0.27, 0.27),
    (0.51, 0.51, 0.42),
    (0.69, 0.57, 0.45),
    (0.43, 0.49, 0.53),
    (0.77, 0.62, 0.51),
]


def power(stones, i, at):
    """Squared distance from stone `i` less its squared radius, in the window `at`."""
    centres, radii, rows, columns = stones
    return wrapped(rows[at] - centres[i, 0]) ** 2 + wrapped(columns[at] - centres[i, 1]) ** 2 - radii[i] ** 2


def nearest_stone(stones, reach):
    """Which stone each position belongs to, and its power there."""
    owner, least = np.zeros((SIZE, SIZE), int), np.full((SIZE, SIZE), np.inf)
    for i, centre in enumerate(stones[0]):
        at = window(centre, reach)
        distance = power(stones, i, at)
        owner[at] = np.where(distance < least[at], i, owner[at])
        least[at] = np.minimum(distance, least[at])
    return owner, least


def scattered_stones(rng, count, reach, rounds=8):
    """Stones of unlike sizes, moved to the middle of their cells until they lie evenly (Lloyd's algorithm)."""
    radii = rng.uniform(0.6, 1.5, count)
    radii *= SIZE / np.sqrt(np.pi * np.sum(radii**2))
    centres = rng.uniform(0, SIZE, (count, 2))
    for _ in range(rounds):
        owner = nearest_stone((centres, radii, ROWS, COLUMNS), reach)[0].ravel()
        area = np.maximum(np.bincount(owner, minlength=count), 1)
        for axis, position in enumerate((ROWS.ravel(), COLUMNS.ravel())):
            shift = np.bincount(owner, wrapped(position - centres[owner, axis]), count) / area
            centres[:, axis] = (centres[:, axis] + shift) % SIZE
    bend = 0.05 * reach / 2
    return centres, radii, ROWS + bend * noise(rng, reach / 2, 2.5), COLUMNS + bend * noise(rng, reach / 2, 2.5)


def distance_to_edge(stones, owner, least, reach):
    """Distance to the border of the cell. A soft minimum over the neighbours rounds the corners."""
    centres, sharpness = stones[0], 18 / reach
    total = np.full((SIZE, SIZE), 1e-12)
    for i, centre in enumerate(centres):
        at = window(centre, reach)
        apart = np.hypot(*wrapped(centres[owner[at]] - centre).transpose(2, 0, 1))
        border = (power(stones, i, at) - least[at]) / np.maximum(2 * apart, 1e-6)
        total[at] += np.where(owner[at] == i, 0, np.exp(-sharpness * border))
    return -np.log(total) / sharpness


def stone_colours(rng, stones, owner):
    """A colour for each stone; some are banded, some carry a vein of quartz, all are speckled."""
    centres, _, rows, columns = stones
    count = len(centres)
    angle, fineness = rng.uniform(0, np.pi, count), rng.uniform(0.15, 0.5, count)
    veined = rng.uniform(size=count) < 0.14
    across = wrapped(rows - centres[owner, 0]) * np.cos(angle)[owner]
    across -= wrapped(columns - centres[owner, 1]) * np.sin(angle)[owner]
    bands = 0.3 * (rng.uniform(size=count) ** 4)[owner] * np.sin(fineness[owner] * across + 2.5 * noise(rng, 40, 2))
    speckles = rng.uniform(0.01, 0.07, count)[owner] * noise(rng, 5, 0.8)
    blotches = rng.uniform(0, 0.07, count)[owner] * noise(rng, 60)
    vein = 0.6 * veined[owner] * np.exp(-(((across + 3 * noise(rng, 60, 2)) / 1.6) ** 2))
    stone = picked(rng, STONES, count, spread=0.13) + rng.normal(0, 0.012, (count, 3))
    return mixed(stone[owner] * (1 + bands + speckles + blotches)[..., None], (0.9, 0.88, 0.84), vein)


def stone_layer(rng, count, gap):
    """Stones under light, and where they are."""
    reach = int(2 * SIZE / np.sqrt(count))
    stones = scattered_stones(rng, count, reach)
    owner, least = nearest_stone(stones, reach)
    edge = distance_to_edge(stones, owner, least, reach) - gap * reach
    radius = 0.75 * stones[1][owner]
    dome = radius * np.sqrt(1 - (1 - np.clip(edge / radius, 0, 1)) ** 2)
    light = lit(dome + 0.25 * noise(rng, 20, 1.4))
    open_sky = 0.35 + 0.65 * np.clip(dome / (0.22 * reach), 0, 1)
    brightness = 0.33 * open_sky + light * (0.48 + 0.6 * open_sky)
    shine = 0.12 * light**24
    return stone_colours(rng, stones, owner) * brightness[..., None] + shine[..., None], np.clip(edge + 0.5, 0, 1)


def pebbles(rng):
    """River pebbles over smaller ones, which lie in their shadow."""
    below, is_below = stone_layer(rng, 520, gap=0.01)
    above, is_above = stone_layer(rng, 105, gap=0.026)
    shadow = 1 - 0.72 * blurred(np.roll(is_above, (6, 6), (0, 1)), 5)
    return mixed(0.7 * below * (is_below * shadow)[..., None], above, is_above) ** 0.9


# Bricks: a running bond of boxes with rounded corners, each a little off its place.

BRICKS = [
    (0.64, 0.29, 0.19),
    (0.57, 0.25, 0.18),
    (0.70, 0.37, 0.24),
    (0.50, 0.23, 0.18),
    (0.61, 0.34, 0.25),
    (0.73, 0.45, 0.30),
    (0.43, 0.23, 0.20),
    (0.66, 0.31, 0.18),
    (0.54, 0.31, 0.23),
]


def brick_layout(rng, courses=10, per_course=4):
    """Which brick each position belongs to, and the distance to that brick's edge (negative in the mortar)."""
    height, width, count = SIZE / courses, SIZE / per_course, courses * per_course
    rows = ROWS + 1.8 * noise(rng, 90, 2) + 0.5 * noise(rng, 8)
    columns = COLUMNS + 1.8 * noise(rng, 90, 2) + 0.5 * noise(rng, 8)
    course = np.floor(rows / height).astype(int) % courses
    columns = columns + (course % 2) * width / 2 + rng.uniform(-6, 6, courses)[course]
    owner = course * per_course + np.floor(columns / width).astype(int) % per_course
    right = columns % width - width / 2 + rng.uniform(-2.5, 2.5, count)[owner]
    down = rows % height - height / 2 + rng.uniform(-1.5, 1.5, count)[owner]
    down = down + right * rng.normal(0, 0.014, count)[owner]  # tilted
    right = np.abs(right) - width / 2 + rng.uniform(10, 13, count)[owner]
    down = np.abs(down) - height / 2 + rng.uniform(9.5, 11.5, count)[owner]
    outside = np.hypot(np.maximum(right, 0), np.maximum(down, 0))
    return owner, 5 - outside - np.minimum(np.maximum(right, down), 0) + 0.8 * noise(rng, 16, 1.4)


def brick_colours(rng, owner):
    """Fired clay: uneven, burnt dark in places, with some lime on it."""
    count = owner.max() + 1
    burnt = 0.5 / (1 + np.exp(3 * (rng.uniform(0.4, 3, count)[owner] - noise(rng, 50, 2))))
    tone = (1 + 0.07 * noise(rng, 70) + 0.06 * noise(rng, 6, 1)) * (1 - burnt)
    clay = picked(rng, BRICKS, count)[owner] * tone[..., None]
    return mixed(clay, (0.78, 0.7, 0.62), 0.45 * np.clip(noise(rng, 40, 1.3) - 1.5, 0, 1))


def bricks(rng):
    """A wall of old bricks in sandy mortar."""
    owner, edge = brick_layout(rng)
    is_brick = np.clip(edge + 0.5, 0, 1)
    pits = np.clip(noise(rng, 10, 1.7) - 1.6, 0, 1.5)
    clay = brick_colours(rng, owner) * (1 - 0.3 * np.clip(pits, 0, 1))[..., None]
    mortar = np.array([0.72, 0.68, 0.61]) * (1 + 0.05 * noise(rng, 4, 0.8) + 0.05 * noise(rng, 60))[..., None]
    face = 4.5 * (1 - np.exp(-np.maximum(edge, 0) / 3)) + 0.3 * noise(rng, 14, 1.5) - 1.4 * pits
    joint = 0.45 * noise(rng, 8, 1.3) - 0.8
    light = lit(joint + is_brick * (face - joint), light=(-0.6, -0.45, 1))
    shadow = 1 - 0.4 * blurred(np.roll(is_brick, (5, 4), (0, 1)), 3) * (1 - is_brick)
    return mixed(mortar, clay, is_brick) * ((0.34 + 0.93 * light) * shadow)[..., None]


# Weave: two sets of threads that go over and under each other in turn.

WARP = [(0.13, 0.23, 0.36), (0.16, 0.30, 0.44), (0.10, 0.18, 0.29), (0.20, 0.38, 0.48), (0.25, 0.43, 0.50)]
WEFT = [(0.78, 0.54, 0.24), (0.72, 0.36, 0.20), (0.86, 0.72, 0.48), (0.62, 0.26, 0.18), (0.83, 0.63, 0.34)]


def threads(rng, across, along, palette, phase, grain, count=20):
    """Threads that run along one axis; `grain` is the noise of their fibres.

    Returns:
      Their height (in half widths, -2 between threads) and their colours.
    """
    pitch = SIZE / count
    thread = np.floor(across / pitch).astype(int) % count
    side = (2 * (across / pitch % 1) - 1) / rng.uniform(0.9, 1, count)[thread]
    wave = 0.45 * np.cos(np.pi * (along / pitch - 0.5 + phase + thread % 2))
    plies = np.sin(2 * np.pi * (1.5 * along / pitch + 0.7 * side) + rng.uniform(0, 7, count)[thread])
    height = wave + np.sqrt(np.clip(1 - side**2, 0, 1)) + 0.035 * plies + 0.012 * grain
    tone = 1 + 0.1 * plies + 0.1 * grain + 0.04 * noise(rng, 60)
    return np.where(np.abs(side) < 1, height, -2), picked(rng, palette, count)[thread] * tone[..., None]


def weave(rng):
    """Coarse cloth of blue warp and warm weft."""
    rows = ROWS + 2 * noise(rng, 130, 2.6) + 0.3 * noise(rng, 25, 2)
    columns = COLUMNS + 2 * noise(rng, 130, 2.6) + 0.3 * noise(rng, 25, 2)
    warp, warp_colours = threads(rng, columns, rows, WARP, 0, noise(rng, 5, 1.5, (8, 1)))
    weft, weft_colours = threads(rng, rows, columns, WEFT, 1, noise(rng, 5, 1.5, (1, 8)))
    height = blurred(np.maximum(np.maximum(warp, weft), -0.7), 1)
    light = lit(8 * height, light=(-0.65, -0.5, 0.9))
    open_sky = np.clip(0.62 + 0.5 * height - 0.3 * blurred(height, 7), 0.1, 1.1)
    cloth = mixed(weft_colours, warp_colours, 1 / (1 + np.exp(30 * (weft - warp))))
    return cloth * ((0.38 + 0.85 * light) * open_sky)[..., None] + 0.03 * (light**30)[..., None]


# Water: light that waves on the surface gather on the floor of a pool.


def enlarged(image, factor):
    """Bicubic, on the torus."""
    border = 4
    padded = Image.fromarray(np.pad(image, border, mode="wrap").astype(np.float32))
    size = factor * (SIZE + 2 * border)
    inside = slice(factor * border, -factor * border)
    return np.array(padded.resize((size, size), Image.BICUBIC))[inside, inside]


def swell(frequency):
    """How high waves of each frequency are: mostly those of some 80 pixels, none of more than 150."""
    return np.exp(-((0.0072 / np.maximum(frequency, 1e-9)) ** 4)) / np.maximum(frequency, 0.012) ** 3.5


def caustics(waves, depth, factor=6):
    """Brightness of the floor: every ray is bent by the slope of the waves where it enters."""
    down, right = (enlarged(slope, factor) for slope in slopes(waves))
    start = np.arange(factor * SIZE) / factor
    rows = np.floor(start[:, None] - depth * down).astype(int) % SIZE
    columns = np.floor(start[None, :] - depth * right).astype(int) % SIZE
    rays = np.bincount((rows * SIZE + columns).ravel(), minlength=SIZE**2).reshape(SIZE, SIZE)
    return blurred(rays / factor**2, 0.8)


def water(rng):
    """A sunlit pool. Red, green and blue are bent unlike, which gives the bright lines coloured rims."""
    waves = filtered(rng.standard_normal((SIZE, SIZE)), swell)
    waves /= np.sqrt(sum(np.mean(slope**2) for slope in slopes(waves)))
    floor = np.stack([caustics(waves, depth) for depth in (7.7, 8.0, 8.3)], axis=-1)
    light = floor / (floor + 1.6)
    colours = mixed(np.array([0.0, 0.21, 0.37]), np.array([0.16, 0.90, 0.98]), light[..., 1])
    colours = colours + np.clip(light - 0.42, 0, 1) * np.array([1.2, 1.1, 0.95])
    return colours * (1 - 0.1 * slopes(waves)[0])[..., None]


# Fur: many thousand hairs, drawn from the bottom up so that each lies on the roots of those below it.

DARK, TAN, CREAM = np.array([[0.21, 0.14, 0.10], [0.75, 0.53, 0.31], [0.94, 0.83, 0.66]])


def hair_colours(rng, rows, columns):
    """Tabby: dark stripes on tan, with lighter hairs among them."""
    stripes = np.sin(10 * np.pi * COLUMNS / SIZE + 1.1 * noise(rng, 110, 2.2) + 0.35 * noise(rng, 30, 1.8))
    darkness = (1 / (1 + np.exp(-4 * (stripes - 0.2))))[rows, columns] + rng.normal(0, 0.12, rows.size)
    shade = rng.standard_normal(rows.size)
    light = mixed(TAN, CREAM, np.clip(0.3 + 0.3 * shade, 0, 1))
    brightness = 1 + 0.1 * shade + 0.08 * noise(rng, 50, 2)[rows, columns]
    return mixed(light, DARK, np.clip(darkness, 0, 1)) * brightness[:, None]


def draw_hair(pen, row, column, angle, curl, length, colour, joints=5):
    """A curved line that brightens from root to tip."""
    for joint in range(joints):
        direction = angle + curl * joint / joints
        tip = row + length / joints * np.sin(direction), column + length / joints * np.cos(direction)
        tone = tuple(int(255 * c) for c in np.clip(colour * (0.55 + 0.6 * (joint + 0.5) / joints), 0, 1))
        pen.line((2 * column, 2 * row, 2 * tip[1], 2 * tip[0]), fill=tone, width=3 if joint < 3 else 2)
        row, column = tip


def fur(rng, count=60000):
    """A tabby's coat."""
    rows, columns = -np.sort(-rng.uniform(-0.06, 1, count)) * SIZE, rng.uniform(-0.05, 1.05, count) * SIZE
    at = rows.astype(int) % SIZE, columns.astype(int) % SIZE
    angles = np.pi / 2 + 0.25 + 0.3 * noise(rng, 170, 2.4)[at] + rng.normal(0, 0.13, count)
    colours = hair_colours(rng, *at)
    picture = Image.new("RGB", (2 * SIZE, 2 * SIZE), (60, 40, 25))
    pen = ImageDraw.Draw(picture)
    for hair in zip(rows, columns, angles, rng.normal(0, 0.25, count), rng.gamma(8, 3.2, count), colours, strict=True):
        draw_hair(pen, *hair)
    return np.asarray(picture.resize((SIZE, SIZE), Image.BOX)) / 255


# Leaves: fallen one on another, each with its shadow.

LEAVES = [
    (0.78, 0.34, 0.12),
    (0.85, 0.57, 0.17),
    (0.66, 0.20, 0.12),
    (0.55, 0.31, 0.14),
    (0.88, 0.70, 0.26),
    (0.48, 0.41, 0.16),
    (0.74, 0.45, 0.18),
    (0.58, 0.16, 0.13),
    (0.40, 0.25, 0.14),
    (0.60, 0.57, 0.22),
]
REACH = 56  # of the square in which one leaf is drawn
LEAF_ROWS, LEAF_COLUMNS = np.mgrid[-REACH:REACH, -REACH:REACH].astype(float)


def leaf_shape(rng, angle, length, crinkle):
    """One leaf and its stalk.

    Returns:
      Coverage, the place across (-1 to 1 within the blade) and the brightness of the veins.
    """
    along = (np.cos(angle) * LEAF_COLUMNS + np.sin(angle) * LEAF_ROWS) / length
    across = (np.cos(angle) * LEAF_ROWS - np.sin(angle) * LEAF_COLUMNS) / length
    across = across - rng.uniform(-0.25, 0.25) * (along**2 - 0.4)
    place = np.clip((along + 1) / 2, 0, 1)
    half_width = rng.uniform(0.62, 0.94) * np.sin(np.pi * place**0.8) ** 0.9 * (1 - 0.25 * place)
    half_width *= 1 + 0.05 * np.sin(40 * along + 1.8 * crinkle)
    blade = np.clip(length * (half_width - np.abs(across)) + 0.5, 0, 1)
    stalk = np.clip(length * (0.03 - np.abs(across)) + 0.5, 0, 1) * (np.abs(along + 1.09) < 0.19)
    side_veins = np.exp(-((((5.5 * (along - 1.1 * np.abs(across))) % 1 - 0.5) / 0.09) ** 2))
    veins = np.exp(-((across * length / 1.1) ** 2)) + 0.55 * side_veins
    return np.maximum(blade, stalk), across / np.maximum(half_width, 1e-3), veins


def leaf_colours(rng, angle, across, veins, fine, crinkle, blotches):
    """From one autumn colour at the midrib to another at the rim, with spots; one half of the blade faces the light."""
    midrib, rim = picked(rng, LEAVES, 2, spread=0.13)
    edge = np.clip(np.abs(across), 0, 1)
    blend = rng.uniform(0.2, 0.9) * np.clip(0.5 * edge + 0.25 * blotches - 0.25, 0, 1)
    tilt = np.sign(across) * np.clip(3 * edge, 0, 1) * (0.5 * np.sin(angle) - 0.65 * np.cos(angle))
    light = 1.1 - 0.1 * edge + rng.uniform(0.1, 0.3) * tilt + 0.06 * crinkle + 0.035 * fine
    blade = mixed(midrib, rim, blend) * light[..., None]
    blade = blade + 0.15 * veins[..., None] * (0.2 * blade + (0.3, 0.23, 0.12))
    return blade * (1 - 0.5 * np.clip(0.6 * fine + blotches - 1.9, 0, 1))[..., None]


def leaves(rng, count=700):
    """Autumn leaves on the ground."""
    ground = np.full((SIZE, SIZE, 3), (0.10, 0.07, 0.05))
    fields = [noise(rng, scale) for scale in (6, 30, 50)]
    for i in range(count):
        at = window(rng.uniform(0, SIZE, 2), REACH)
        angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(26, 43)
        fine, crinkle, blotches = (field[at] for field in fields)
        cover, across, veins = leaf_shape(rng, angle, length, crinkle)
        colours = leaf_colours(rng, angle, across, veins, fine, crinkle, blotches)
        shadow = sum(np.roll(cover, (4 + k, 3 + m), (0, 1)) for k in (-2, 0, 2) for m in (-2, 0, 2)) / 9
        depth = 0.35 + 0.65 * (i / count) ** 0.7
        ground[at] = mixed(ground[at] * (1 - 0.6 * shadow)[..., None], depth * colours, cover)
    return 1.05 * ground


# Photographs.

GRASS = [(0.04, 0.07, 0.02), (0.16, 0.27, 0.06), (0.36, 0.50, 0.13), (0.66, 0.72, 0.33), (0.96, 0.94, 0.70)]
GRAVEL = [(0.06, 0.05, 0.05), (0.35, 0.33, 0.33), (0.64, 0.60, 0.56), (0.98, 0.94, 0.87)]

DRAWN = {
    "pebbles": (pebbles, 3),
    "bricks": (bricks, 5),
    "weave": (weave, 11),
    "water": (water, 2),
    "fur": (fur, 4),
    "leaves": (leaves, 8),
}  # name: function, seed

CROPS = {
    "grass": ("grass.png", (256, 110, 512, 366), 256, GRASS),
    "gravel": ("gravel.png", (128, 128, 384, 384), 256, GRAVEL),
    "tissue": ("ihc.png", (22, 56, 172, 206), 192, None),
    "galaxies": ("hubble_deep_field.jpg", (60, 36, 860, 836), 256, None),
    "astronaut": ("astronaut.png", (90, 0, 346, 256), 256, None),
    "cat": ("chelsea.png", (70, 20, 326, 276), 256, None),
    "coffee": ("coffee.png", (90, 0, 490, 400), 256, None),
}  # name: file of scikit-image; left, upper, right, lower; size; colours from black to white for a grey photograph


def give_up(message):
    """Ends with one line and status 2."""
    print(f"draw: {message}", file=sys.stderr)
    sys.exit(2)


def photographs():
    """The folder of pictures in the installed scikit-image."""
    package = importlib.util.find_spec("skimage")
    if package is None:
        give_up("the photographs come from scikit-image: pip install scikit-image")
    return pathlib.Path(package.origin).parent / "data"


def graded(grey, colours):
    """Gives a grey picture colours by its brightness."""
    grey = np.asarray(grey, float)
    grey = (grey - grey.min()) / np.ptp(grey)
    stops = np.linspace(0, 1, len(colours))
    return np.stack([np.interp(grey, stops, channel) for channel in zip(*colours, strict=True)], axis=-1)


def to_image(colours):
    """Rounds colours in `[0, 1]` to 8 bits."""
    return Image.fromarray(np.round(255 * np.clip(colours, 0, 1)).astype(np.uint8))


def drawn(function, seed):
    """A drawing at half its size."""
    return to_image(function(np.random.default_rng(seed))).resize((SIZE // 2, SIZE // 2), Image.LANCZOS)


def cropped(file, box, size, colours):
    """A square of a photograph."""
    photograph = Image.open(photographs() / file)
    photograph = photograph.convert("RGB") if colours is None else to_image(graded(photograph.convert("L"), colours))
    return photograph.crop(box).resize((size, size), Image.LANCZOS)


def main(names):
    """Saves the pictures that are named, or all of them."""
    unknown = set(names) - {*DRAWN, *CROPS}
    if unknown:
        give_up(f"unknown picture {min(unknown)!r}; there are: {', '.join([*DRAWN, *CROPS])}")
    for name in names or [*DRAWN, *CROPS]:
        picture = drawn(*DRAWN[name]) if name in DRAWN else cropped(*CROPS[name])
        picture.save(FOLDER / f"{name}.png", optimize=True)
        print(FOLDER / f"{name}.png")


if __name__ == "__main__":
    main(sys.argv[1:])
