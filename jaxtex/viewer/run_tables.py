"""Named values of a run: flags, outcome, measures, timings, versions and hashes."""

from collections.abc import Sequence
from typing import NamedTuple

from jaxtex import errors, metrics
from jaxtex.runs import records
from jaxtex.viewer import run_pictures


class RunTables(NamedTuple):
    """Named values of a run, each table by name."""

    flags: dict[str, str]  # that differ from their defaults
    default_flags: dict[str, str]
    outcome: dict[str, object]  # columns of the table of runs: steps, loss, seconds
    measures: dict[str, float]  # empty if the run is not finished
    timings: dict[str, str]  # with units
    origin: dict[str, str]  # device, preset and versions
    inputs: dict[str, str]  # SHA-256 of the files


def build_tables(
    record: records.RunRecord, loaded: run_pictures.RunImages, measured: Sequence[str] | None
) -> RunTables:
    """Collects the named values of a run.

    Args:
      record: the run.
      loaded: its images.
      measured: names in `metrics.METRICS`; None: those of a texture or of a transfer.
    """
    outcome: dict[str, object] = {
        "steps": record.step,
        "loss": _last_loss(record),
        "seconds": total_seconds(record),
    }
    return RunTables(
        flags=flag_values(record, default=False),
        default_flags=flag_values(record, default=True),
        outcome=outcome,
        measures=_measure(record, loaded, measured),
        timings=_timings(record),
        origin=record.origin,
        inputs=record.inputs,
    )


def flag_values(record: records.RunRecord, default: bool) -> dict[str, str]:
    """Returns flags as texts.

    Args:
      record: the run.
      default: True for the flags at their defaults, False for the others.
    """
    return {
        name: str(value)
        for name, value in record.flags.items()
        if records.is_default(name, value) == default
    }


def _measure(
    record: records.RunRecord, loaded: run_pictures.RunImages, names: Sequence[str] | None
) -> dict[str, float]:
    """Measures a finished result against the first style and the content, if it has both."""
    if not loaded.finished or loaded.result is None or record.flags.get("excite"):
        return {}

    path = str(record.flags.get("content") or "")
    styles = [image for name, image in loaded.sources.items() if name != path]
    exemplar = next(iter(styles or loaded.sources.values()), None)
    if exemplar is None:
        return {}

    content = loaded.sources.get(path) if styles else None
    if names is None:
        names = metrics.default_names(content is not None)
    elif content is None:
        names = [name for name in names if not metrics.needs_content(name)]
    if not names:
        return {}

    scale = record.flags.get("style_scale")
    try:
        return metrics.measure(
            exemplar,
            loaded.result,
            names,
            content=content,
            style_scale=scale if isinstance(scale, int | float) else 1.0,
        )
    except errors.UserError:  # an image too small to be measured
        return {}


def _timings(record: records.RunRecord) -> dict[str, str]:
    """Returns durations, memory and losses, with units."""
    first_seconds = record.rows[0].get("seconds", 0.0) if record.rows else 0.0
    table = {
        "steps": f"{record.step}",
        "time": f"{total_seconds(record):.1f} s",
        "first step": f"{first_seconds:.1f} s",
    }

    if "memory" in record.outcome:
        table["peak memory"] = f"{record.outcome['memory'] / 2**20:,.0f} MiB"
    if "numbers" in record.outcome:
        table["statistic size"] = f"{record.outcome['numbers']:,.0f}"

    loss = _last_loss(record)
    if loss is not None:
        table["loss"] = f"{loss:.4g}"
        first_loss = record.outcome.get("first")
        if first_loss:
            table["loss / first"] = f"{loss / first_loss:.3g}"
    return table


def _last_loss(record: records.RunRecord) -> float | None:
    """Returns the loss at the last step; None if unknown."""
    return record.rows[-1]["loss"] if record.rows else record.outcome.get("loss")


def total_seconds(record: records.RunRecord) -> float:
    """Returns the duration of a run until its end or its last step."""
    so_far = record.rows[-1].get("seconds", 0.0) if record.rows else 0.0
    return record.outcome.get("seconds", so_far)
