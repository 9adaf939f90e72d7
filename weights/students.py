"""Teacher and student: networks with the same layers, and the student's weights before training."""

import itertools

import heads
import jax
import jax.numpy as jnp
import numpy as np

from jaxtex import networks, weights

STAGES = (2, 2, 3)  # convolutions of each block
DEVIATION = 0.25  # the student's, of an image in [0, 1]
MAX_ROWS = 40000  # feature vectors that pivots are chosen from


class Teacher:
    """The teacher's features at the student's layers, `[N, H, W, 3]` -> `[N, H', W', C]`."""

    def __init__(self, path: str):
        loaded = weights.load(path)
        network = networks.select_layers(networks.NETWORKS[loaded.network], relus()).clone(
            pooling="avg",
            padding="reflect",
            algorithms=networks.algorithms_for(jax.default_backend()),
        )
        self.network, self.variables = networks.fold_batch_norm(network, loaded.variables)
        self.path = path
        self.name = loaded.network

    def __call__(self, images: jax.Array) -> networks.Features:
        return jax.vmap(self.network.apply, (None, 0))(self.variables, images)


def relus() -> tuple[str, ...]:
    """Returns the layers that are compared: `relu1_1` ... `relu3_3`."""
    return tuple(f"relu{b}_{i + 1}" for b, n in enumerate(STAGES, 1) for i in range(n))


def student_network(widths: list[int]) -> networks.VGG:
    """Returns the student as it is trained, without batch norm, which `with_batch_norm` adds.

    Args:
      widths: channels of each block.
    """
    stages = tuple((width,) * n for width, n in zip(widths, STAGES, strict=True))
    algorithms = networks.algorithms_for(jax.default_backend())
    return networks.VGG(
        stages, pooling="avg", padding="reflect", layers=relus(), algorithms=algorithms
    )


def begin(teacher: Teacher, student: networks.VGG, images: np.ndarray) -> dict:
    """Builds the student from channels of the teacher.

    Args:
      teacher: the teacher.
      student: the student's network.
      images: images to measure features on, `[N, H, W, 3]`.

    Returns:
      `{"variables", "moments", "deviation"}`: the student's variables; for each ReLU the second
      moments that its head is solved from, see `heads.second_moments`, and the teacher's deviation,
      `[C]`.
    """
    target = jax.jit(teacher)(images)
    deviation = {
        name: jnp.sqrt(jnp.mean(value**2, (0, 1, 2)) + 1e-6) for name, value in target.items()
    }
    preprocessing = teacher.variables["preprocessing"] | {"deviation": jnp.full(3, DEVIATION)}

    params, moments, previous = {}, {}, None
    for relu, width in zip(relus(), itertools.chain(*student.widths), strict=True):
        name = relu.replace("relu", "conv")
        kernel, bias = _for_student_inputs(teacher, name, previous)
        kept = pivots(_rows(target[relu] / deviation[relu]), width)
        params[name] = {"kernel": kernel[..., kept], "bias": bias[kept]}

        variables = {"params": params, "preprocessing": preprocessing}
        apply = jax.jit(jax.vmap(student.clone(layers=(relu,)).apply, (None, 0)))
        own = apply(variables, images)[relu]
        scale = _scale(own)
        params[name] = jax.tree.map(lambda value, scale=scale: value / scale, params[name])
        moments[relu] = heads.second_moments(own / scale, target[relu])
        previous = heads.regression(*moments[relu])

    moments = {relu: [gram, mixed / deviation[relu]] for relu, (gram, mixed) in moments.items()}
    return {
        "variables": {"params": params, "preprocessing": preprocessing},
        "moments": moments,
        "deviation": deviation,
    }


def _for_student_inputs(
    teacher: Teacher, conv: str, previous: jax.Array | None
) -> tuple[jax.Array, jax.Array]:
    """Returns kernel and bias of a teacher's layer, with the student's features as its input.

    `previous` is the regression, `[student's C, teacher's C]`, of the layer before; None for the
    first layer, whose input is the image.
    """
    source = teacher.variables["params"][conv]
    if previous is None:
        scale = DEVIATION / teacher.variables["preprocessing"]["deviation"]
        return source["kernel"] * scale[:, None], source["bias"]
    return jnp.einsum("sc,hwco->hwso", previous, source["kernel"]), source["bias"]


def _scale(features: jax.Array) -> jax.Array:
    """Returns the root mean square of each channel; that of all channels where one is dead."""
    energy = jnp.mean(features**2, (0, 1, 2))
    alive = energy > 1e-6 * energy.mean()
    return jnp.sqrt(jnp.where(alive, energy, energy.mean()) + 1e-12)


def pivots(rows: np.ndarray, count: int) -> np.ndarray:
    """Chooses columns, greedily, from which the others follow best by regression.

    Args:
      rows: `[M, C]`.
      count: number of columns to choose.

    Returns:
      Their indices, ascending.
    """
    residual = np.asarray(rows, np.float64)
    gram, chosen = residual.T @ residual, []
    for _ in range(count):
        gain = (gram**2).sum(0) / np.maximum(np.diag(gram), 1e-9 * np.trace(gram) + 1e-30)
        gain[chosen] = -1
        best = int(gain.argmax())
        chosen.append(best)
        gram = gram - np.outer(gram[best], gram[best]) / max(gram[best, best], 1e-12)
    return np.sort(chosen)


def _rows(features: jax.Array) -> np.ndarray:
    """Returns feature vectors `[M, C]` of a batch `[N, H, W, C]`, about `MAX_ROWS` at most."""
    rows = features.reshape(-1, features.shape[-1])
    return np.asarray(rows[:: max(1, len(rows) // MAX_ROWS)])


def with_batch_norm(student: networks.VGG, variables: dict, images: np.ndarray) -> dict:
    """Adds batch norms with the statistics of their inputs, and scales channels to unit energy.

    Apart from the scale of the channels the function of the network does not change.

    Args:
      student: the student without batch norm.
      variables: its variables.
      images: images to measure the statistics on, `[N, H, W, 3]`.

    Returns:
      The variables of the student with batch norm.
    """
    names = [relu.replace("relu", "") for relu in relus()]
    layers = tuple(f"conv{name}" for name in names) + relus()
    features = jax.jit(jax.vmap(student.clone(layers=layers).apply, (None, 0)))(variables, images)

    params, stats, previous = {}, {}, None
    for name in names:
        conv, x = variables["params"][f"conv{name}"], features[f"conv{name}"]
        energy = jnp.mean(features[f"relu{name}"] ** 2, (0, 1, 2))
        before = jnp.mean(x**2, (0, 1, 2))
        energy = jnp.where(energy > 1e-4 * before, energy, before)  # a dead channel has none
        scale = 1 / jnp.sqrt(energy + 1e-6)
        mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))

        kernel = conv["kernel"] if previous is None else conv["kernel"] / previous[:, None]
        params[f"conv{name}"] = {"kernel": kernel, "bias": conv["bias"]}
        params[f"bn{name}"] = {
            "scale": scale * jnp.sqrt(var + networks.EPSILON),
            "bias": scale * mean,
        }
        stats[f"bn{name}"] = {"mean": mean, "var": var}
        previous = scale
    return {"params": params, "batch_stats": stats, "preprocessing": variables["preprocessing"]}
