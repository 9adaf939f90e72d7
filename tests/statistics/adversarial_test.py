"""Tests of the critic: what it learns, its penalties, and its part in a step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxtex
from jaxtex import errors, losses, optimizers
from jaxtex.statistics import adversarial, moments
from jaxtex.synthesis import api, compilation, stepping
from jaxtex.synthesis import config as configs

SMALL = {
    "size": 48,
    "scales": 1,
    "octaves": 1,
    "layers": "relu1_1,relu2_1",
    "num_steps": 6,
    "optimizer": "adam",
}
DEVIATIONS = np.float32([1, 2, 0.5, 1])
REAL = np.random.default_rng(0).standard_normal((12, 10, 4), np.float32) * DEVIATIONS
SHIFTED = REAL[::-1] + 2.0
SPREAD = 3 * REAL[::-1]


def train(fake, rounds=200, **options):
    """Returns a critic's statistic, and its target after training on the same features."""
    statistic = adversarial.discriminator(**options)
    target = {"a": {"target": statistic.make_target(statistic.summarize(REAL))}}
    states = statistic.critic.init(target, 0)
    update = jax.jit(statistic.critic.update)
    for step in range(rounds):
        states = update(states, target, {"a": fake}, jnp.array(step))
    return statistic, {**target["a"]["target"], "critic": states["a"]}


@pytest.mark.slow
@pytest.mark.parametrize("penalty", adversarial.PENALTIES)
@pytest.mark.parametrize("form", adversarial.FORMS)
def test_every_form_learns_a_shift(form, penalty):
    statistic, target = train(SHIFTED, form=form, penalty=penalty, strength=0.1)
    assert statistic.distance(target, SHIFTED) > statistic.distance(target, REAL) + 0.3


@pytest.mark.slow
@pytest.mark.parametrize("form, learns", [("logistic", False), ("quadratic", True), ("mlp", True)])
def test_all_forms_but_the_linear_one_learn_a_spread(form, learns):
    statistic, target = train(SPREAD, form=form, strength=0.1, rounds=400)
    difference = statistic.distance(target, SPREAD) - statistic.distance(target, REAL)
    assert (difference > 0.2) == learns


@pytest.mark.slow
def test_equal_features_leave_the_loss_at_log_2():
    statistic, target = train(REAL[::-1])
    np.testing.assert_allclose(statistic.distance(target, REAL), np.log(2), atol=0.01)


@pytest.mark.slow
def test_both_losses_have_gradients_of_one_direction():
    gradients = []
    for loss in adversarial.LOSSES:
        statistic, target = train(SHIFTED, form="logistic", loss=loss, strength=0.1)
        gradient = jax.grad(statistic.distance, argnums=1)(target, SHIFTED)
        gradients.append(gradient.mean((0, 1)))

    cosine = jnp.vdot(*gradients) / jnp.prod(jnp.array([jnp.linalg.norm(g) for g in gradients]))
    assert cosine > 0.9
    assert gradients[0].sum() > 0  # the features are too high, and descent lowers them


@pytest.mark.slow
def test_the_penalty_makes_the_critic_less_steep():
    slopes = []
    for strength in (0.01, 100.0):
        _, target = train(SHIFTED, form="logistic", strength=strength)
        kernel = target["critic"]["params"]["params"]["linear_kernel"]
        slopes.append(float(jnp.linalg.norm(kernel)))
    assert slopes[1] < 0.5 * slopes[0]


@pytest.mark.slow
def test_the_norm_is_the_largest_singular_value():
    matrix = jax.random.normal(jax.random.key(1), (6, 5))
    np.testing.assert_allclose(adversarial.norm(matrix), np.linalg.norm(matrix, 2), rtol=0.05)


@pytest.mark.slow
def test_spectral_normalization_bounds_the_slope():
    rows = jax.random.normal(jax.random.key(2), (50, 4))
    network = adversarial.Discriminator("mlp", 8, True)
    params = jax.tree.map(lambda leaf: 10 * leaf, network.init(jax.random.key(0), rows))
    slopes = jax.grad(lambda x: network.apply(params, x).sum())(rows)
    assert jnp.linalg.norm(slopes, axis=1).max() < 1.1


