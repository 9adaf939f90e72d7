"""Source images of a run at the size in which they are used, for sheets and for metrics."""

import dataclasses
import pathlib
from collections.abc import Sequence

import jax
import numpy as np

from jaxtex import errors, images, weights
from jaxtex.networks import receptive_fields
from jaxtex.runs import run_folder
from jaxtex.runtime import xla_options
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import input_images, settings
from jaxtex.synthesis.canvas import holes

NUM_PATCHES = 9  # in a mosaic
MIN_PATCH_SIDE = 30  # pixels; smaller patches are enlarged by a whole factor
GAP = 2  # pixels between patches


def load_sources(style: str, config: configs.Config) -> list[np.ndarray]:
    """Loads the images that a result is made from.

    Args:
      style: paths or built-in names of the exemplars, separated by commas.
      config: choices of the run.

    Returns:
      Content, a picture that is filled by another style, exemplars and further maps, each `[H, W,
      3]` in [0, 1]. With `config.excite`, the
      patches of the exemplars that activate its feature map most.
    """
    exemplars = [images.load(path) for path in configs.split_paths(style)]
    if config.excite and exemplars:
        return [strongest_patches(exemplars, config)]

    content = [images.load(config.content)] if config.content else []
    if holes.default_style("", dataclasses.asdict(config)) not in ("", style):
        content = [images.load(config.init)]
    maps = [images.load(path) for path in configs.split_paths(config.maps)]
    return [
        *(input_images.resize_input(image, config.size) for image in content),
        *(input_images.resize_style(image, config) for image in (*exemplars, *maps)),
    ]


def reference_image(style: str, config: configs.Config) -> np.ndarray | None:
    """Loads the image that the result is compared with by metrics.

    Args:
      style: as for `load_sources`.
      config: choices of the run.

    Returns:
      The first exemplar, or else the content, `[H, W, 3]` in [0, 1]; None with `config.excite`.

    Raises:
      UserError: the run has neither.
    """
    if config.excite:
        return None
    paths = configs.split_paths(style)
    if paths:
        return input_images.resize_style(images.load(paths[0]), config)
    if not config.content:
        raise errors.UserError("a run has neither --style nor --content")
    return input_images.resize_input(images.load(config.content), config.size)


def transfer_content(style: str, config: configs.Config) -> np.ndarray | None:
    """Loads the content of a style transfer, `[H, W, 3]` in [0, 1]; None for any other run.

    Args:
      style: as for `load_sources`.
      config: choices of the run.
    """
    if not config.content or not configs.split_paths(style):
        return None
    return input_images.resize_input(images.load(config.content), config.size)


def sheet_column(
    sources: Sequence[np.ndarray],
    folder: pathlib.Path,
    config: configs.Config,
    steps: Sequence[int] = (),
) -> list[np.ndarray]:
    """Collects the images of a finished run for one column of a contact sheet.

    Args:
      sources: result of `load_sources`.
      folder: of the run.
      config: choices of the run.
      steps: of the snapshots to show; those that the run does not have are skipped.

    Returns:
      Sources, snapshots at the size of the result, result and its further maps.
    """
    maps = configs.split_paths(config.maps)
    paths = run_folder.result_paths(folder / run_folder.RESULT, maps)
    results = [images.load(path) for path in paths]
    height, width = results[0].shape[:2]

    snapshots = []
    for step in steps:
        path = run_folder.snapshot_path(folder, step)
        if step < config.num_steps and path.is_file():
            snapshots.append(images.resize(images.load(path), height, width))
    return [*sources, *snapshots, *results]


def strongest_patches(pictures: Sequence[np.ndarray], config: configs.Config) -> np.ndarray:
    """Arranges the patches that activate a feature map most in a square mosaic.

    Args:
      pictures: images to search, each `[H, W, 3]` in [0, 1].
      config: choices of the run; `config.excite` names the feature map.

    Returns:
      Mosaic, `[H, W, 3]` in [0, 1], the strongest patch first.

    Raises:
      UserError: the layer or the channel does not exist.
    """
    layer, channel = settings.parse_feature_map(config.excite)
    choice = dataclasses.replace(settings.network_choice(config), octaves=1)
    network, variables = weights.load_network(choice, (layer,))
    apply = jax.jit(network.apply, compiler_options=xla_options.compiler_options(often=False))

    resized = [input_images.resize_style(picture, config) for picture in pictures]
    responses = []
    for picture in resized:
        responses.append(np.asarray(apply(variables, picture)[layer][..., channel]))

    field = receptive_fields.receptive_field(network.network, layer)
    distance = max(1, field.side // (2 * field.stride))
    positions = receptive_fields.strongest_positions(responses, NUM_PATCHES, distance)
    patches = [
        receptive_fields.cut_patch(resized[image], field, row, column)
        for image, row, column in positions
    ]
    return _mosaic(patches)


def _mosaic(patches: Sequence[np.ndarray]) -> np.ndarray:
    """Arranges square patches row by row on white, enlarged to at least `MIN_PATCH_SIDE`."""
    columns = int(np.ceil(len(patches) ** 0.5))
    tiles = []
    for patch in patches:
        factor = -(-MIN_PATCH_SIDE // len(patch))  # rounded up
        enlarged = patch.repeat(factor, 0).repeat(factor, 1)
        tiles.append(np.pad(enlarged, ((0, GAP), (0, GAP), (0, 0)), constant_values=1.0))

    tiles += [np.ones_like(tiles[0])] * (-len(tiles) % columns)
    rows = [np.concatenate(tiles[i : i + columns], 1) for i in range(0, len(tiles), columns)]
    return np.concatenate(rows)
