"""Tests of activation maximization, `--excite`."""

import pytest

from jaxtex import errors, weights
from jaxtex.synthesis import api, loop, settings
from jaxtex.synthesis import config as configs


@pytest.mark.slow
def test_the_result_activates_the_feature_map_more_than_the_exemplar(exemplar):
    config = configs.Config(
        excite="relu1_2:5",
        texture_weight=0.0,
        tv_weight=0.1,
        size=48,
        octaves=1,
        scales=1,
        num_steps=30,
        noise=0.2,
    )
    result = loop.run(api.build_plan(exemplar, config))
    network, variables = weights.load_network(settings.network_choice(config), ("relu1_2",))

    def mean(image):
        return network.apply(variables, image)["relu1_2"][..., 5].mean()

    assert mean(result) > 2 * mean(exemplar)


@pytest.mark.parametrize(
    "text, message",
    [
        ("relu1_1", "a layer and the number of a channel"),
        ("relu1_1:999", "channels 0 to 31"),
        ("x:1", "layer 'x'"),
    ],
)
def test_a_missing_feature_map_is_named(exemplar, text, message):
    with pytest.raises(errors.UserError, match=message):
        api.build_plan(exemplar, configs.Config(excite=text, size=48, octaves=1))
