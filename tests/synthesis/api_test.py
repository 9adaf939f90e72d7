"""Tests of the Python interface: arrays in, arrays out, and the loss as pure functions."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxtex
from jaxtex import errors
from jaxtex.synthesis import api
from jaxtex.synthesis import config as configs

SMALL = {"size": 48, "octaves": 1, "layers": "relu1_1,relu2_1"}
ALONE = {"arrangement_weight": 0, "detail_weight": 0}


@pytest.fixture
def objective(exemplar):
    return jaxtex.build(exemplar, **SMALL)


def random_image(seed, shape=(48, 64, 3)):
    return np.random.default_rng(seed).uniform(size=shape).astype(np.float32)


@pytest.mark.slow
def test_an_objective_has_loss_terms_features_and_start(exemplar):
    objective = jaxtex.build(exemplar, **SMALL, tv_weight=0.25, statistic="gram+0.5*mean", **ALONE)
    assert objective.start.shape == (48, 64, 3) and objective.start.dtype == np.float32
    assert 0 <= objective.start.min() and objective.start.max() <= 1

    image = random_image(0)
    terms = objective.terms(image, objective.data)
    assert set(terms) == {"gram", "mean", "total_variation"}
    loss = terms["gram"] + 0.5 * terms["mean"] + 0.25 * terms["total_variation"]
    np.testing.assert_allclose(objective.loss(image, objective.data), loss, rtol=1e-5)

    features = objective.features(image, objective.data)
    assert {layer: x.shape for layer, x in features.items()} == {
        "relu1_1": (48, 64, 32),
        "relu2_1": (24, 32, 80),
    }


def test_the_loss_is_0_at_the_exemplar_itself(exemplar, objective):
    loss = jax.jit(objective.loss)
    random = loss(random_image(0), objective.data)
    assert loss(exemplar, objective.data) < 1e-6 * random


@pytest.mark.slow
def test_the_functions_can_be_jitted(objective):
    image = random_image(1)
    for function in (objective.loss, objective.terms, objective.features):
        direct = function(image, objective.data)
        jitted = jax.jit(function)(image, objective.data)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), direct, jitted
        )


@pytest.mark.slow
def test_the_gradient_is_the_slope_of_the_loss(objective):
    image = random_image(2)
    loss = jax.jit(objective.loss)
    gradient = jax.jit(jax.grad(objective.loss))(image, objective.data)
    norm = float(jnp.linalg.norm(gradient))
    step = 0.1 * gradient / norm
    rise = loss(image + step, objective.data) - loss(image - step, objective.data)
    np.testing.assert_allclose(rise, 0.2 * norm, rtol=0.02)


@pytest.mark.slow
def test_a_batch_is_evaluated_by_vmap(objective):
    images = np.stack([random_image(seed) for seed in range(3)])
    losses = jax.jit(jax.vmap(objective.loss, (0, None)))(images, objective.data)
    single = jax.jit(objective.loss)
    expected = [single(image, objective.data) for image in images]
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    terms = jax.vmap(objective.terms, (0, None))(images, objective.data)
    assert terms["mean_and_covariance"].shape == (3,)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_an_image_may_have_narrower_floats(objective, dtype):
    image = random_image(1)
    expected = objective.loss(image, objective.data)
    found = objective.loss(jnp.asarray(image, dtype), objective.data)
    np.testing.assert_allclose(found, expected, rtol=0.01)


@pytest.mark.parametrize(
    "image, found",
    [
        (random_image(0)[..., 0], r"float32 of shape \[48, 64\]"),
        (random_image(0, (2, 48, 64, 3)), r"float32 of shape \[2, 48, 64, 3\]"),
        (random_image(0, (48, 64, 4)), r"float32 of shape \[48, 64, 4\]"),
        (np.zeros((48, 64, 3), np.uint8), r"uint8 of shape \[48, 64, 3\]"),
        ([[[0.5] * 3]], "list"),
    ],
)
def test_other_images_are_refused(objective, image, found):
    for function in (objective.loss, objective.terms, objective.features):
        with pytest.raises(errors.UserError, match=rf"floats of shape \[H, W, 3\], got {found};"):
            function(image, objective.data)


@pytest.mark.slow
def test_adam_of_optax_lowers_the_loss(objective):
    optimizer = optax.adam(0.02)

    @jax.jit
    def step(image, state, data):
        loss, gradient = jax.value_and_grad(objective.loss)(image, data)
        updates, state = optimizer.update(gradient, state)
        return jnp.clip(image + updates, 0, 1), state, loss

    image = jnp.asarray(objective.start)
    state = optimizer.init(image)
    losses = []
    for _ in range(20):
        image, state, loss = step(image, state, objective.data)
        losses.append(float(loss))
    assert losses[-1] < 0.3 * losses[0]


def hessian_products(objective, image, direction):
    """Returns the product of Hessian and direction: forward over reverse, reverse over reverse."""

    def gradient(image):
        return jax.grad(objective.loss)(image, objective.data)

    @jax.jit
    def forward(image, direction):
        return jax.jvp(gradient, (image,), (direction,))[1]

    @jax.jit
    @jax.grad
    def reverse(image):
        return jnp.vdot(gradient(image), direction)

    return forward(image, direction), reverse(image)


@pytest.mark.slow
@pytest.mark.parametrize("statistic", ["mean_and_covariance", "gram"])
def test_forward_mode_gives_the_product_of_reverse_mode_with_the_hessian(exemplar, statistic):
    objective = jaxtex.build(exemplar, **SMALL, statistic=statistic)
    forward, reverse = hessian_products(objective, random_image(3), random_image(4) - 0.5)
    assert float(jnp.linalg.norm(reverse)) > 0
    np.testing.assert_allclose(forward, reverse, atol=1e-4 * float(jnp.abs(reverse).max()))


@pytest.mark.slow
def test_a_product_with_the_hessian_is_the_change_of_the_gradient(exemplar):
    """The steerable network is linear up to its bands, so the gradient has no jumps of ReLUs."""
    choices = {"network": "steerable", "layers": "bands", "octaves": 1, "size": 48}
    objective = jaxtex.build(exemplar, **choices, statistic="gram")
    image = random_image(3)
    direction = random_image(4) - 0.5
    product, _ = hessian_products(objective, image, direction)

    gradient = jax.jit(jax.grad(objective.loss))
    step = 0.03
    ahead = gradient(image + step * direction, objective.data)
    behind = gradient(image - step * direction, objective.data)
    change = (ahead - behind) / (2 * step)
    np.testing.assert_allclose(product, change, atol=0.01 * float(jnp.abs(change).max()))


@pytest.mark.slow
@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"statistic": "gram", "octaves": 2, "padding": "zero"},
        {"statistic": "sliced_wasserstein:samples=64", "seed": 3},
        {"content": "content", "content_weight": 0.5, "tv_weight": 0.1},
    ],
    ids=["mean_and_covariance", "gram", "sliced_wasserstein", "transfer"],
)
def test_the_loss_is_that_of_the_first_step_of_a_synthesis(exemplar, choices):
    choices = SMALL | choices
    content = random_image(5) if choices.pop("content", "") else None
    objective = jaxtex.build(exemplar, content=content, **choices)
    loss = jax.jit(objective.loss)(objective.start, objective.data)
    first = next(
        jaxtex.iterate(exemplar, content=content, **choices, scales=1, num_steps=1, save_every=1)
    )
    np.testing.assert_allclose(loss, first.infos.evaluated[0], rtol=1e-5)


def test_the_start_is_that_of_a_synthesis_of_one_scale(exemplar):
    choices = SMALL | {"height": 50, "seed": 4}
    objective = jaxtex.build(exemplar, **choices, scales=3)
    plan = api.build_plan(exemplar, configs.Config(**choices, scales=1))
    np.testing.assert_array_equal(objective.start, plan.start)


def test_the_choices_of_the_loop_have_no_effect(exemplar, objective):
    other = jaxtex.build(
        exemplar, **SMALL, num_steps=7, optimizer="adam", shares="1,2", remat="all"
    )
    image = random_image(6)
    one, same = (jax.jit(each.loss)(image, each.data) for each in (objective, other))
    np.testing.assert_array_equal(one, same)


def test_a_critic_is_no_function_of_the_image(exemplar):
    with pytest.raises(errors.UserError, match="--statistic=discriminator learns during the"):
        jaxtex.build(exemplar, **SMALL, statistic="discriminator")


@pytest.mark.slow
def test_an_image_is_reconstructed_from_content_alone():
    content = random_image(7)
    objective = jaxtex.build(None, content=content, **SMALL, content_layers="relu1_1")
    assert objective.loss(content, objective.data) < 1e-6
    assert set(objective.terms(content, objective.data)) == {"content"}


def test_without_any_image_the_missing_flag_is_named():
    with pytest.raises(errors.UserError, match="--style is missing"):
        jaxtex.build(None, **SMALL)
    with pytest.raises(errors.UserError, match="--style is missing"):
        jaxtex.transfer(None, None, **SMALL)


def test_bad_choices_and_images_raise_at_the_call_of_iterate(exemplar):
    for style, choices in ((exemplar, {"num_steps": -3}), (exemplar * 2, {}), ("pebles", {})):
        with pytest.raises(errors.UserError):
            jaxtex.iterate(style, **choices)


def test_observe_must_be_a_function(exemplar):
    with pytest.raises(errors.UserError, match="^observe: must be a function that takes a Prog"):
        jaxtex.synthesize(exemplar, observe=5)


@pytest.mark.parametrize("alpha", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_images_can_be_written_to(exemplar, alpha):
    style = np.concatenate([exemplar, exemplar[..., :1]], -1) if alpha else exemplar
    choices = {"size": 48, "octaves": 1, "network": "shallow", "num_steps": 2, "scales": 1}
    observed = []
    result = jaxtex.synthesize(style, **choices, save_every=1, observe=observed.append)
    for image in (result, *(progress.image for progress in observed)):
        assert image.dtype == np.float32 and image.flags.writeable
    observed[0].image[:] = 0
    assert result.any()


def test_names_are_listed_without_loading_jax():
    program = """
import sys, jaxtex
names = set(dir(jaxtex))
assert names >= {*jaxtex.__all__, "images", "metrics", "optimizers", "statistics"}, names
assert not {"importlib", "TYPE_CHECKING"} & names
assert "jax" not in sys.modules
assert all(hasattr(jaxtex, name) for name in names)
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'jaxtex' has no attribute 'synthesise'"):
        jaxtex.synthesise  # noqa: B018
