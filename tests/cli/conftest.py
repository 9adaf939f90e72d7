"""Fixtures of the tests of commands."""

import pytest

from jaxtex import images


@pytest.fixture
def style(tmp_path, exemplar):
    """The path of a small texture."""
    images.save(tmp_path / "style.png", exemplar)
    return str(tmp_path / "style.png")
