"""Parts that change beside the image: critics that learn, and the other images of a batch."""

import functools
from typing import Any

from jaxtex import networks
from jaxtex.losses import diversity, evaluation, targets
from jaxtex.synthesis import settings as choices
from jaxtex.synthesis import stepping


def build_critics(
    spec: targets.LossSpec,
    texture: targets.TextureTargets,
    size: tuple[int, int],
    settings: choices.Settings,
) -> tuple[Any, stepping.UpdateCritics]:
    """Returns the critics before their first update, `()` without any, and their update.

    The state of `losses.diversity` is among them.

    Args:
      spec: the loss.
      texture: targets of the scale.
      size: height and width of the result at this scale.
      settings: the choices.
    """
    learners = {
        term.name: term.statistic.critic for term in spec.texture_terms if term.statistic.critic
    }
    critics: dict[str, Any] = {}
    if learners:
        given = targets.draw_targets(texture, 0)
        seed = settings.config.seed
        critics = {name: critic.init(given[name], seed) for name, critic in learners.items()}
    if diversity.NAME in spec.terms:
        shapes = networks.feature_shapes(spec.network, *size)
        critics[diversity.NAME] = diversity.init(shapes[diversity_layer(settings)])
    if not critics:
        return (), stepping.keep_critics
    return critics, functools.partial(evaluation.update_critics, learners)


def diversity_layer(settings: choices.Settings) -> str:
    """Returns the layer at which the images of a batch are compared.

    It is the deepest of the network's default layers, if that is matched; else the deepest one that
    is matched.

    Args:
      settings: the choices, with the layers of `layer_choice.choose_layers`.
    """
    network = networks.NETWORKS[settings.config.network]
    deep = network.defaults()[-1]
    return deep if deep in settings.layers else max(settings.layers, key=network.names().index)
