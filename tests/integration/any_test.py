"""Fuzzing: any size, layers, statistic and choices give a finite image, or an error of one line."""

import math
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
# Values of numeric flags, some of them beyond what is allowed. Each example takes at most two.
NUMBERS = {
    "octaves": [0, 5, 6, 7, -1],
    "size": [31, 16385, -1],
    "height": [1, 31, 16385],
    "width": [1, 31, -32],
    "scales": [4, 8, 9, -1],
    "texture_weight": [0.0, 1e-12, 1e12, 1e13, -1.0, math.nan],
    "content_weight": [0.0, 1e12, math.inf],
    "tv_weight": [1e-12, 1.0, 1e12, 1e13],
    "spectrum_weight": [1e-12, 1.0, 1e12, -1e-12],
    "excite_weight": [-1.0, math.nan],
    "learning_rate": [1e-12, 1.0, 1.5, -0.1],
    "history": [0, 1, 40, 201],
    "num_steps": [0, -1, 10**6 + 1],
    "save_every": [0, 1, 10**6],
    "renew_every": [0, 1, 10**6],
    "seed": [-1, 2**32 - 1, 2**32],
    "noise": [1e-12, 1.0, 1.1, math.inf],
    "strips": ["0", "1", "16", "16384", "16385", "none,16"],
    "shares": ["0", "1", "1,999", "1000", "1,1,1"],
    "style_weights": ["1e-12", "1e12", "1e13", "0", "1,1"],
    "excite": ["relu1_1:0", "relu1_1:99999", "relu3_1:159"],
    "layers": ["relu1_1:1e12,relu2_1:1e-12", "relu1_1:1e300", "relu3_3:0"],
    "statistic": ["1e12*gram", "1e-12*mean", "1e13*gram", "joint:window=63", "joint:window=65"],
}


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
    numbers = draw(st.lists(st.sampled_from(sorted(NUMBERS)), max_size=2, unique=True))
    choices |= {
        "octaves": draw(st.integers(1, 4)),
        "scales": draw(st.integers(0, 3)),
        "padding": draw(st.sampled_from(sorted(padding_pooling.PADDINGS))),
        "tile": draw(st.sampled_from(["", "", "x", "xy"])),
        "init": draw(st.sampled_from(["", "noise", "style"])),
    }
    return choices | {name: draw(st.sampled_from(NUMBERS[name])) for name in numbers}


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
