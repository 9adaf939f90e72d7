"""Making of a description: an exemplar and choices -> its summaries at each scale."""

import hashlib
import os
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jaxtex import errors, images, weights
from jaxtex.synthesis import input_images, planning
from jaxtex.synthesis import settings as parsing
from jaxtex.synthesis.descriptions import contents
from jaxtex.synthesis.starts import references, spot_noise

# Choices that a description cannot hold: they need images, or compare with them.
NEEDS_IMAGES = (
    *("content", "previous_content", "masks", "style_masks", "maps", "style_weights", "excite"),
    *("fill", "grow", "guide", "augment", "mix"),
)


@jax.transfer_guard("allow")
def describe(exemplar: np.ndarray | str | os.PathLike, **choices: Any) -> contents.Description:
    """Describes an exemplar by the summaries that a synthesis aims at.

    >>> jaxtex.describe("bricks", size=128).save("bricks.h5")
    >>> result = jaxtex.synthesize("bricks.h5", seed=1)

    The result is, bit for bit, that of a synthesis from the exemplar with the same choices.

    Args:
      exemplar: `[H, W, 3]`, sRGB in [0, 1], or its path or built-in name.
      **choices: fields of `jaxtex.Config`. `network`, `statistic`, `layers`, `size` and others that
        decide the summaries are kept in the description, with the size of the result; `seed`,
        `num_steps`, `optimizer` and others that do not may be chosen again for each synthesis.

    Returns:
      The description; its method `save` writes it to a file.

    Raises:
      UserError: the exemplar or a choice cannot be used, or the statistic compares samples instead
        of summaries.
    """
    settings = parsing.parse_choices(choices)
    refuse_images(settings)
    if isinstance(exemplar, str | os.PathLike):
        exemplar = images.load(exemplar)
    given = images.validate(exemplar, (3,), "an exemplar")
    inputs = input_images.build_inputs([given], None, settings)
    plan = planning.build_plan(inputs, settings)

    levels: list[contents.Level] = []
    for problem in plan.problems:
        size = (problem.height, problem.width)
        (source,) = references.noise_sources(inputs, size)
        examples = references.detail_examples(inputs, size) if levels else None
        targets = {
            name: dict(_leaves(target)) for name, target in problem.data(0)["targets"].items()
        }
        levels.append(contents.Level(*size, targets, source, examples))
    return contents.Description(
        choices={name: getattr(settings.config, name) for name in contents.DECISIVE},
        height=given.shape[0],
        width=given.shape[1],
        weights_sha256=weights_hash(settings),
        arrangement_weight=plan.arrangement_weight,
        composed=spot_noise.is_composed(inputs.styles[0]),
        gray=inputs.gray is not None,
        mean=inputs.styles[0].mean((0, 1)),
        levels=tuple(levels),
    )


def refuse_images(settings: parsing.Settings) -> None:
    """Raises for choices that need images, and for statistics that compare samples.

    Raises:
      UserError: the message names the flag.
    """
    config = settings.config
    for name in NEEDS_IMAGES:
        if getattr(config, name):
            raise errors.UserError(f"--{name}: cannot be used with a description")
    if config.alpha != "white":
        raise errors.UserError(f"--alpha={config.alpha}: a description has no transparency")
    if config.statistic == "own":
        raise errors.UserError(
            "--statistic: a description needs the name of a statistic, not a Statistic of your own"
        )
    for summand in settings.statistic:
        if summand.statistic.stochastic or summand.statistic.critic:
            raise errors.UserError(
                f"--statistic={summand.name}: compares samples of the exemplar, which a "
                "description does not hold; use one of averages, such as mean_and_covariance"
            )


def weights_hash(settings: parsing.Settings) -> str:
    """Returns the hash of the network's weights up to the layers of the statistics."""
    names = [each for part in settings.statistic for each in part.layers or settings.layers]
    _, variables = weights.load_network(settings.network, tuple(dict.fromkeys(names)), 1)
    found = hashlib.sha256()
    for place, array in sorted(_leaves(variables)):
        found.update(place.encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def restore(name: str, target: Any, stored: Mapping[str, np.ndarray]) -> Any:
    """Returns a target with the stored arrays in place of its own.

    Stored arrays that the target does not have, as in descriptions of 1.0.0, are left out.

    Args:
      name: of the term.
      target: of another exemplar of the same size.
      stored: from a description.

    Raises:
      UserError: an array is missing or has another shape.
    """
    leaves, tree = jax.tree_util.tree_flatten_with_path(target)
    shapes = {jax.tree_util.keystr(place): np.shape(leaf) for place, leaf in leaves}
    if shapes != {place: stored[place].shape for place in shapes if place in stored}:
        raise errors.UserError(
            f"the description has another target of '{name}': describe the exemplar again"
        )
    return jax.tree_util.tree_unflatten(tree, [stored[place] for place in shapes])


def _leaves(tree: Any) -> list[tuple[str, np.ndarray]]:
    """Returns path and array of each leaf."""
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    return [(jax.tree_util.keystr(place), np.asarray(leaf)) for place, leaf in leaves]
