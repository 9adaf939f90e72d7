"""The commands, called in this process as their users call them."""

from absl.testing import flagsaver

from jaxtex.cli import flag_parsing


def call(module, name: str, *arguments: str, positional: bool = False) -> None:
    """Runs a command with the flags as they were before; a user's mistake ends in `SystemExit`."""
    saved = flagsaver.save_flag_values(module.FLAGS)
    try:
        rest = flag_parsing.parse(
            [name, *arguments], name, lambda: module.__doc__, module.FLAGS, positional
        )
        flag_parsing.handle_errors(name, module.main, rest[1:])
    finally:
        flagsaver.restore_flag_values(saved, module.FLAGS)
