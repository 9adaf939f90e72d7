"""Tests of the source images of a run."""

import numpy as np
import pytest

from jaxtex import errors, images, weights
from jaxtex.runs import run_folder, sources
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import settings


@pytest.fixture
def files(tmp_path, monkeypatch, exemplar):
    """A folder with three images of 64 x 48 pixels."""
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b", "content"):
        images.save(f"{name}.png", exemplar)
    return tmp_path


def test_sources_are_content_styles_and_maps_at_the_used_size(files):
    config = configs.Config(content="content.png", maps="b.png", size=32)
    shapes = [image.shape for image in sources.load_sources("a.png,b.png", config)]
    assert shapes == [(32, 43, 3)] * 4


def test_sources_of_a_feature_map_are_a_mosaic(files):
    config = configs.Config(excite="relu1_1:3", octaves=1, size=48)
    (mosaic,) = sources.load_sources("a.png", config)
    assert mosaic.shape == (3 * 32, 3 * 32, 3)


def test_the_reference_is_the_first_style_or_the_content(files, exemplar):
    images.save("a.png", exemplar[::-1])
    config = configs.Config(size=0, content="content.png")
    first = sources.reference_image("a.png,b.png", config)
    np.testing.assert_array_equal(first, images.load("a.png"))
    np.testing.assert_array_equal(sources.reference_image("", config), images.load("content.png"))
    assert sources.reference_image("a.png", configs.Config(excite="relu1_1:3")) is None
    with pytest.raises(errors.UserError, match="neither --style nor --content"):
        sources.reference_image("", configs.Config())


def test_only_a_transfer_has_a_content_to_be_measured(files):
    config = configs.Config(size=0, content="content.png")
    content = sources.transfer_content("a.png,b.png", config)
    np.testing.assert_array_equal(content, images.load("content.png"))
    assert sources.transfer_content("", config) is None
    assert sources.transfer_content("a.png", configs.Config()) is None


def test_a_sheet_column_has_snapshots_at_the_size_of_the_result(files, exemplar):
    folder = files / "run"
    (folder / run_folder.STEPS).mkdir(parents=True)
    images.save(run_folder.snapshot_path(folder, 2), exemplar[:, :32])
    images.save(folder / "result.png", exemplar)
    images.save(folder / "result-b.png", exemplar)
    config = configs.Config(num_steps=4, maps="b.png")
    column = sources.sheet_column([exemplar], folder, config, steps=(2, 4))
    assert [image.shape for image in column] == [(48, 64, 3)] * 4  # step 4 is the result


def test_the_mosaic_begins_with_the_strongest_patch(exemplar):
    red = exemplar * np.float32([1, 0, 0])
    config = configs.Config(excite="relu1_1:3", octaves=1, size=48)
    mosaic = sources.strongest_patches([red, exemplar], config)

    choice = settings.network_choice(config)
    network, variables = weights.load_network(choice, ("relu1_1",))
    strength = [
        float(network.apply(variables, image)["relu1_1"][..., 3].max()) for image in (red, exemplar)
    ]
    assert (mosaic[0, 0, 1] == 0) == (strength[0] > strength[1])
    assert mosaic.shape == (3 * 32, 3 * 32, 3)  # patches of 3 pixels, enlarged to 30, with gaps


def test_a_mosaic_of_one_image_can_be_saved(tmp_path, exemplar):
    config = configs.Config(excite="relu2_1:0", octaves=1, size=48)
    images.save(tmp_path / "mosaic.png", sources.strongest_patches([exemplar], config))
    assert (tmp_path / "mosaic.png").is_file()
