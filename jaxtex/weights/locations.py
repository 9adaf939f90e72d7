"""Folders that weight files are stored in and searched in."""

import os
import pathlib
from importlib import resources

from jaxtex import errors
from jaxtex.runtime import files

BUILT_IN = "vgg_lite"  # the network whose weights are part of the package
# SHA-256 of a file with more blocks -> that of the file that it extends. Records have the latter,
# so that runs of versions without these blocks are found.
EXTENDED = {
    "82208ae58e55047124aa504f5a37594abe9ca9476e902406dfbf0732b21a7fe1": (
        "cbaf344a2cefd2ba9a740cb70d4b4a9435867d826665a806f936c437fc52d462"
    )
}


def weights_folder() -> pathlib.Path:
    """Returns the folder for fetched weights: `$JAXTEX_WEIGHTS`, or in the user's cache."""
    return pathlib.Path(os.environ.get("JAXTEX_WEIGHTS") or files.cache_folder() / "weights")


def find_file(network: str) -> pathlib.Path | None:
    """Returns the weight file of a network, or None if there is none.

    The built-in network has a file in the package. For the others the folders are, in this order,
    `weights_folder()` and `weights/` in the current directory.
    """
    if network == BUILT_IN:
        return pathlib.Path(str(resources.files("jaxtex.weights") / "data" / f"{BUILT_IN}.h5"))
    candidates = [
        folder / f"{network}.h5" for folder in (weights_folder(), pathlib.Path("weights"))
    ]
    return next((path for path in candidates if path.is_file()), None)


def require_file(network: str) -> pathlib.Path:
    """Returns the weight file of a network, as `find_file`.

    Raises:
      UserError: there is no such file; the message names the commands that make one.
    """
    if path := find_file(network):
        return path
    raise errors.UserError(
        f"no weights for '{network}' in {weights_folder()} or weights/: type 'jaxtex-weights fetch "
        f"{network}', or 'jaxtex-weights convert FILE' for a downloaded file, or give "
        f"--weights=FILE.h5; --network={BUILT_IN} is built in"
    )
