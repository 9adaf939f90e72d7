"""Resolution of shorthands: `preset` and `content_amount` -> fields of `Config`."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from jaxtex import errors
from jaxtex.runtime import plain_values
from jaxtex.synthesis import config as configs
from jaxtex.synthesis.shorthands import content_amount, presets


@dataclasses.dataclass(frozen=True)
class Shorthands:
    """Choices that stand for others, with the help of their flags."""

    preset: str = dataclasses.field(
        default="",
        metadata={
            "help": "Named set of flags (--list=presets). Other flags on the command line override "
            "those of the preset."
        },
    )
    content_amount: float = dataclasses.field(
        default=content_amount.DEFAULT,
        metadata={
            "help": "How much content a style transfer keeps, in place of --content_weight and "
            "--structure_weight: from 0, the style alone, to 100, nearly the content in the colors "
            "of the style."
        },
    )
    make_tileable: bool = dataclasses.field(
        default=False,
        metadata={
            "help": "Changes only the borders of a picture, so that it tiles: --fill=borders "
            "--tile=xy."
        },
    )


KEPT_STEPS = 50  # of a hole that patches have filled
NAMES = tuple(field.name for field in dataclasses.fields(Shorthands))
CHOICES = (*(field.name for field in dataclasses.fields(configs.Config)), *NAMES)


def resolve(given: Mapping[str, Any]) -> dict[str, Any]:
    """Replaces shorthands by what they stand for. Choices that are given override a preset's.

    Args:
      given: choices by name: fields of `Config` and `Shorthands`.

    Returns:
      Fields of `Config`.

    Raises:
      UserError: a name or preset is unknown, the amount is not valid, or a weight is given, too.
    """
    plain_values.require_names(given, CHOICES)
    choices = {name: value for name, value in given.items() if name not in NAMES}
    choices = presets.preset_choices(_preset(given)) | choices
    choices = _kept_picture(given, choices)
    amount = given.get("content_amount")
    if amount is None:
        return choices

    for name in content_amount.WEIGHTS:
        if name in given:
            raise errors.UserError(
                f"--content_amount={amount} and --{name}={given[name]} exclude each other: the "
                "amount stands for weights"
            )
    weights = {
        name: choices.get(name, getattr(configs.Config, name)) for name in content_amount.WEIGHTS
    }
    return choices | content_amount.to_weights(amount, weights)


def _kept_picture(given: Mapping[str, Any], choices: dict[str, Any]) -> dict[str, Any]:
    """Replaces `make_tileable`, and returns other defaults beside a picture that is kept.

    Its size is that of the picture. A hole that patches have filled needs few steps, at one scale.
    """
    tileable = given.get("make_tileable")
    if not isinstance(tileable, bool | None):
        raise errors.UserError(f"--make_tileable={tileable!r}: must be True or False")
    if tileable:
        if "fill" in choices:
            raise errors.UserError("--make_tileable and --fill exclude each other")
        choices = {"tile": "xy", **choices, "fill": configs.BORDERS}
    if all(_is_empty(choices.get(name)) for name in ("fill", "grow")):
        return choices
    return {"size": 0, "scales": 1, "num_steps": KEPT_STEPS, **choices}


def _preset(given: Mapping[str, Any]) -> str:
    """Returns the name of the preset; empty without one."""
    name = given.get("preset")
    if name is None or isinstance(name, str):
        return name or ""
    raise errors.unknown("preset", plain_values.describe(name), presets.PRESETS)


def validate(given: Mapping[str, Any], config: configs.Config, has_content: bool) -> None:
    """Validates that shorthands go with the run that they are given for.

    Args:
      given: as for `resolve`.
      config: choices of the run.
      has_content: True for a style transfer.

    Raises:
      UserError: they need another choice, or an amount has no meaning for the norm.
    """
    name = _preset(given)
    needs = presets.PRESETS[name].needs if name else ""
    if needs == "content" and not has_content:
        raise errors.UserError(
            f"--preset={name}: is for style transfers; it needs --content, the picture to restyle"
        )
    if needs == "init" and config.init in ("", *configs.INITS):
        raise errors.UserError(f"--preset={name}: needs --init=picture.png, the small picture")
    amount = given.get("content_amount")
    if amount is None:
        return
    if not has_content:
        raise errors.UserError(f"--content_amount={amount}: needs --content")
    if config.content_norm == "plain":
        raise errors.UserError(
            f"--content_amount={amount}: has no meaning with --content_norm=plain, whose weights "
            "depend on network and size; use --content_weight"
        )


def _is_empty(value: Any) -> bool:
    """True for what means that a choice is not made; an array never does."""
    return value is None or (isinstance(value, str | Mapping) and not value)
