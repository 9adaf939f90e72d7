"""The claims of docs/theory.md hold, and each would not if the tool did something else."""

import functools
import importlib
import sys

import jax
import pytest
from PIL import Image

from jaxtex import errors, statistics
from jaxtex.statistics import adversarial, gram_variants, moments, quantiles
from support import paths

ROOT = paths.ROOT


@pytest.fixture(scope="module")
def theory():
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.syspath_prepend(ROOT / "experiments")
        yield importlib.import_module("theory")


@pytest.fixture(scope="module")
def seen(theory):
    return theory.look()


def test_every_claim_holds_and_the_sheet_is_there(theory, seen, tmp_path, monkeypatch):
    monkeypatch.setattr(theory, "look", lambda: seen)
    rows = theory.demonstrate(tmp_path)
    assert [row for row in rows if not row["holds"]] == []
    assert {"claim", "expected", "found", "tolerance"} <= set(rows[0]) and len(rows) > len(
        theory.CHECKS
    )
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert min(sheet.size) > 600 and len(sheet.getcolors(2**24)) > 100


def blind(*options, **more):
    return statistics.Statistic(
        lambda x: x.mean((0, 1)), lambda target, summary: 0.0 * summary.sum()
    )


def unsorted(samples=0, norm="relative"):
    return statistics.Statistic(lambda x: x.reshape(-1, x.shape[-1]), statistics.compare(norm))


def placed(*options):
    return gram_variants.shifted_gram()._replace(spatial=False)


def only(form):
    """The critic of one form, whichever is asked for."""
    return lambda asked, make=adversarial.discriminator, **options: make(form, **options)


reversed_kl = lambda theory: lambda p, q, right=theory.measures.kl: right(q, p)
table = lambda theory: statistics.STATISTICS
families, distributions = (lambda theory: theory.families), (lambda theory: theory.distributions)
WRONG = {  # check -> where, what, and what to put there
    "kl_falls_along_the_difference_of_moments": (
        families, "excess", lambda theory: lambda lam, aims, base: theory.measures.excess(lam, 1.1 * aims, base)),
    "kl_is_least_where_means_agree": (table, "mean", lambda theory: blind),
    "tilting_is_the_least_change": (families, "kl", reversed_kl),
    "gram_belongs_to_the_zero_mean_gaussian": (families, "gram_of", lambda theory: theory.measures.moments_of),
    "gram_takes_a_mean_for_a_variance": (table, "gram", lambda theory: moments.mean_and_covariance),
    "every_norm_has_the_same_zero": (lambda theory: statistics.NORMS, "plain", lambda theory: lambda *given: 1.0),
    "gaussians_obey_pythagoras": (
        families, "moments_of", lambda theory: lambda rows: [1.1 * x for x in theory.measures.moments_of(rows)]),
    "a_free_mean_is_nearer": (families, "moments_of", lambda theory: theory.measures.gram_of),
    "bures_is_the_work_of_moving_a_gaussian": (table, "bures", lambda theory: moments.mean_and_covariance),
    "sorting_is_the_cheapest_pairing": (table, "sorted", lambda theory: unsorted),
    "sorting_leaves_the_total_correlation": (distributions, "kl", reversed_kl),
    "only_all_projections_see_everything": (table, "sliced_wasserstein", lambda theory: quantiles.sorted_features),
    "a_linear_critic_sees_means_a_quadratic_one_spreads": (
        lambda theory: adversarial, "discriminator", lambda theory: only("quadratic")),
    "the_best_logit_is_the_log_ratio": (lambda theory: adversarial, "discriminator", lambda theory: only("logistic")),
    "a_rich_critic_finds_jensen_shannon": (
        lambda theory: adversarial, "discriminator", lambda theory: only("quadratic")),
    "positions_are_forgotten": (table, "mean", lambda theory: placed),
    "an_image_is_no_draw": (table, "gram", lambda theory: blind),
}  # fmt: skip


def test_every_check_is_tried(theory):
    assert set(WRONG) == {check.__name__ for check in theory.CHECKS}


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize("name", WRONG)
def test_a_claim_fails_of_a_tool_that_does_something_else(name, theory, seen, monkeypatch):
    where, what, wrong = WRONG[name]
    place = where(theory)
    (monkeypatch.setitem if isinstance(place, dict) else monkeypatch.setattr)(
        place, what, wrong(theory)
    )
    check = next(check for check in theory.CHECKS if check.__name__ == name)
    with jax.enable_x64(True):
        assert not all(row["holds"] for row in check(seen))


def test_without_matplotlib_the_extra_is_named(theory, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(errors.UserError, match=r"jaxtex\[plots\]"):
        theory.demonstrate(tmp_path)


def test_a_row_holds_within_its_tolerance_and_above_its_bound(theory):
    row = functools.partial(theory.measures.row, "it is so")
    assert row(1.05, 1.0, 0.1)["holds"] and not row(1.2, 1.0, 0.1)["holds"]
    assert row(0.3, above=0.2)["holds"] and not row(0.1, above=0.2)["holds"]
    assert not row(1.0, 1.0, above=2)["holds"] and not row(float("nan"), 1.0)["holds"]
