"""Teacher and student: networks with the same layers, the first weights of the student, and the form it is kept in."""

import itertools

import heads
import jax
import jax.numpy as jnp
import numpy as np

from jaxtex import networks, weights

STAGES = (2, 2, 3)
DEVIATION = 0.25  # the student's, of an image in [0, 1]


class Teacher:
    """The teacher's features at every ReLU that the student has a counterpart of, `[N, H, W, C]`."""

    def __init__(self, path: str):
        loaded = weights.load(path)
        network = networks.select_layers(networks.NETWORKS[loaded.network], relus()).clone(
            pooling="avg", padding="reflect"
        )
        self.network, self.variables = networks.fold_batch_norm(network, loaded.variables)
        self.path, self.name = path, loaded.network

    def __call__(self, images: jax.Array) -> networks.Features:
        return jax.vmap(self.network.apply, (None, 0))(self.variables, images)


def relus() -> tuple[str, ...]:
    """The layers that are compared: `relu1_1` ... `relu3_3`."""
    return tuple(f"relu{b}_{i + 1}" for b, n in enumerate(STAGES, 1) for i in range(n))


def student_network(widths: list[int]) -> networks.VGG:
    """The student as it is trained, without batch norm; `export` puts it in."""
    stages = tuple((width,) * n for width, n in zip(widths, STAGES, strict=True))
    return networks.VGG(stages, pooling="avg", padding="reflect", layers=relus())


def begin(teacher: Teacher, student: networks.VGG, images: np.ndarray) -> dict:
    """The teacher with channels left out, and the second moments that the heads are solved from.

    Returns:
      `{"variables": the student's, "moments": {relu: by `heads.second_moments`}, "deviation": {relu: the teacher's, [C]}}`.
    """
    target = jax.jit(teacher)(images)
    deviation = {
        name: jnp.sqrt(jnp.mean(value**2, (0, 1, 2)) + 1e-6) for name, value in target.items()
    }
    preprocessing = teacher.variables["preprocessing"] | {"deviation": jnp.full(3, DEVIATION)}
    params, moments, previous = {}, {}, None
    for relu, width in zip(relus(), itertools.chain(*student.widths), strict=True):
        name = relu.replace("relu", "conv")
        kernel, bias = _narrowed(teacher, name, previous)
        kept = pivots(_rows(target[relu] / deviation[relu]), width)
        params[name] = {"kernel": kernel[..., kept], "bias": bias[kept]}
        variables = {"params": params, "preprocessing": preprocessing}
        own = jax.jit(jax.vmap(student.clone(layers=(relu,)).apply, (None, 0)))(variables, images)[
            relu
        ]
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


def _narrowed(
    teacher: Teacher, conv: str, previous: jax.Array | None
) -> tuple[jax.Array, jax.Array]:
    """Kernel and bias of a teacher's layer for the student's inputs, from which the teacher's follow by `previous`."""
    source = teacher.variables["params"][conv]
    if previous is None:
        return source["kernel"] * (DEVIATION / teacher.variables["preprocessing"]["deviation"])[
            :, None
        ], source["bias"]
    return jnp.einsum("sc,hwco->hwso", previous, source["kernel"]), source["bias"]


def _scale(features: jax.Array) -> jax.Array:
    """What every channel is divided by to have unit energy; a dead one by what is usual."""
    energy = jnp.mean(features**2, (0, 1, 2))
    alive = energy > 1e-6 * energy.mean()
    return jnp.sqrt(jnp.where(alive, energy, energy.mean()) + 1e-12)


def pivots(rows: np.ndarray, count: int) -> np.ndarray:
    """The `count` columns of `rows` `[M, C]` from which, greedily, the others follow best by regression."""
    residual = np.asarray(rows, np.float64)
    gram, chosen = residual.T @ residual, []
    for _ in range(count):
        gain = (gram**2).sum(0) / np.maximum(np.diag(gram), 1e-9 * np.trace(gram) + 1e-30)
        gain[chosen] = -1
        chosen.append(best := int(gain.argmax()))
        gram = gram - np.outer(gram[best], gram[best]) / max(gram[best, best], 1e-12)
    return np.sort(chosen)


def _rows(features: jax.Array) -> np.ndarray:
    """Feature vectors `[M, C]` of a batch `[N, H, W, C]`, at most some 40,000 of them."""
    rows = features.reshape(-1, features.shape[-1])
    return np.asarray(rows[:: max(1, len(rows) // 40000)])


def with_batch_norm(student: networks.VGG, variables: dict, images: np.ndarray) -> dict:
    """The same function as a VGG-BN whose norms hold the statistics of their inputs; each channel of unit energy."""
    names = [relu.replace("relu", "") for relu in relus()]
    layers = tuple(f"conv{name}" for name in names) + relus()
    features = jax.jit(jax.vmap(student.clone(layers=layers).apply, (None, 0)))(variables, images)
    params, stats, previous = {}, {}, None
    for name in names:
        conv, x = variables["params"][f"conv{name}"], features[f"conv{name}"]
        energy, before = (
            jnp.mean(features[f"relu{name}"] ** 2, (0, 1, 2)),
            jnp.mean(x**2, (0, 1, 2)),
        )
        scale = 1 / jnp.sqrt(
            jnp.where(energy > 1e-4 * before, energy, before) + 1e-6
        )  # a dead channel has no energy
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
