"""Every algorithm against a loop in NumPy and against XLA's convolution, the latter in float64."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export, lax

from jaxtex.networks import convolutions, winograd

choose_on_cpu = functools.partial(convolutions.choose_algorithm, algorithms="cpu")


def by_winograd(features, kernel, side=6):
    return convolutions.winograd_convolution(features, winograd.transform_kernel(kernel, side))


ALGORITHMS = {
    "convolve": functools.partial(convolutions.convolve, algorithms="cpu"),
    "direct": convolutions.direct,
    "gather": convolutions.gather,
    "scatter": convolutions.scatter,
}
ALGORITHMS |= {
    f"winograd, {side}x{side}": functools.partial(by_winograd, side=side)
    for side in winograd.TRANSFORMS
}
sides = pytest.mark.parametrize("side", winograd.TRANSFORMS)

algorithms = pytest.mark.parametrize("convolve", ALGORITHMS.values(), ids=ALGORITHMS.keys())


def random(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def naive(features, kernel):
    height, width = features.shape[0] - 2, features.shape[1] - 2
    out = np.zeros((height, width, kernel.shape[3]))
    for row in range(height):
        for column in range(width):
            window = features[row : row + 3, column : column + 3].astype(np.float64)
            out[row, column] = np.tensordot(window, kernel.astype(np.float64), 3)
    return out


def value_and_gradients(convolve, features, kernel, cotangent):
    value, pull = jax.vjp(convolve, features, kernel)
    return value, *pull(cotangent)


def exact(features, kernel, cotangent):
    """Value and both gradients by XLA's convolution in float64."""
    arguments = [np.float64(argument) for argument in (features, kernel, cotangent)]
    dimensions = {"dimension_numbers": ("NHWC", "HWIO", "NHWC")}
    convolve = lambda x, k: lax.conv_general_dilated(x[None], k, (1, 1), "VALID", **dimensions)[0]
    with jax.enable_x64(True):
        return [np.asarray(array) for array in value_and_gradients(convolve, *arguments)]


def assert_close(actual, desired):
    assert actual.shape == desired.shape and actual.dtype == np.float32
    assert np.abs(actual - desired).max() <= 1e-5 * np.abs(desired).max()


@pytest.mark.slow
@algorithms
@pytest.mark.parametrize(
    "size", [*((size, size) for size in range(3, 10)), (3, 9), (8, 5)], ids=str
)
def test_equals_a_loop(convolve, size):
    features, kernel = random(0, *size, 5), random(1, 3, 3, 5, 2)
    assert_close(convolve(features, kernel), naive(features, kernel))


@pytest.mark.slow
@algorithms
@pytest.mark.parametrize(
    "shape",
    [(3, 3, 1, 1), (4, 5, 3, 2), (6, 7, 2, 3), (8, 9, 33, 32), (19, 23, 32, 32), (9, 3, 3, 17)],
    ids=str,
)
def test_value_and_gradients_equal_xlas(convolve, shape):
    height, width, inputs, outputs = shape
    arguments = (
        random(0, height, width, inputs),
        random(1, 3, 3, *shape[2:]),
        random(2, height - 2, width - 2, outputs),
    )
    for actual, desired in zip(
        value_and_gradients(convolve, *arguments), exact(*arguments), strict=True
    ):
        assert_close(actual, desired)


@pytest.mark.slow
@algorithms
@pytest.mark.parametrize("in_axes", [(0, None), (0, 0)], ids=str)
def test_batches(convolve, in_axes):
    features, kernels, cotangents = (
        random(0, 2, 7, 6, 4),
        random(1, 2, 3, 3, 4, 5),
        random(2, 2, 5, 4, 5),
    )
    kernel = kernels if in_axes[1] == 0 else kernels[0]
    function = jax.jit(jax.vmap(functools.partial(value_and_gradients, convolve), (*in_axes, 0)))
    for index, actual in enumerate(zip(*function(features, kernel, cotangents), strict=True)):
        desired = exact(
            features[index], kernel[index] if in_axes[1] == 0 else kernel, cotangents[index]
        )
        for actual_array, desired_array in zip(actual, desired, strict=True):
            assert_close(actual_array, desired_array)


