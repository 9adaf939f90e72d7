"""The learned critic: at each layer a small network tells feature vectors of the exemplar from those of the image.

It takes the place of a statistic: what it finds is what still differs. Image and critic learn by turns, on the features of
the same evaluation of the network; the critic's numbers are part of the optimiser's `State`.

References:
  Goodfellow et al., "Generative Adversarial Nets", NeurIPS 2014, https://arxiv.org/abs/1406.2661. There is no generator
  here: the image's own pixels descend.
  Mescheder, Geiger and Nowozin, "Which Training Methods for GANs do actually Converge?", ICML 2018,
  https://arxiv.org/abs/1801.04406 (the penalty on the critic's gradient, centred at zero).
  Miyato, Kataoka, Koyama and Yoshida, "Spectral Normalization for GANs", ICLR 2018, https://arxiv.org/abs/1802.05957.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxtex.statistics import base, map_layers

FORMS = ("logistic", "quadratic", "mlp")
PENALTIES = ("gradient", "spectral", "none")
LOSSES = ("swapped", "minimax")
POWER_ITERATIONS = 4  # of the power iteration that finds a matrix's norm


class Discriminator(nn.Module):
    """`[N, C]` -> `[N]`: how sure it is that each feature vector is the exemplar's, as a logit. 1x1 convolutions.

    Attributes:
      form: "logistic" (linear in the features), "quadratic" (linear in them and their products), "mlp".
      hidden: width of the two hidden layers of an mlp.
      bounded: whether each matrix is divided by its norm where that is above 1.
    """

    form: str
    hidden: int
    bounded: bool

    @nn.compact
    def __call__(self, rows: jax.Array) -> jax.Array:
        if self.form == "quadratic":
            products = jnp.mean(self._dense("products", rows, rows.shape[1]) * rows, 1)
            return self._dense("linear", rows, 1)[:, 0] + products
        for number in (1, 2) if self.form == "mlp" else ():
            rows = nn.leaky_relu(self._dense(f"hidden{number}", rows, self.hidden), 0.2)
        return self._dense("linear", rows, 1)[:, 0]

    def _dense(self, name: str, rows: jax.Array, width: int) -> jax.Array:
        start = (
            nn.initializers.zeros_init() if name == "products" else nn.initializers.lecun_normal()
        )
        kernel = self.param(f"{name}_kernel", start, (rows.shape[1], width))
        bias = self.param(f"{name}_bias", nn.initializers.zeros_init(), (width,))
        kernel = kernel / jnp.maximum(norm(kernel), 1.0) if self.bounded else kernel
        return jnp.matmul(rows, kernel, precision="highest") + bias


def norm(matrix: jax.Array) -> jax.Array:
    """The largest singular value, nearly, by a few rounds of the power iteration."""
    vector = jnp.ones(matrix.shape[1])
    for _ in range(POWER_ITERATIONS):
        vector = matrix.T @ (matrix @ vector)
        vector = vector / (jnp.linalg.norm(vector) + base.TINY)
    return jnp.sqrt(
        jnp.sum((matrix @ jax.lax.stop_gradient(vector)) ** 2) + base.TINY
    )  # smooth at 0, too


class Critic:
    """What learns, and how; see `discriminator`."""

    def __init__(
        self,
        network: Discriminator,
        learn: int,
        every: int,
        rate: float,
        penalty: str,
        strength: float,
    ):
        self.network, self.learn, self.every = network, learn, every
        self.strength = strength if penalty == "gradient" else 0.0
        self.rule = optax.adam(rate, b1=0.5, b2=0.99)

    def init(self, target: dict[str, Any], seed: int) -> dict[str, Any]:
        """The critic of each layer before it has learned: `{layer: {"params": ..., "moments": ...}}`."""
        states = {}
        for number, (layer, parts) in enumerate(target.items()):
            key = jax.random.fold_in(jax.random.key(seed), number)
            params = self.network.init(key, parts["target"]["rows"][:1])
            states[layer] = {"params": params, "moments": self.rule.init(params)}
        return states

    def update(
        self, states: dict[str, Any], target: dict[str, Any], seen: dict, step: jax.Array
    ) -> dict[str, Any]:
        """Learns from the features that were seen in this step, every so many steps."""
        aims = {layer: parts["target"] for layer, parts in target.items()}
        learned = states
        for _ in range(self.learn):
            learned = map_layers.map_layers(self._update_one, learned, aims, seen)
        due = step % self.every == 0
        return jax.tree.map(lambda new, old: jnp.where(due, new, old), learned, states)

    def _update_one(self, state: dict, aim: dict, rows: jax.Array) -> dict:
        gradient = jax.grad(self._loss)(state["params"], aim["rows"], normalize(rows, aim))
        change, moments = self.rule.update(gradient, state["moments"])
        return {"params": optax.apply_updates(state["params"], change), "moments": moments}

    def _loss(self, params: Any, real: jax.Array, fake: jax.Array) -> jax.Array:
        """How badly the critic tells them apart, and how steep it is."""
        tell = lambda rows: self.network.apply(params, rows)
        loss = jnp.mean(nn.softplus(-tell(real))) + jnp.mean(nn.softplus(tell(fake)))
        if not self.strength:
            return loss
        slopes = (
            jnp.mean(jnp.sum(jax.grad(lambda rows: tell(rows).sum())(rows) ** 2, 1))
            for rows in (real, fake)
        )
        return loss + 0.5 * self.strength * sum(slopes)


def normalize(rows: jax.Array, aim: dict) -> jax.Array:
    """`[H, W, C]` -> `[H W, C]`, in units of the exemplar's deviations about its means."""
    return (rows.reshape(-1, rows.shape[-1]) - aim["mean"]) / aim["deviation"]


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
    """A critic that learns while the image descends. It wants `--optimizer=adam`.

    Args:
      form: a row of `FORMS`; see `Discriminator`.
      hidden: width of an mlp.
      learn: steps that it learns for one of the image's, from the same features.
      every: steps of the image from one lesson to the next.
      samples: positions drawn of each layer of the image.
      rate: of its Adam.
      penalty: a row of `PENALTIES`: on its gradient, on its matrices, or none.
      strength: of the penalty on the gradient.
      loss: "swapped": the image is judged by swapped labels; "minimax": it maximises what the critic minimises.
    """
    network = Discriminator(form, hidden, penalty == "spectral")
    sign = 1.0 if loss == "swapped" else -1.0

    def fooled(target: dict, rows: jax.Array) -> jax.Array:
        logits = network.apply(target["critic"]["params"], normalize(rows, target))
        return sign * jnp.mean(nn.softplus(-sign * logits))

    critic = Critic(network, learn, every, rate, penalty, strength)
    numbers = lambda channels, positions: channels * min(positions, base.POOL_SIZE)
    return base.Statistic(
        lambda rows: rows,
        fooled,
        _make_target,
        samples=samples,
        critic=critic,
        statistic_size=numbers,
    )


def _make_target(rows: jax.Array) -> dict[str, jax.Array]:
    mean, deviation = rows.mean((0, 1)), rows.std((0, 1))
    aim = {"mean": mean, "deviation": deviation + 0.01 * deviation.mean() + base.TINY}
    return {**aim, "rows": normalize(rows, aim)}


CHOICES = {"form": FORMS, "penalty": PENALTIES, "loss": LOSSES}
