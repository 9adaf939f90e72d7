"""Choices that differ from their defaults and have no effect beside the others."""

import dataclasses

from jaxtex import errors
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import settings as choices


def warn_unused(config: configs.Config, has_content: bool) -> None:
    """Warns, once, of choices of one image that differ from their defaults and have no effect.

    Args:
      config: the choices.
      has_content: True for a style transfer.
    """
    reasons: dict[str, str] = {}
    if not has_content:
        of_content = [name for name in dir(config) if name.startswith(("content_", "structure_"))]
        reasons |= dict.fromkeys([*of_content, "preserve_color"], "without a --content")
    if config.fill or config.grow:
        reasons["arrangement_weight"] = "with --fill or --grow"
    elif has_content or config.masks or config.style_masks or config.guide or config.mix:
        beside = "with a --content" if has_content else "with masks"
        reasons |= dict.fromkeys(("arrangement_weight", "detail_weight"), beside)
    if not config.previous_content:
        reasons["temporal_weight"] = "without --frames or --previous_content"
    reasons["diversity"] = "with one image"
    if not config.excite:
        reasons["excite_weight"] = "without --excite"
    if config.optimizer == "lbfgs":
        reasons["learning_rate"] = "with --optimizer=lbfgs"
    if config.optimizer in ("adam", "gd"):
        reasons["history"] = f"with --optimizer={config.optimizer}"
    if config.init not in ("", "spectrum", "copies", "noise", "content"):
        reasons["noise"] = f"with --init={config.init}"
    elif (config.fill or config.grow) and not config.init:
        reasons["noise"] = "with --fill or --grow"

    for name, reason in reasons.items():
        value = getattr(config, name)
        if value not in (getattr(configs.Config, name), 0, "0"):
            errors.warn_once(f"--{name}={value} has no effect {reason}")


def of_one_image(settings: choices.Settings) -> choices.Settings:
    """Returns the settings without the choices that need a batch.

    Args:
      settings: the choices.
    """
    config = dataclasses.replace(settings.config, diversity=0.0)
    return dataclasses.replace(settings, config=config)