@pytest.mark.slow
@algorithms
def test_kernel_gradient_of_a_batch_sums_over_it(convolve):
    features, kernel, cotangents = (
        random(0, 3, 7, 6, 4),
        random(1, 3, 3, 4, 5),
        random(2, 3, 5, 4, 5),
    )
    loss = lambda kernel: jnp.sum(cotangents * jax.vmap(convolve, (0, None))(features, kernel))
    desired = sum(
        exact(x, kernel, cotangent)[2] for x, cotangent in zip(features, cotangents, strict=True)
    )
    assert_close(jax.jit(jax.grad(loss))(kernel), desired)


@pytest.mark.slow
@algorithms
def test_gradient_of_a_gradient(convolve):
    features, kernel, direction = random(0, 7, 6, 4), random(1, 3, 3, 4, 5), random(2, 7, 6, 4)
    slope = lambda convolve: (
        lambda x: jnp.vdot(direction, jax.grad(lambda x: jnp.sum(convolve(x, kernel) ** 3))(x))
    )
    actual, desired = (
        jax.grad(slope(function))(features) for function in (convolve, convolutions.direct)
    )
    np.testing.assert_allclose(actual, desired, atol=1e-5 * np.abs(desired).max())


@pytest.mark.slow
@algorithms
def test_stays_close_with_many_channels(convolve):
    features, kernel, cotangent = (
        np.maximum(random(0, 34, 33, 256), 0),
        random(1, 3, 3, 256, 64),
        random(2, 32, 31, 64),
    )
    assert_close(convolve(features, kernel), exact(features, kernel, cotangent)[0])


@pytest.mark.parametrize(
    "features, kernel, expected",
    [
        ((258, 258, 3), (3, 3, 3, 64), convolutions.gather),
        ((260, 260, 64), (3, 3, 64, 3), convolutions.scatter),
        ((98, 98, 64), (3, 3, 64, 128), convolutions.winograd_convolution),
        ((98, 98, 64), (3, 3, 64, 64), convolutions.winograd_convolution),
        ((98, 98, 64), (3, 3, 64, 60), convolutions.direct),  # too few weights
        ((258, 258, 64), (3, 3, 64, 64), convolutions.direct),  # too few weights beyond the cache
        ((258, 258, 64), (3, 3, 64, 128), convolutions.winograd_convolution),
        ((98, 98, 64), (5, 5, 64, 128), convolutions.direct),
        ((10, 10, 512), (3, 3, 512, 512), convolutions.gather),
        ((10, 10, 64), (3, 3, 64, 512), convolutions.direct),
        ((34, 34, 32), (3, 3, 32, 32), convolutions.direct),
        ((98, 98, 24), (3, 3, 24, 24), convolutions.direct),
    ],
    ids=lambda value: (
        str(value) if isinstance(value, tuple) else getattr(value, "__name__", "winograd")
    ),
)
def test_choice_by_shape_on_cpu(features, kernel, expected):
    assert choose_on_cpu(features, kernel) is expected


def test_without_a_transformed_kernel_there_are_no_tiles():
    shapes = (98, 98, 64), (3, 3, 64, 128)
    assert choose_on_cpu(*shapes, prepared=False) is convolutions.direct


def test_elsewhere_the_choice_is_xlas_own():
    assert convolutions.choose_algorithm((98, 98, 128), (3, 3, 128, 128)) is convolutions.direct


@pytest.mark.parametrize("precision", convolutions.PRECISIONS)
@pytest.mark.parametrize("zeros", [0, 2])
def test_both_choices_of_algorithms_agree(precision, zeros):
    dtype = convolutions.PRECISIONS[precision].dtype
    features, kernel = jnp.asarray(random(0, 9, 8, 5), dtype), random(1, 3, 3, 5, 20)
    ours, xlas = (
        convolutions.convolve(features, kernel, precision, zeros=zeros, algorithms=algorithms)
        for algorithms in ("cpu", "xla")
    )
    assert ours.dtype == xlas.dtype == dtype and ours.shape == xlas.shape
    tolerance = 0.02 if precision == "bfloat16" else 1e-5
    ours, xlas = np.float32(ours), np.float32(xlas)
    np.testing.assert_allclose(ours, xlas, atol=tolerance * np.abs(xlas).max())


