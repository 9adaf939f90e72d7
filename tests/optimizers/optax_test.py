"""Any transformation of optax is an optimizer: two steps of each, and a few whole syntheses."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from optax import contrib

import jaxtex
from jaxtex import optimizers

RATE = 0.01
START = np.full((4, 5, 3), 0.8, np.float32)
SMALL = {"size": 32, "octaves": 1, "layers": "relu1_1", "num_steps": 3, "save_every": 1}

# Those that are built with a learning rate.
WITH_A_RATE = (
    "adabelief adadelta adafactor adagrad adam adamax adamaxw adamw adan amsgrad fromage lamb lars "
    "lion nadam nadamw novograd optimistic_adam_v2 optimistic_gradient_descent radam rmsprop rprop "
    "sgd sign_sgd signum sm3 yogi"
).split()
CONTRIB_WITH_A_RATE = (
    "acprop ademamix adopt dowg madgrad momo momo_adam muon simplified_ademamix"
).split()


def chained(transform):
    """Descends along what a transformation makes of the gradient."""
    return optax.chain(transform, optax.scale(-RATE))


TRANSFORMS = {
    **{name: functools.partial(getattr(optax, name, None), RATE) for name in WITH_A_RATE},
    **{name: functools.partial(getattr(contrib, name, None), RATE) for name in CONTRIB_WITH_A_RATE},
    "lbfgs": optax.lbfgs,
    "lbfgs, backtracking": lambda: optax.lbfgs(
        linesearch=optax.scale_by_backtracking_linesearch(10)
    ),
    "lbfgs, fixed rate": lambda: optax.lbfgs(RATE, linesearch=None),
    "our lbfgs": lambda: optimizers.lbfgs(lower=0.0, upper=1.0),
    "polyak_sgd": optax.polyak_sgd,
    "backtracking": lambda: optax.chain(
        optax.sgd(0.1), optax.scale_by_backtracking_linesearch(10, store_grad=True)
    ),
    "zoom": lambda: optax.chain(
        optax.scale(-1.0), optax.scale_by_zoom_linesearch(max_linesearch_steps=10)
    ),
    "noisy_sgd": lambda: optax.noisy_sgd(RATE, key=jax.random.key(0)),
    "cocob": contrib.cocob,
    "prodigy": contrib.prodigy,
    "dadapt_adamw": contrib.dadapt_adamw,
    "reduce_on_plateau": lambda: optax.chain(optax.sgd(RATE), contrib.reduce_on_plateau()),
    # With their defaults, the first steps of these are less than a rounding error.
    "dog": lambda: contrib.dog(1.0, ("distance", 0.1)),
    "mechanize": lambda: contrib.mechanize(optax.sgd(RATE), s_init=0.5),
    "schedule_free": lambda: contrib.schedule_free_sgd(RATE),
    "sam": lambda: contrib.sam(optax.sgd(RATE), optax.sgd(RATE), sync_period=2),
    "multi_steps": lambda: optax.MultiSteps(optax.sgd(RATE), 2),
    "apply_every": lambda: chained(optax.apply_every(2)),
    "apply_if_finite": lambda: optax.apply_if_finite(optax.adam(RATE), 3),
    "inject_hyperparams": lambda: optax.inject_hyperparams(optax.adam)(RATE),
    "schedule": lambda: optax.adam(optax.cosine_decay_schedule(RATE, 10)),
    "masked": lambda: optax.masked(optax.sgd(RATE), True),
    "multi_transform": lambda: optax.multi_transform({"image": optax.adam(RATE)}, "image"),
    "clipped": lambda: optax.chain(optax.clip_by_global_norm(1.0), optax.adam(RATE)),
    "named_chain": lambda: optax.named_chain(("adam", optax.adam(RATE))),
    "ema": lambda: chained(optax.ema(0.9)),
    "centralize": lambda: chained(optax.centralize()),
    "add_noise": lambda: chained(optax.add_noise(0.1, 0.5, 0)),
    "trust_ratio": lambda: chained(optax.scale_by_trust_ratio()),
    "keep_params_nonnegative": lambda: optax.chain(
        optax.sgd(RATE), optax.keep_params_nonnegative()
    ),
    "identity": lambda: chained(optax.identity()),
}
NEWER = {"adan", "muon", "sign_sgd", "signum"}  # not in every version of optax


def bowl(x):
    return jnp.sum((x - jnp.linspace(-0.2, 0.7, x.size).reshape(x.shape)) ** 2)


def build(name):
    factory = TRANSFORMS[name]
    if getattr(factory, "func", factory) is None:
        assert name in NEWER
        pytest.skip(f"this version of optax has no {name}")
    return optimizers.from_optax(factory())


def two_steps(optimizer):
    @jax.jit
    def step(state):
        return optimizer.update(state, *jax.value_and_grad(bowl)(state.trial), bowl)

    states = [optimizers.init_state(optimizer, START)]
    for _ in range(3):  # the third evaluates what the second made
        states.append(step(states[-1]))
    return states


def assert_descends(states):
    last = states[-1]
    assert jax.tree.map(jnp.result_type, last) == jax.tree.map(jnp.result_type, states[0])
    assert last.image.min() >= 0 and last.image.max() <= 1
    assert last.loss < bowl(START)


@pytest.mark.slow
@pytest.mark.parametrize("name", TRANSFORMS)
def test_two_steps_of_each_transformation(name):
    assert_descends(two_steps(build(name)))


@pytest.mark.slow
@pytest.mark.parametrize("name", TRANSFORMS)
def test_each_transformation_keeps_dtypes_with_x64(name):
    with jax.enable_x64(True):
        optimizer = build(name)
        start = jnp.full((4, 5, 3), 0.8, jnp.float32)
        state = jax.eval_shape(functools.partial(optimizers.init_state, optimizer), start)
        loss = jax.ShapeDtypeStruct((), jnp.float64)
        after = jax.eval_shape(lambda *args: optimizer.update(*args, bowl), state, loss, start)
    assert jax.tree.map(lambda leaf: leaf.dtype, after) == jax.tree.map(
        lambda leaf: leaf.dtype, state
    )
    assert after.trial.dtype == after.loss.dtype == jnp.float32


def test_second_derivatives_are_refused_in_a_line_of_their_own(exemplar):
    with pytest.raises(jaxtex.UserError, match="--optimizer: this one needs forward-mode"):
        jaxtex.synthesize(exemplar, optimizer=contrib.sophia(RATE), **SMALL)


@pytest.mark.slow
def test_the_line_search_of_optax_evaluates_the_loss_of_a_synthesis(exemplar):
    results = [
        list(jaxtex.iterate(exemplar, optimizer=optimizer, **SMALL))
        for optimizer in (optax.lbfgs(), optax.sgd(0.0))
    ]
    searched, fixed = [[progress.infos.loss[0] for progress in result] for result in results]
    assert searched[2] < 0.7 * searched[0]
    assert [fixed[0], fixed[2]] == pytest.approx([searched[0]] * 2, rel=1e-5)
    assert all(np.isfinite(progress.image).all() for progress in results[0])
