"""Config -> problems: here names become functions and paths become arrays."""

import functools

import jax
import numpy as np

from jaxtex import compilation, errors, images, losses, networks, optimizers, statistics, store, synthesis, weights
from jaxtex import config as configs

COARSEST = 96  # pixels: where `scales = 0` stops halving


def load_network(config: configs.Config) -> tuple[networks.Pyramid, dict, dict[str, float]]:
    """The network with its layers chosen and norms folded, its variables, and the weight of each of its outputs.

    Raises:
      UserError: a name is unknown, the weights do not fit, or they end before a layer that is wanted.
    """
    network = errors.choose("network", config.network, networks.NETWORKS)
    loaded = weights.load(config.weights or store.find(config.network))
    weights.check(loaded, network.widths, network.batch_norm)
    pooling = config.pooling or loaded.pooling
    errors.choose("pooling", pooling, networks.POOLINGS)
    errors.choose("padding", config.padding, networks.PADDINGS)
    wanted = configs.parse_layers(config.layers) or {name: 1.0 for name in default_layers(network)}
    network = networks.select(network.clone(pooling=pooling, padding=config.padding), tuple(wanted))
    require_layers(network, loaded)
    network, variables = networks.fold(network, loaded.variables)
    octaves = {networks.octave_name(name, o): weight for o in range(config.octaves) for name, weight in wanted.items()}
    return networks.pyramid(network, config.octaves), jax.device_put(variables), octaves


def default_layers(network: networks.VGG) -> tuple[str, ...]:
    """Every ReLU of the first three blocks."""
    return tuple(name for name in networks.layer_names(network) if name.startswith(("relu1", "relu2", "relu3")))


def require_layers(network: networks.VGG, loaded: weights.Weights) -> None:
    """Raises:
    UserError: the network runs through a layer that the weights have no numbers for.
    """
    folded = loaded.about.get("norm") == "folded"
    for name in network.layers if folded else ():
        if name.startswith("conv"):
            norm = name.replace("conv", "bn")
            raise errors.UserError(f"these weights have the norms folded in: there is '{norm}', but no '{name}' before it")
    for name in networks.evaluated(network.clone(folded=folded)):
        if name.startswith(("conv", "bn")) and name not in loaded.variables["params"]:
            last = list(loaded.variables["params"])[-1]
            raise errors.UserError(
                f"the weights of '{loaded.network}' end at '{last}'; '{network.layers[-1]}' needs '{name}'"
            )


def build(style: np.ndarray, config: configs.Config) -> synthesis.Plan:
    """A texture synthesis, checked and ready to run.

    Args:
      style: the exemplar, `[H, W, 3]` in [0, 1].
      config: the choices.

    Raises:
      UserError: a name is unknown, a number absurd, a size too small, a file cannot be used.
    """
    configs.validate(config)
    style = exemplar(style, config)
    network, variables, weights_of = load_network(config)
    statistic = errors.choose("statistic", config.statistic, statistics.STATISTICS)
    optimizer = errors.choose("optimizer", config.optimizer, optimizers.OPTIMIZERS)(config.learning_rate)
    height, width = config.height or style.shape[0], config.width or style.shape[1]
    scale = _scale(network, variables, {"texture": losses.texture(statistic, weights_of)})
    parts = [scale(style, height, width, factor) for factor in factors(min(*style.shape[:2], height, width), config.scales)]
    start = first_image(style, config, parts[0].height, parts[0].width)
    return synthesis.Plan(parts, start, optimizer, config.num_steps, config.save_every, height, width)


def _scale(network: networks.Pyramid, variables: dict, terms: dict[str, losses.Term]):
    """The function that makes the problem of one scale; all have the same loss function, so a step compiles once a size."""

    def loss(image, data):
        return losses.total(terms, network.apply(data["variables"], image), data["targets"])

    @functools.partial(jax.jit, compiler_options=compilation.options(often=False))
    def targets(image, variables):
        features = network.apply(variables, image)
        return {name: term.prepare(features) for name, term in terms.items()}

    def scale(style: np.ndarray, height: int, width: int, factor: int) -> synthesis.Problem:
        small = images.resize(style, *(max(configs.SMALLEST, round(side / factor)) for side in style.shape[:2]))
        height, width = (_round_up(-(-side // factor), multiple(network)) for side in (height, width))
        return synthesis.Problem(height, width, loss, {"variables": variables, "targets": targets(small, variables)})

    return scale


def exemplar(style: np.ndarray, config: configs.Config) -> np.ndarray:
    """The exemplar as it is used: checked, and resized to `config.size`."""
    return images.shorter_side(images.check(style), config.size)


def factors(side: int, scales: int) -> list[int]:
    """By how much each scale is smaller than the last, such as `[4, 2, 1]`.

    Args:
      side: the shortest of exemplar and result, in pixels.
      scales: how many; 0 goes down to `COARSEST` pixels.

    Raises:
      UserError: more are asked for than leave 32 pixels at the coarsest.
    """
    most = (side // configs.SMALLEST).bit_length()
    if scales > most:
        raise errors.UserError(
            f"--scales={scales}: at {side} pixels at most {most} leave {configs.SMALLEST} at the coarsest"
        )
    return [2**scale for scale in reversed(range(scales or max(1, (side // COARSEST).bit_length())))]


def multiple(network: networks.Pyramid) -> int:
    """What height and width should be a multiple of, so that no pooling of any octave leaves out a row."""
    poolings = sum(name.startswith("pool") for name in networks.evaluated(network.network))
    return 2 ** (poolings + network.octaves - 1)


def first_image(style: np.ndarray, config: configs.Config, height: int, width: int) -> np.ndarray:
    """What the synthesis begins with, `[height, width, 3]`: noise, the exemplar or an image of the user's."""
    if config.init == "noise":
        white = np.random.default_rng(config.seed).standard_normal((height, width, 3), np.float32)
        return np.clip(style.mean((0, 1)) + config.noise * white, 0, 1).astype(np.float32)
    given = style if config.init == "style" else images.load(config.init)
    return images.resize(given, height, width)


def _round_up(side: int, multiple: int) -> int:
    return -(-side // multiple) * multiple
