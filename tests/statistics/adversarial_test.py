"""The critic: it learns, it can be held back, and the step that it is part of is the same in every loop."""

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
REAL = jax.random.normal(jax.random.key(0), (12, 10, 4)) * jnp.array([1.0, 2.0, 0.5, 1.0])
SHIFTED = REAL[::-1] + 2.0
SPREAD = 3 * REAL[::-1]


def learned(fake, rounds=200, **options):
    """A critic's statistic, and its aim after it has seen the same features so often."""
    statistic = adversarial.discriminator(**options)
    target = {"a": {"target": statistic.make_target(statistic.summarize(REAL))}}
    states = statistic.critic.init(target, 0)
    update = jax.jit(statistic.critic.update)
    for step in range(rounds):
        states = update(states, target, {"a": fake}, jnp.array(step))
    return statistic, {**target["a"]["target"], "critic": states["a"]}


@pytest.mark.parametrize("penalty", adversarial.PENALTIES)
@pytest.mark.parametrize("form", adversarial.FORMS)
def test_every_form_learns_to_tell_a_shift(form, penalty):
    statistic, aim = learned(SHIFTED, form=form, penalty=penalty, strength=0.1)
    assert statistic.distance(aim, SHIFTED) > statistic.distance(aim, REAL) + 0.3


@pytest.mark.parametrize("form, sees", [("logistic", False), ("quadratic", True), ("mlp", True)])
def test_a_spread_is_seen_by_all_but_the_linear(form, sees):
    statistic, aim = learned(SPREAD, form=form, strength=0.1, rounds=400)
    difference = statistic.distance(aim, SPREAD) - statistic.distance(aim, REAL)
    assert (difference > 0.2) == sees


def test_what_cannot_be_told_apart_is_a_toss():
    statistic, aim = learned(REAL[::-1])
    np.testing.assert_allclose(statistic.distance(aim, REAL), np.log(2), atol=0.01)


def test_swapped_labels_and_minimax_pull_the_same_way():
    gradients = []
    for loss in adversarial.LOSSES:
        statistic, aim = learned(SHIFTED, form="logistic", loss=loss, strength=0.1)
        gradients.append(
            jax.grad(lambda x, s=statistic, a=aim: s.distance(a, x))(SHIFTED).mean((0, 1))
        )
    assert jnp.vdot(*gradients) > 0.9 * jnp.linalg.norm(gradients[0]) * jnp.linalg.norm(
        gradients[1]
    )
    assert gradients[0].sum() > 0  # the shift is upwards, and descent undoes it


def test_the_penalty_makes_it_less_steep():
    slopes = []
    for strength in (0.01, 100.0):
        _, aim = learned(SHIFTED, form="logistic", strength=strength)
        slopes.append(float(jnp.linalg.norm(aim["critic"]["params"]["params"]["linear_kernel"])))
    assert slopes[1] < 0.5 * slopes[0]


def test_spectral_norms_are_bounded():
    matrix = jax.random.normal(jax.random.key(1), (6, 5))
    np.testing.assert_allclose(adversarial.norm(matrix), np.linalg.norm(matrix, 2), rtol=0.05)
    rows = jax.random.normal(jax.random.key(2), (50, 4))
    network = adversarial.Discriminator("mlp", 8, True)
    params = jax.tree.map(lambda leaf: 10 * leaf, network.init(jax.random.key(0), rows))
    slopes = jax.grad(lambda x: network.apply(params, x).sum())(rows)
    assert jnp.linalg.norm(slopes, axis=1).max() < 1.1


def test_it_learns_only_when_it_is_due():
    statistic = adversarial.discriminator(every=3)
    target = {"a": {"target": statistic.make_target(REAL)}}
    states = statistic.critic.init(target, 0)
    later = [statistic.critic.update(states, target, {"a": SHIFTED}, step) for step in (0, 1, 2, 3)]
    unchanged = [
        jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), states, other))
        for other in later
    ]
    assert unchanged == [False, True, True, False]


def test_small_layers_are_seen_whole(exemplar):
    """A view that draws nothing is `[H, W, C]`; all of it counts."""
    statistic = adversarial.discriminator(form="logistic")
    aim = statistic.make_target(losses.sample(REAL, {}))
    assert aim["rows"].shape == (120, 4)
    np.testing.assert_allclose(aim["rows"].mean(0), np.zeros(4), atol=1e-5)
    assert adversarial.normalize(SHIFTED, aim).shape == (120, 4)


@pytest.mark.parametrize("form", adversarial.FORMS)
def test_our_loop_and_the_devices_and_a_batch_agree(exemplar, form):
    plan = api.build_plan(
        exemplar, configs.Config(**SMALL, statistic=f"discriminator:form={form}")
    )
    problem = plan.problems[0]
    fresh = lambda: jax.tree.map(
        jnp.copy, optimizers.init_state(plan.optimizer, jnp.asarray(plan.start), problem.critic)
    )
    ours, _ = compilation.build_chunk(plan, problem, looped=False)()(fresh(), problem.data(0), 3)
    devices, _ = compilation.build_chunk(plan, problem, looped=True)()(fresh(), problem.data(0), 3)
    np.testing.assert_allclose(devices.image, ours.image, atol=5e-3)
    assert (
        jax.tree.structure(devices.critic)
        == jax.tree.structure(ours.critic)
        == jax.tree.structure(problem.critic)
    )
    batch = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), fresh())
    advance = jax.jit(jax.vmap(stepping.build_step(problem, plan.optimizer), (0, None)))
    for _ in range(3):
        batch, _ = advance(batch, problem.data(0))
    np.testing.assert_allclose(batch.image[1], ours.image, atol=5e-3)


def test_logistic_regression_brings_the_means_together(exemplar):
    choices = SMALL | {"num_steps": 150, "statistic": "discriminator:form=logistic"}
    result = jaxtex.synthesize(exemplar, **choices)
    mean, start = exemplar.mean((0, 1)), moments.mean()
    assert start.distance(mean, result.mean((0, 1))) < 0.02


@pytest.mark.parametrize(
    "choices, text",
    [
        (
            {"optimizer": "lbfgs"},
            "--optimizer=lbfgs cannot follow a critic that learns: --optimizer=adam",
        ),
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


def test_two_styles_want_masks(exemplar):
    with pytest.raises(errors.UserError, match="learns one style; several want --masks"):
        jaxtex.synthesize([exemplar, exemplar], **SMALL, statistic="discriminator")


def test_the_critic_learns_nothing_from_what_is_not_finite(exemplar):
    plan = api.build_plan(exemplar, configs.Config(statistic="discriminator", **SMALL))
    problem = plan.problems[0]
    state = optimizers.init_state(
        plan.optimizer, jnp.full((problem.height, problem.width, 3), jnp.nan), problem.critic
    )
    after, info = jax.jit(stepping.build_step(problem, plan.optimizer))(state, problem.data(0))
    assert not jnp.isfinite(info.evaluated)
    jax.tree.map(np.testing.assert_array_equal, after.critic, problem.critic)
