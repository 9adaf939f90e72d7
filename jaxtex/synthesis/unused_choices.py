"""Choices that differ from their defaults and have no effect beside the others."""

from jaxtex import errors
from jaxtex.synthesis import config as configs


def warn_unused(config: configs.Config, has_content: bool) -> None:
    """Warns, once, of choices that differ from their defaults and have no effect.

    Args:
      config: the choices.
      has_content: True for a style transfer.
    """
    reasons: dict[str, str] = {}
    if not has_content:
        of_content = [name for name in dir(config) if name.startswith(("content_", "structure_"))]
        reasons |= dict.fromkeys([*of_content, "preserve_color"], "without a --content")
    if has_content or config.masks or config.style_masks:
        beside = "with a --content" if has_content else "with masks"
        reasons |= dict.fromkeys(("arrangement_weight", "detail_weight"), beside)
    if not config.previous_content:
        reasons["temporal_weight"] = "without --frames or --previous_content"
    if not config.excite:
        reasons["excite_weight"] = "without --excite"
    if config.optimizer == "lbfgs":
        reasons["learning_rate"] = "with --optimizer=lbfgs"
    if config.optimizer in ("adam", "gd"):
        reasons["history"] = f"with --optimizer={config.optimizer}"
    if config.init not in ("", "spectrum", "noise", "content"):
        reasons["noise"] = f"with --init={config.init}"

    for name, reason in reasons.items():
        value = getattr(config, name)
        if value not in (getattr(configs.Config, name), 0, "0"):
            errors.warn_once(f"--{name}={value} has no effect {reason}")
