"""Any sizes, layers, statistics and choices: a finite picture of the right shape, or one clear line."""

import os

import hypothesis
import jax
import numpy as np
from hypothesis import strategies as st

import jaxtex
from jaxtex import errors, optimizers, statistics, weights
from jaxtex.networks import padding_pooling

EXAMPLES = int(os.environ.get("EXAMPLES", 10))  # each is compiled; `make ordeal` takes hundreds
SIDES = st.one_of(st.integers(32, 200), st.sampled_from([32, 33, 47, 64, 199, 200]))
LAYERS = weights.available_layers(weights.NetworkChoice())
KINDS = ("noise", "flat", "ramp", "stripes", "dots")


@st.composite
def exemplars(draw):
    """Of any size, and of a kind that may be awkward: of one colour, of two, or of one bright pixel."""
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
def choices(draw):
    """Flags that a user might give together."""
    found = {
        "height": draw(st.one_of(st.just(0), SIDES)),
        "width": draw(st.one_of(st.just(0), SIDES)),
    }
    found |= {
        "size": draw(st.sampled_from([0, 32, 45, 64, 100])),
        "num_steps": draw(st.integers(1, 3)),
    }
    found["statistic"] = draw(st.sampled_from(sorted(statistics.STATISTICS)))
    found["optimizer"] = draw(st.sampled_from(sorted(optimizers.OPTIMIZERS)))
    found["network"] = draw(
        st.sampled_from(["vgg_lite", "vgg_lite", "vgg_lite", "steerable", "shallow"])
    )
    if found["network"] == "vgg_lite":
        found["layers"] = ",".join(
            draw(st.lists(st.sampled_from(LAYERS), min_size=1, max_size=3, unique=True))
        )
        found["pooling"] = draw(st.sampled_from(["", "max", "avg"]))
    found |= {"octaves": draw(st.integers(1, 4)), "scales": draw(st.integers(0, 3))}
    found["padding"] = draw(st.sampled_from(sorted(padding_pooling.PADDINGS)))
    found |= {
        "tile": draw(st.sampled_from(["", "", "x", "xy"])),
        "init": draw(st.sampled_from(["", "noise", "style"])),
    }
    return found


@hypothesis.settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
@hypothesis.given(exemplars(), choices())
def test_a_picture_or_one_clear_line(exemplar, found):
    try:
        image = jaxtex.synthesize(exemplar, **found)
    except errors.UserError as error:
        assert 10 < len(str(error)) < 400 and "\n" not in str(error)
        return
    finally:
        jax.clear_caches()
    sides = found["height"], found["width"]
    assert image.ndim == 3 and all(
        side in (0, own) for side, own in zip(sides, image.shape[:2], strict=True)
    )
    assert (
        np.isfinite(image).all()
        and image.min() >= 0
        and image.max() <= 1
        and image.dtype == np.float32
    )
