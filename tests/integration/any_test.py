"""Fuzzing: any size, layers, statistic and choices give a finite image, or an error of one line."""

import os

import hypothesis
import jax
import numpy as np
import pytest
from hypothesis import strategies as st

import jaxtex
from jaxtex import errors, optimizers, statistics, weights
from jaxtex.networks import padding_pooling

EXAMPLES = int(os.environ.get("EXAMPLES", 10))  # each is compiled; `make ordeal` tries hundreds
SIDES = st.one_of(st.integers(32, 200), st.sampled_from([32, 33, 47, 64, 199, 200]))  # pixels
LAYERS = weights.available_layers(weights.NetworkChoice())
KINDS = ("noise", "flat", "ramp", "stripes", "dots")
NETWORKS = ("vgg_lite", "vgg_lite", "vgg_lite", "steerable", "shallow")


@st.composite
def exemplars(draw):
    """Draws an exemplar of any size, some of them degenerate: flat, or with one bright pixel."""
    height, width, kind = draw(SIDES), draw(SIDES), draw(st.sampled_from(KINDS))
    rng = np.random.default_rng(draw(st.integers(0, 9)))
    image = np.zeros((height, width, 3), np.float32)
    if kind == "noise":
        image = rng.random((height, width, 3), np.float32)
    elif kind == "ramp":
        image += np.linspace(0, 1, width, dtype=np.float32)[:, None]
    elif kind == "stripes":
        image[::2] = 1
    elif kind == "dots":
        image[height // 2, width // 2] = 1
    return image


@st.composite
def configs(draw):
    """Draws fields of `Config` that a user might combine."""
    choices = {
        "height": draw(st.one_of(st.just(0), SIDES)),
        "width": draw(st.one_of(st.just(0), SIDES)),
        "size": draw(st.sampled_from([0, 32, 45, 64, 100])),
        "num_steps": draw(st.integers(1, 3)),
        "statistic": draw(st.sampled_from(sorted(statistics.STATISTICS))),
        "optimizer": draw(st.sampled_from(sorted(optimizers.OPTIMIZERS))),
        "network": draw(st.sampled_from(NETWORKS)),
    }
    if choices["network"] == "vgg_lite":
        layers = st.lists(st.sampled_from(LAYERS), min_size=1, max_size=3, unique=True)
        choices["layers"] = ",".join(draw(layers))
        choices["pooling"] = draw(st.sampled_from(["", "max", "avg"]))
    return choices | {
        "octaves": draw(st.integers(1, 4)),
        "scales": draw(st.integers(0, 3)),
        "padding": draw(st.sampled_from(sorted(padding_pooling.PADDINGS))),
        "tile": draw(st.sampled_from(["", "", "x", "xy"])),
        "init": draw(st.sampled_from(["", "noise", "style"])),
    }


@pytest.mark.slow
@hypothesis.settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
@hypothesis.given(exemplars(), configs())
def test_an_image_or_an_error_of_one_line(exemplar, choices):
    try:
        image = jaxtex.synthesize(exemplar, **choices)
    except errors.UserError as error:
        assert 10 < len(str(error)) < 400 and "\n" not in str(error)
        return
    finally:
        jax.clear_caches()

    assert image.ndim == 3 and image.dtype == np.float32
    assert choices["height"] in (0, image.shape[0])
    assert choices["width"] in (0, image.shape[1])
    assert np.isfinite(image).all()
    assert image.min() >= 0 and image.max() <= 1
