"""Where the weights of a network are kept."""

import os
import pathlib
from importlib import resources

from jaxtex import errors
from jaxtex.runtime import files

BUILT_IN = "vgg_lite"


def weights_folder() -> pathlib.Path:
    """Where fetched weights are put: `$JAXTEX_WEIGHTS`, or the user's cache."""
    return pathlib.Path(os.environ.get("JAXTEX_WEIGHTS") or files.cache_folder() / "weights")


def find_file(network: str) -> pathlib.Path | None:
    """The file of a network: in the package, where fetched ones are put, or in the folder weights; None if nowhere."""
    if network == BUILT_IN:
        return pathlib.Path(str(resources.files("jaxtex.weights") / "data" / f"{BUILT_IN}.h5"))
    candidates = [place / f"{network}.h5" for place in (weights_folder(), pathlib.Path("weights"))]
    return next((path for path in candidates if path.is_file()), None)


def require_file(network: str) -> pathlib.Path:
    """As `path_of`.

    Raises:
      UserError: nowhere; the text says what to type.
    """
    if path := find_file(network):
        return path
    raise errors.UserError(
        f"no weights for '{network}' in {weights_folder()} or weights/: type 'jaxtex-weights fetch {network}', or, with a file at "
        f"hand, 'jaxtex-weights convert FILE', or give --weights=FILE.h5; --network={BUILT_IN} is built in"
    )
