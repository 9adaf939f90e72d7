"""A learned critic: at each layer a small network separates features of exemplar and image.

It takes the place of a statistic: it finds what still differs. Image and critic are updated
alternately, from the features of the same network evaluation; the critic's parameters are part of
the optimizer's `State`.

References:
  Goodfellow et al., "Generative Adversarial Nets", NeurIPS 2014, https://arxiv.org/abs/1406.2661.
  Departure: there is no generator; the pixels of the image are optimized.
  Mescheder, Geiger and Nowozin, "Which Training Methods for GANs do actually Converge?", ICML 2018,
  https://arxiv.org/abs/1801.04406 (the penalty on the critic's gradient, centered at zero).
  Miyato, Kataoka, Koyama and Yoshida, "Spectral Normalization for GANs", ICLR 2018,
  https://arxiv.org/abs/1802.05957.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxtex import optimizers
from jaxtex.statistics import base, map_layers

FORMS = ("logistic", "quadratic", "mlp")
PENALTIES = ("gradient", "spectral", "none")
LOSSES = ("swapped", "minimax")

# The values of options that are words, for the parser.
CHOICES = {"form": FORMS, "penalty": PENALTIES, "loss": LOSSES}

POWER_ITERATIONS = 4  # for the norm of a matrix of at most a few hundred columns
LEAKY_SLOPE = 0.2  # of leaky ReLUs, as is usual for critics
MIN_DEVIATION = 0.01  # of the mean deviation of all channels, added to that of each
MIN_CONTRAST = 1e-4  # of the root mean square: smaller deviations are rounding errors


class Discriminator(nn.Module):
    """Logit of each feature vector for belonging to the exemplar: `[N, C]` -> `[N]`.

    Attributes:
      form: "logistic" (linear in the features), "quadratic" (linear in the features and their
        products) or "mlp" (two hidden layers of leaky ReLUs).
      hidden: width of the two hidden layers of an mlp.
      bounded: True to divide each matrix by its norm where that exceeds 1.
    """

    form: str
    hidden: int
    bounded: bool

    @nn.compact
    def __call__(self, rows: jax.Array) -> jax.Array:
        if self.form == "quadratic":
            products = jnp.mean(self._dense("products", rows, rows.shape[1]) * rows, 1)
            return self._dense("linear", rows, 1)[:, 0] + products

        if self.form == "mlp":
            for number in (1, 2):
                hidden = self._dense(f"hidden{number}", rows, self.hidden)
                rows = nn.leaky_relu(hidden, LEAKY_SLOPE)
        return self._dense("linear", rows, 1)[:, 0]

    def _dense(self, name: str, rows: jax.Array, width: int) -> jax.Array:
        """Applies a dense layer: `[N, C]` -> `[N, width]`."""
        # A quadratic critic begins as a linear one.
        zeros = nn.initializers.zeros_init()
        initializer = zeros if name == "products" else nn.initializers.lecun_normal()

        kernel = self.param(f"{name}_kernel", initializer, (rows.shape[1], width), rows.dtype)
        bias = self.param(f"{name}_bias", zeros, (width,), rows.dtype)
        if self.bounded:
            kernel = kernel / jnp.maximum(norm(kernel), 1.0)
        return jnp.matmul(rows, kernel, precision="highest") + bias[None]


def norm(matrix: jax.Array) -> jax.Array:
    """Approximates the largest singular value of a matrix by a few power iterations."""
    vector = jnp.ones(matrix.shape[1], matrix.dtype)
    for _ in range(POWER_ITERATIONS):
        vector = matrix.T @ (matrix @ vector)
        vector = vector / (jnp.linalg.norm(vector) + base.TINY)

    image = matrix @ jax.lax.stop_gradient(vector)
    return jnp.sqrt(jnp.sum(image**2) + base.TINY)  # TINY: differentiable at 0


class Critic:
    """Networks of all layers, and the rule by which they learn; see `discriminator`.

    States are dicts layer -> `{"params": ..., "moments": ...}`, the parameters of the network and
    the state of its Adam. Targets are dicts layer -> `{"target": ..., "sample": ...}`, as in
    `losses.texture`.

    Attributes:
      network: the network, the same at all layers, with parameters of their own.
      num_updates: updates of the critic at a step at which it learns.
      every: steps of the image from one such step to the next.
      strength: weight of the penalty on the gradient; 0 for none.
      rule: the critic's optimizer.
    """

    def __init__(
        self,
        network: Discriminator,
        num_updates: int,
        every: int,
        rate: float,
        penalty: str,
        strength: float,
    ):
        self.network = network
        self.num_updates = num_updates
        self.every = every
        self.strength = strength if penalty == "gradient" else 0.0
        self.rule = optax.adam(rate, b1=0.5, b2=0.99)

    def init(self, target: dict[str, Any], seed: int) -> dict[str, Any]:
        """Returns the initial state.

        Args:
          target: layer -> target, whose rows determine the number of channels.
          seed: seed of the parameters, from 0 on.
        """
        states = {}
        for number, (layer, parts) in enumerate(target.items()):
            key = jax.random.fold_in(jax.random.key(seed), number)
            params = self.network.init(key, parts["target"]["rows"][:1])
            states[layer] = {"params": params, "moments": self.rule.init(params)}
        return states

    def update(
        self,
        states: dict[str, Any],
        target: dict[str, Any],
        samples: dict[str, jax.Array],
        step: jax.Array,
    ) -> dict[str, Any]:
        """Returns the state after one step of the image: unchanged unless `every` divides `step`.

        Args:
          states: layer -> state.
          target: layer -> target.
          samples: layer -> features of the image in this step, `[H, W, C]` or `[P, 1, C]`.
          step: number of the step, a scalar.
        """
        targets = {layer: parts["target"] for layer, parts in target.items()}
        learned = states
        for _ in range(self.num_updates):
            learned = map_layers.map_layers(self._update_layer, learned, targets, samples)

        due = step % self.every == 0
        return jax.tree.map(lambda new, old: jnp.where(due, new, old), learned, states)

    def _update_layer(
        self, state: dict[str, Any], target: dict[str, jax.Array], features: jax.Array
    ) -> dict[str, Any]:
        rows = normalize(features, target)
        gradient = jax.grad(self._loss)(state["params"], target["rows"], rows)
        with optimizers.default_promotion():
            change, moments = self.rule.update(gradient, state["moments"])
        return {"params": optax.apply_updates(state["params"], change), "moments": moments}

    def _loss(self, params: Any, real: jax.Array, fake: jax.Array) -> jax.Array:
        """Returns the cross entropy of the classification, plus the penalty on the gradient.

        Args:
          params: of the network.
          real: rows of the exemplar, `[N, C]`.
          fake: rows of the image, `[N', C]`.
        """

        def logits(rows: jax.Array) -> jax.Array:
            return self.network.apply(params, rows)

        loss = jnp.mean(nn.softplus(-logits(real))) + jnp.mean(nn.softplus(logits(fake)))
        if not self.strength:
            return loss

        def steepness(rows: jax.Array) -> jax.Array:
            gradient = jax.grad(lambda rows: logits(rows).sum())(rows)
            return jnp.mean(jnp.sum(gradient**2, 1))

        return loss + 0.5 * self.strength * (steepness(real) + steepness(fake))


def normalize(features: jax.Array, target: dict[str, jax.Array]) -> jax.Array:
    """Standardizes features by mean and deviation of the exemplar.

    Args:
      features: `[H, W, C]`.
      target: `{"mean": [C], "deviation": [C], ...}` of the exemplar.

    Returns:
      Rows, `[H W, C]`.
    """
    rows = features.reshape(-1, features.shape[-1])
    return (rows - target["mean"][None]) / target["deviation"][None]


def discriminator(
    form: str = "mlp",
    hidden: int = 32,
    learn: int = 1,
    every: int = 1,
    samples: int = 512,
    rate: float = 0.003,
    penalty: str = "gradient",
    strength: float = 10.0,
    loss: str = "swapped",
) -> base.Statistic:
    """A critic that is trained while the image is optimized; requires `--optimizer=adam`.

    Args:
      form: one of `FORMS`, see `Discriminator`.
      hidden: width of the hidden layers of an mlp.
      learn: updates of the critic at a step at which it learns, from the same features.
      every: steps of the image from one such step to the next.
      samples: number of positions drawn from each layer of the image; 0 uses all.
      rate: learning rate of the critic's Adam.
      penalty: one of `PENALTIES`: on the gradient of the logit, on the norms of the matrices, or
        none.
      strength: weight of the penalty on the gradient.
      loss: one of `LOSSES`. "swapped" minimizes the cross entropy with swapped labels (the
        non-saturating loss of Goodfellow et al.); "minimax" maximizes the critic's loss.
    """
    network = Discriminator(form, hidden, penalty == "spectral")
    critic = Critic(network, learn, every, rate, penalty, strength)
    sign = 1.0 if loss == "swapped" else -1.0

    def distance(target: dict[str, Any], features: jax.Array) -> jax.Array:
        logits = network.apply(target["critic"]["params"], normalize(features, target))
        return sign * jnp.mean(nn.softplus(-sign * logits))

    return base.Statistic(
        lambda features: features,
        distance,
        _make_target,
        samples=samples,
        critic=critic,
        statistic_size=base.pooled_size,
    )


def _make_target(features: jax.Array) -> dict[str, jax.Array]:
    """Returns mean and deviation `[C]` of the exemplar's features, and its standardized rows."""
    deviation = features.std((0, 1))
    # Channels that hardly vary are not amplified.
    deviation = deviation + MIN_DEVIATION * deviation.mean() + base.TINY
    deviation = jnp.maximum(deviation, MIN_CONTRAST * jnp.sqrt(jnp.mean(features**2)))

    scales = {"mean": features.mean((0, 1)), "deviation": deviation}
    return {**scales, "rows": normalize(features, scales)}
