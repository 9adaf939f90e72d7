"""jaxtex-animate shows how a run came to its picture, from its snapshots.

    jaxtex-animate runs/pebbles                            (animation.gif)
    jaxtex-animate runs/pebbles --output=pebbles.webp      (or .mp4, after pip install 'jaxtex[video]')

Of a GIF each picture has 256 colours of its own, WebP has all of them, MP4 (H.264) is small. The run need not be finished.
"""

import functools
import pathlib

from absl import flags

from jaxtex import errors
from jaxtex.cli import flag_parsing
from jaxtex.images import output_paths
from jaxtex.runs import records
from jaxtex.viewer import animations

FLAGS = flags.FlagValues()
FASTEST = 50  # pictures a second that viewers of GIF still show


def define_flags() -> None:
    """The command's own."""
    text = functools.partial(flags.DEFINE_string, flag_values=FLAGS)
    text("output", "animation.gif", f"The file, one of {', '.join(animations.FORMATS)}.")
    flags.DEFINE_float(
        "fps",
        10,
        f"Snapshots a second, 0.1 to {FASTEST}; the last one stays longer.",
        flag_values=FLAGS,
    )


def main(arguments: list[str]) -> None:
    """The animation of one run."""
    if len(arguments) != 1:
        raise errors.UserError(
            f"one run's folder, please, not {len(arguments)}: jaxtex-animate RUN"
        )
    if not 0.1 <= FLAGS.fps <= FASTEST:
        raise errors.UserError(f"--fps={FLAGS.fps}: between 0.1 and {FASTEST}, please")
    output_paths.validate_file(FLAGS.output, list(animations.FORMATS))
    found = records.find_runs(arguments)
    if len(found) > 1:
        raise errors.UserError(
            f"run {arguments[0]!r}: {len(found)} runs are below it; one, please, such as {found[0]}"
        )
    paths = animations.frame_paths(records.read_run(found[0]))
    with output_paths.open_atomic(FLAGS.output) as part:
        animations.save(pathlib.Path(FLAGS.output).suffix.lower(), part, paths, FLAGS.fps)
    print(FLAGS.output)


def entry() -> None:
    """The console script."""
    flag_parsing.run_command(
        "jaxtex-animate", lambda: f"{__doc__}\n{FLAGS.get_help()}", FLAGS, main, positional=True
    )


define_flags()
