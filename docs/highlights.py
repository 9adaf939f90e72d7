"""Makes docs/highlights.jpg: what jaxtex can do, three pictures in a row.

python docs/highlights.py        (`make gallery` runs it, too)
"""

import pathlib
from collections.abc import Callable

import numpy as np
from PIL import Image

import jaxtex

IMAGES = pathlib.Path(__file__).parent.parent / "images"
SIDE = 256  # pixels of a picture
GAP = 8  # pixels between pictures
Row = list[np.ndarray]


def load(name: str) -> np.ndarray:
    """Loads a picture of `images/`, `[256, 256, 3]`."""
    return jaxtex.images.resize(jaxtex.load_image(str(IMAGES / f"{name}.png")), SIDE, SIDE)


def two_by_two(picture: np.ndarray) -> np.ndarray:
    """Returns a picture repeated two times in both directions."""
    return np.tile(picture, (2, 2, 1))


def transfer() -> Row:
    """Returns a photograph, a style, and the photograph in the style."""
    photograph, style = load("astronaut"), load("leaves")
    return [photograph, style, jaxtex.transfer(photograph, style)]


def tile() -> Row:
    """Returns a photograph, and two by two of it as it is and made a tile."""
    gravel = load("gravel")[64:192, 64:192]
    tileable = jaxtex.synthesize(None, init=gravel, make_tileable=True)
    return [jaxtex.images.resize(gravel, SIDE, SIDE), two_by_two(gravel), two_by_two(tileable)]


def hole() -> Row:
    """Returns a wall with a hole, the hole filled, and the wall as it was."""
    bricks = load("bricks")
    mask = np.zeros((SIDE, SIDE), np.float32)
    mask[88:168, 88:168] = 1
    filled = jaxtex.synthesize(None, init=bricks, fill=mask)
    return [np.maximum(bricks, mask[..., None]), filled, bricks]


def material() -> Row:
    """Returns colors, normals and heights of a new piece of a material."""
    maps = [str(IMAGES / f"pebbles_{name}.png") for name in ("normal", "height")]
    made = jaxtex.synthesize(load("pebbles"), maps=maps)
    return [made[..., :3], made[..., 3:6], made[..., 6:]]


def regular() -> Row:
    """Returns a weave, and textures without and with a term for its arrangement."""
    weave = load("weave")
    return [weave, jaxtex.synthesize(weave, arrangement_weight=0), jaxtex.synthesize(weave)]


def larger() -> Row:
    """Returns a small picture enlarged, with the detail of a sharp one, and the true one."""
    water = load("water")
    left, right = water[:, : SIDE // 2], water[:, SIDE // 2 :]
    small = jaxtex.images.resize(right, SIDE // 4, SIDE // 8)
    choices = {"init": small, "preset": "enhance", "height": SIDE, "width": SIDE // 2}
    halves = (jaxtex.images.resize(small, SIDE, SIDE // 2), jaxtex.synthesize(left, **choices))
    return [np.concatenate([left, half], 1) for half in (*halves, right)]


ROWS: tuple[Callable[[], Row], ...] = (transfer, tile, hole, material, regular, larger)


def main() -> None:
    """Makes all rows and writes them beside this file."""
    rows = []
    for make in ROWS:
        frame = ((0, GAP), (0, GAP), (0, 0))
        rows.append(np.hstack([np.pad(each, frame, constant_values=1) for each in make()]))
    picture = np.uint8(255 * np.vstack(rows)[:-GAP, :-GAP] + 0.5)
    path = pathlib.Path(__file__).with_name("highlights.jpg")
    Image.fromarray(picture).save(path, quality=85)


if __name__ == "__main__":
    main()
