"""Tests that the claims of docs/theory.md hold, and that each fails for a different tool."""

import functools
import importlib
import sys

import jax
import pytest
from PIL import Image

from jaxtex import errors, statistics
from jaxtex.statistics import adversarial, gram_variants, moments, quantiles
from support import paths


@pytest.fixture(scope="module")
def theory():
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(paths.ROOT)
        patch.syspath_prepend(paths.ROOT / "experiments")
        yield importlib.import_module("theory")


@pytest.fixture(scope="module")
def features(theory):
    return theory.look()


@pytest.mark.slow
def test_every_claim_holds_and_a_sheet_is_drawn(theory, features, tmp_path, monkeypatch):
    monkeypatch.setattr(theory, "look", lambda: features)
    rows = theory.demonstrate(tmp_path)
    assert [row for row in rows if not row["holds"]] == []
    assert {"claim", "expected", "found", "tolerance"} <= set(rows[0])
    assert len(rows) > len(theory.CHECKS)
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert min(sheet.size) > 600 and len(sheet.getcolors(2**24)) > 100


def constant_distance(*options, **more):
    """A statistic whose distance is always 0."""
    return statistics.Statistic(
        lambda x: x.mean((0, 1)), lambda target, summary: 0.0 * summary.sum()
    )


def unsorted_features(samples=0, norm="relative"):
    """Sorted features, without the sorting."""
    return statistics.Statistic(lambda x: x.reshape(-1, x.shape[-1]), statistics.compare(norm))


def hidden_shifted_gram(*options):
    """A spatial statistic that claims to be none."""
    return gram_variants.shifted_gram()._replace(spatial=False)


def always(form):
    """Returns a discriminator of one form, whichever is requested."""
    original = adversarial.discriminator
    return lambda requested, **options: original(form, **options)


def reverse(divergence):
    """Returns the divergence with its arguments exchanged."""
    return lambda p, q: divergence(q, p)


def wrong_excess(theory):
    original = theory.measures.excess
    return lambda lam, aims, base: original(lam, 1.1 * aims, base)


def wrong_moments(theory):
    original = theory.measures.moments_of
    return lambda rows: [1.1 * value for value in original(rows)]


def in_table(name, replacement):
    return lambda theory: (statistics.STATISTICS, name, replacement)


def in_critics(form):
    return lambda theory: (adversarial, "discriminator", always(form))


# name of a check -> function of the module `theory`: object, attribute or key, wrong replacement
FAULTS = {
    "kl_falls_along_the_difference_of_moments": lambda t: (t.families, "excess", wrong_excess(t)),
    "kl_is_least_where_means_agree": in_table("mean", constant_distance),
    "tilting_is_the_least_change": lambda t: (t.families, "kl", reverse(t.measures.kl)),
    "gram_belongs_to_the_zero_mean_gaussian": lambda t: (
        t.families,
        "gram_of",
        t.measures.moments_of,
    ),
    "gram_takes_a_mean_for_a_variance": in_table("gram", moments.mean_and_covariance),
    "every_norm_has_the_same_zero": lambda t: (statistics.NORMS, "plain", lambda *arguments: 1.0),
    "gaussians_obey_pythagoras": lambda t: (t.families, "moments_of", wrong_moments(t)),
    "a_free_mean_is_nearer": lambda t: (t.families, "moments_of", t.measures.gram_of),
    "bures_is_the_work_of_moving_a_gaussian": in_table("bures", moments.mean_and_covariance),
    "sorting_is_the_cheapest_pairing": in_table("sorted", unsorted_features),
    "sorting_leaves_the_total_correlation": lambda t: (
        t.distributions,
        "kl",
        reverse(t.measures.kl),
    ),
    "only_all_projections_see_everything": in_table(
        "sliced_wasserstein", quantiles.sorted_features
    ),
    "a_linear_critic_sees_means_a_quadratic_one_spreads": in_critics("quadratic"),
    "the_best_logit_is_the_log_ratio": in_critics("logistic"),
    "a_rich_critic_finds_jensen_shannon": in_critics("quadratic"),
    "positions_are_forgotten": in_table("mean", hidden_shifted_gram),
    "an_image_is_no_draw": in_table("gram", constant_distance),
}


def test_every_check_has_a_fault(theory):
    assert set(FAULTS) == {check.__name__ for check in theory.CHECKS}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize("name", FAULTS)
def test_a_check_fails_for_a_different_tool(name, theory, features, monkeypatch):
    place, key, replacement = FAULTS[name](theory)
    replace = monkeypatch.setitem if isinstance(place, dict) else monkeypatch.setattr
    replace(place, key, replacement)
    check = next(check for check in theory.CHECKS if check.__name__ == name)
    with jax.enable_x64(True):
        assert not all(row["holds"] for row in check(features))


def test_a_missing_matplotlib_is_named(theory, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(errors.UserError, match=r"jaxtex\[plots\]"):
        theory.demonstrate(tmp_path)


def test_a_row_holds_within_its_tolerance_and_above_its_bound(theory):
    row = functools.partial(theory.measures.row, "a claim")
    assert row(1.05, 1.0, 0.1)["holds"] and not row(1.2, 1.0, 0.1)["holds"]
    assert row(0.3, above=0.2)["holds"] and not row(0.1, above=0.2)["holds"]
    assert not row(1.0, 1.0, above=2)["holds"] and not row(float("nan"), 1.0)["holds"]
