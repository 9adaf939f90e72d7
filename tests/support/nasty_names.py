"""Names that a stranger's file may have, for tests of what is named after them."""

import numpy as np

NASTY = [
    "...png",
    "..png",
    ".",
    "..",
    "....",
    "/",
    "",
    " .png",
    ". .png",
    "a\nb.png",
    "tab\tand\x7f.png",
    "line\u2028.png",
    "-",
    "--help.png",
    "~",
    "*.png",
    "a.b.png",
    ".hidden.png",
    "folder/..png",
    "folder/",
    "x" * 255,
    "ü" * 127 + ".png",
    "漢" * 85,
    "\udcff.png",
    "😀" * 100,
]


def random_names(number=300):
    """Draws names from awkward characters, up to 300 of them."""
    rng = np.random.default_rng(0)
    characters = list("..  --~ab\n\t\x00\x7f\u2028ü漢😀\udcff\\'\"*?")
    return [
        "".join(rng.choice(characters, rng.integers(0, 300 if i % 9 == 0 else 5)))
        for i in range(number)
    ]


def is_usable(name):
    """True if a folder of this name is a new one, and its path is printed in one line."""
    return (
        name not in ("", ".", "..")
        and "/" not in name
        and len(name.splitlines()) == 1
        and len(name.encode(errors="surrogatepass")) <= 255
    )
