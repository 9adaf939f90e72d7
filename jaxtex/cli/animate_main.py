"""jaxtex-animate shows the course of a run as an animation of its snapshots, or a sequence.

    jaxtex-animate runs/pebbles                            (animation.gif)
    jaxtex-animate runs/clip-leaves --fps=25               (results of --frames)
    jaxtex-animate runs/pebbles --output=pebbles.webp
    jaxtex-animate runs/pebbles --output=pebbles.mp4       (pip install 'jaxtex[video]')

GIF has 256 colors per picture, WebP is lossless, MP4 (H.264) is small. The run may be unfinished,
and so may the sequence.
"""

import dataclasses
import pathlib

from absl import flags

from jaxtex import errors
from jaxtex.cli import flag_fields, flag_parsing, help_page
from jaxtex.images import output_paths
from jaxtex.runs import records, run_folder
from jaxtex.viewer import animations

MIN_FPS = 0.1
MAX_FPS = 50.0  # the fastest that viewers of GIF play


@dataclasses.dataclass(frozen=True)
class Options:
    """Flags of `jaxtex-animate`."""

    output: str = flag_fields.flag(
        "animation.gif", f"File to write, one of {', '.join(animations.FORMATS)}."
    )
    fps: float = flag_fields.flag(
        10.0,
        f"Snapshots per second, {MIN_FPS} to {MAX_FPS:g}. The last one of a run is shown longer.",
    )


def define_flags() -> flags.FlagValues:
    """Returns the flags of `jaxtex-animate`."""
    return flag_fields.define(Options, flags.FlagValues())


def main(values: flags.FlagValues, arguments: list[str]) -> None:
    """Writes the animation of one run or sequence.

    Args:
      values: parsed flags.
      arguments: the folder of the run.

    Raises:
      UserError: the run cannot be shown, or the file cannot be written.
    """
    options = flag_fields.read(Options, values)
    if len(arguments) != 1:
        raise errors.UserError(
            f"expected the folder of one run, got {len(arguments)}: jaxtex-animate RUN"
        )
    if not MIN_FPS <= options.fps <= MAX_FPS:
        raise errors.UserError(f"--fps={options.fps}: must be between {MIN_FPS} and {MAX_FPS:g}")
    output_paths.validate_file(options.output, list(animations.FORMATS))
    if not values["output"].present:
        output_paths.validate_default(options.output, animations.MARK)

    folders = records.find_runs(arguments)
    last_seconds = animations.LAST_FRAME_SECONDS
    if len(folders) == 1:
        paths = animations.frame_paths(records.read_run(folders[0]))
    elif all(run_folder.FRAME_NAME.fullmatch(folder.name) for folder in folders):
        paths = animations.sequence_paths(arguments[0], folders)
        last_seconds = 1 / options.fps
    else:
        raise errors.UserError(
            f"run {arguments[0]!r}: expected one run, got {len(folders)} below this folder; name "
            f"one of them, such as {folders[0]}"
        )
    suffix = pathlib.Path(options.output).suffix.lower()
    with output_paths.open_atomic(options.output) as part:
        animations.save(suffix, part, paths, options.fps, last_seconds)
    print(options.output)


COMMAND = flag_parsing.Command(
    name="jaxtex-animate",
    define_flags=define_flags,
    help_page=lambda values: help_page.plain_page(__doc__ or "", values),
    main=main,
    positional=True,
)


def entry() -> None:
    """Runs the console script."""
    flag_parsing.run_as_script(COMMAND)
