"""Tests that an error raised by an observer, or another user function, reaches the caller."""

import pytest

import jaxtex
from jaxtex import statistics
from jaxtex.synthesis import api, batches, config

SMALL = {
    "size": 32,
    "octaves": 1,
    "layers": "relu1_1",
    "num_steps": 3,
    "save_every": 1,
    "optimizer": "gd",
}
ERRORS = [StopIteration, StopAsyncIteration, GeneratorExit, KeyboardInterrupt, ZeroDivisionError]


def raising(error, step=2):
    def observe(progress):
        if progress.step == step:
            raise error

    return observe


@pytest.mark.slow
@pytest.mark.parametrize("error", ERRORS)
def test_an_observer_that_raises_ends_a_synthesis(error, exemplar):
    with pytest.raises(error):
        jaxtex.synthesize(exemplar, observe=raising(error), **SMALL)


def test_the_observer_of_the_last_step_too(exemplar):
    with pytest.raises(StopIteration):
        jaxtex.synthesize(exemplar, observe=raising(StopIteration, 3), **SMALL)


@pytest.mark.slow
@pytest.mark.parametrize("run", [batches.run_threads, batches.run_vmapped])
def test_an_observer_that_raises_ends_a_batch(run, exemplar):
    plans = api.build_batch([exemplar], config.Config(**SMALL), 2)
    with pytest.raises(RuntimeError) as caught:  # as of any generator
        list(run(plans, [raising(StopIteration)] * 2, [None] * 2))
    assert isinstance(caught.value.__cause__, StopIteration)


def test_a_statistic_that_raises_ends_a_synthesis(exemplar):
    def broken(features):
        return next(iter(()))

    own = statistics.STATISTICS["mean"]()._replace(summarize=broken, average=None)
    with pytest.raises((StopIteration, RuntimeError, jaxtex.UserError)):
        jaxtex.synthesize(exemplar, statistic=own, **SMALL)


def test_a_loop_over_iterate_may_be_left_and_gone_on_with(exemplar):
    progressing = jaxtex.iterate(exemplar, **SMALL)
    for progress in progressing:
        assert progress.step == 1
        break
    assert [progress.step for progress in progressing] == [2, 3]
    with pytest.raises(StopIteration):
        next(progressing)
    assert next(iter(jaxtex.iterate(exemplar, **SMALL)), None) is not None


def test_what_the_body_of_a_loop_raises_is_raised(exemplar):
    with pytest.raises(StopIteration):
        for progress in jaxtex.iterate(exemplar, **SMALL):
            raising(StopIteration)(progress)