@pytest.mark.slow
def test_it_learns_only_every_so_many_steps():
    statistic = adversarial.discriminator(every=3)
    target = {"a": {"target": statistic.make_target(REAL)}}
    states = statistic.critic.init(target, 0)

    unchanged = []
    for step in (0, 1, 2, 3):
        after = statistic.critic.update(states, target, {"a": SHIFTED}, step)
        equal = jax.tree.map(lambda a, b: bool((a == b).all()), states, after)
        unchanged.append(jax.tree.all(equal))
    assert unchanged == [False, True, True, False]


def test_small_layers_are_used_whole():
    statistic = adversarial.discriminator(form="logistic")
    target = statistic.make_target(losses.sample(REAL, {}))
    assert target["rows"].shape == (120, 4)
    np.testing.assert_allclose(target["rows"].mean(0), np.zeros(4), atol=1e-5)
    assert adversarial.normalize(SHIFTED, target).shape == (120, 4)


@pytest.mark.slow
@pytest.mark.parametrize("form", adversarial.FORMS)
def test_python_loop_device_loop_and_batch_agree(exemplar, form):
    plan = api.build_plan(exemplar, configs.Config(**SMALL, statistic=f"discriminator:form={form}"))
    problem = plan.problems[0]

    def initial_state():
        # The compiled steps donate their state, so each run needs its own copy.
        image = jnp.asarray(plan.start)
        state = optimizers.init_state(plan.optimizer, image, problem.critics)
        return jax.tree.map(jnp.copy, state)

    def run(looped):
        chunk = compilation.build_chunk(plan, problem, looped=looped)()
        state, _ = chunk(initial_state(), problem.data(0), 3)
        return state

    python, device = run(looped=False), run(looped=True)
    np.testing.assert_allclose(device.image, python.image, atol=5e-3)
    structure = jax.tree.structure(problem.critics)
    assert jax.tree.structure(device.critic) == structure
    assert jax.tree.structure(python.critic) == structure

    batch = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), initial_state())
    step = jax.jit(jax.vmap(stepping.build_step(problem, plan.optimizer), (0, None)))
    for _ in range(3):
        batch, _ = step(batch, problem.data(0))
    np.testing.assert_allclose(batch.image[1], python.image, atol=5e-3)


@pytest.mark.slow
def test_a_linear_critic_matches_the_means(exemplar):
    choices = SMALL | {"num_steps": 150, "statistic": "discriminator:form=logistic"}
    result = jaxtex.synthesize(exemplar, **choices)
    distance = moments.mean().distance(exemplar.mean((0, 1)), result.mean((0, 1)))
    assert distance < 0.02


@pytest.mark.parametrize(
    "choices, text",
    [
        ({"optimizer": "lbfgs"}, "--optimizer=lbfgs needs a loss that does not change"),
        (
            {"statistic": "discriminator:form=cnn"},
            "unknown form 'cnn'. There are: logistic, quadratic, mlp",
        ),
        ({"statistic": "discriminator:strength=-1"}, "expected a positive number, got '-1'"),
    ],
)
def test_mistakes_are_one_line(exemplar, choices, text):
    with pytest.raises(errors.UserError) as error:
        jaxtex.synthesize(exemplar, **(SMALL | {"statistic": "discriminator"} | choices))
    assert text in str(error.value)


def test_two_styles_need_masks(exemplar):
    with pytest.raises(errors.UserError, match="several styles need --masks"):
        jaxtex.synthesize([exemplar, exemplar], **SMALL, statistic="discriminator")


@pytest.mark.slow
def test_the_critic_ignores_a_loss_that_is_not_finite(exemplar):
    choices = SMALL | {"layers": "relu1_1", "size": 32, "statistic": "discriminator"}
    plan = api.build_plan(exemplar, configs.Config(**choices))
    problem = plan.problems[0]
    image = jnp.full((problem.height, problem.width, 3), jnp.nan)
    state = optimizers.init_state(plan.optimizer, image, problem.critics)
    after, info = jax.jit(stepping.build_step(problem, plan.optimizer))(state, problem.data(0))
    assert not jnp.isfinite(info.evaluated)
    jax.tree.map(np.testing.assert_array_equal, after.critic, problem.critics)