@pytest.mark.slow
@sides
@pytest.mark.parametrize("shape", [(21, 50, 32, 40), (40, 9, 48, 64)], ids=str)
def test_winograd_in_strips_is_winograd(shape, side, monkeypatch):
    height, width, inputs, outputs = shape
    convolve = functools.partial(by_winograd, side=side)
    arguments = (
        random(0, *shape[:3]),
        random(1, 3, 3, inputs, outputs),
        random(2, height - 2, width - 2, outputs),
    )
    whole = value_and_gradients(convolve, *arguments)
    monkeypatch.setattr(winograd, "MAX_STRIP_VALUES", 40_000)
    jax.clear_caches()
    assert "scan" in str(jax.make_jaxpr(convolve)(*arguments[:2]))
    for actual, desired in zip(value_and_gradients(convolve, *arguments), whole, strict=True):
        np.testing.assert_allclose(actual, desired, rtol=1e-5, atol=1e-5 * np.abs(desired).max())


@pytest.mark.slow
def test_a_transformed_kernel_gives_the_same():
    features, kernel, cotangent = (
        random(0, 70, 70, 64),
        random(1, 3, 3, 64, 128),
        random(2, 68, 68, 128),
    )
    prepared = winograd.transform_kernel(kernel)
    desired = exact(features, kernel, cotangent)
    for given in (kernel, None):
        convolve = functools.partial(
            convolutions.convolve, kernel=given, prepared=prepared, algorithms="cpu"
        )
        assert "conv_general" not in str(jax.make_jaxpr(convolve)(features))
        value, pull = jax.vjp(convolve, features)
        assert_close(value, desired[0])
        assert_close(pull(cotangent)[0], desired[1])


@pytest.mark.slow
@sides
@pytest.mark.parametrize("size", [(12, 12), (70, 70)], ids=str)
def test_large_kernels_are_kept_one_way_round_and_give_the_same(size, side, monkeypatch):
    convolve = functools.partial(by_winograd, side=side)
    arguments = (
        random(0, *size, 48),
        random(1, 3, 3, 48, 64),
        random(2, *(side - 2 for side in size), 64),
    )
    both = value_and_gradients(convolve, *arguments)
    monkeypatch.setattr(winograd, "MAX_TWO_WAY_WEIGHTS", 48 * 64 - 1)
    jax.clear_caches()
    assert winograd.transform_kernel(arguments[1], side).for_value is None
    for actual, desired in zip(value_and_gradients(convolve, *arguments), both, strict=True):
        np.testing.assert_allclose(actual, desired, rtol=1e-5, atol=1e-5 * np.abs(desired).max())


@pytest.mark.slow
@sides
@pytest.mark.parametrize("small", [0, winograd.MAX_TWO_WAY_WEIGHTS], ids=["one way round", "both"])
def test_gradient_of_prepared_kernels_is_that_of_what_the_value_reads(side, small, monkeypatch):
    monkeypatch.setattr(winograd, "MAX_TWO_WAY_WEIGHTS", small)
    features, kernel, cotangent = random(0, 12, 9, 8), random(1, 3, 3, 8, 16), random(2, 10, 7, 16)
    kernels = winograd.transform_kernel(kernel, side)
    slope = lambda convolve: jax.grad(
        lambda kernels: jnp.vdot(cotangent, convolve(features, kernels))
    )(kernels)
    ours, jaxs = map(
        jax.tree.leaves, (slope(convolutions.winograd_convolution), slope(winograd.convolve))
    )
    assert len(ours) == (2 if small else 1)
    for actual, desired in zip(ours, jaxs, strict=True):
        np.testing.assert_allclose(actual, desired, atol=1e-5 * float(np.abs(jaxs[-1]).max()))


def test_tiles_need_a_transformed_kernel():
    features, kernel = random(0, 70, 70, 64), random(1, 3, 3, 64, 128)
    convolve = functools.partial(convolutions.convolve, algorithms="cpu")
    assert "conv_general" in str(jax.make_jaxpr(convolve)(features, kernel))


@pytest.mark.slow
@pytest.mark.parametrize(
    "function", [winograd.convolve, winograd.gradient], ids=["forwards", "backwards"]
)
def test_sums_along_rows_and_columns_are_not_fused(function):
    """Fused, each is computed again for every sum that it is part of: three times as slow."""
    features = random(0, 18, 18, 4)
    kernel = winograd.transform_kernel(random(1, 3, 3, 4, 4)).for_gradient
    apply = lambda features, kernel: function(features, winograd.Kernels(kernel, None))
    exported = export.export(jax.jit(apply))(features, kernel)
    for program in (apply, exported.call):
        compiled = jax.jit(program).lower(features, kernel).compile()
        assert compiled.as_text().count(" call(") == 4
