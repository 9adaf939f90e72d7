"""Mistakes of a user: one line that names flag, value and choice, and exit status 2."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest

from jaxtex import images
from support import paths
from support.commands import QUICK, jaxtex, process

MISTAKES = [
    (["--style="], "--style is missing"),
    (["--style=none.png"], "image 'none.png': no such file"),
    (["--style=."], "--style=.: is a folder; --each makes one result of each of the pictures"),
    (["--style=.", "--each", "--num_images=0"], "--num_images=0"),
    (["--content=."], "--content=.: is a folder; --each makes one result of each"),
    (["--content=style.png,style.png"], "a run has one content; --each makes one result of each"),
    (["--masks=black.png"], "--masks: 'black.png' has no white pixel"),
    (["--style_masks=black.png"], "--style_masks: 'black.png' has no white pixel"),
    (["--weights=."], "weights '.': is a folder"),
    (["--weights=/dev/null"], "weights '/dev/null': is a pipe or a device"),
    (["--workdir=" + "x" * 300], "x: cannot be used (File name too long)"),
    (["--workdir=~/out"], "--workdir=~/out: the shell did not expand '~'; use '"),
    (["--output=~/out.png"], "--output=~/out.png: the shell did not expand '~'; use '"),
    (["--workdir=style.png"], "--workdir=style.png: not writable"),
    (["--workdir=."], "--workdir=.: 'result.png' is not of a run and would be replaced"),
    (["--workdir=.", "--num_images=2"], "--workdir=.: 'sheet.png' is not of a batch"),
    (["--style=result.png", "--workdir=.", "--overwrite"], "would replace its input 'result.png'"),
    (["--output=out/result.png"], "--output=out/result.png: is a file of the run in out"),
    (["--output=out/steps/000002.png"], "is a file of the run in out"),
    (["--output=a/b/result.png"], "--output=a/b/result.png: is a file of the run in a/b"),
    (["--maps=style.png", "--output=a.png"], "'a-style.png' exists and would be replaced by a"),
    (["--profile=style.png"], "--profile=style.png: cannot write to this folder (Not a directory)"),
    (["--profile=style.png/a"], "--profile=style.png/a: cannot write to this folder"),
    (["--continue", "--overwrite"], "--continue and --overwrite exclude each other"),
    (["--continue", "--experiment=q1"], "--continue and --experiment exclude each other"),
    (["--experiment=q1", "--dry_run"], "--experiment and --dry_run exclude each other"),
    (["--experiment=q1", "--num_images=2"], "--experiment and --num_images exclude each other"),
    (["--experiment=q1", "--nokeep_state"], "--experiment and --nokeep_state exclude each other"),
    (["--network=vgg_light"], "unknown network 'vgg_light'; did you mean 'vgg_lite'?"),
    (["--network=vgg16_bn"], "no weights for 'vgg16_bn'"),
    (["--fill=black.png"], "--fill: 'black.png' has no white pixel"),
    (["--fill=none.png"], "image 'none.png': no such file"),
    (["--grow=up:8"], "unknown --grow side 'up'"),
    (["--grow=left:8", "--width=64"], "--grow and --width exclude each other"),
    (["--make_tileable", "--content=style.png"], "--make_tileable (--fill=borders) and --content"),
    (["--make_tileable", "--alpha=keep"], "--make_tileable (--fill=borders) and --alpha=keep"),
    (["--make_tileable", "--augment=flip"], "--augment and --make_tileable (--fill=borders)"),
    (["--make_tileable", "--guide=style.png,style.png"], "--guide and --make_tileable (--fill="),
    (["--make_tileable", "--grow=left:8"], "--grow and --make_tileable (--fill=borders) exclude"),
    (["--weights=none.h5"], "weights 'none.h5': no such file"),
    (["--network=vgg16", "--weights=LITE"], "which the network does not have"),
    (["--statistic=gramm"], "unknown statistic 'gramm'; did you mean 'gram'?"),
    (["--optimizer=adams"], "unknown optimizer 'adams'; did you mean 'adam'?"),
    (
        ["--network=steerable"],
        "unknown layer 'relu1_1'. There are: colours, bands, moduli, phases, parents",
    ),
    (["--network=steerable", "--weights=LITE"], "which the network does not have"),
    (["--network=shalow"], "did you mean 'shallow'?"),
    (["--weights=random:x"], "weights 'random:x': no such file"),
    (["--statistic=joint:window=6"], "'window=6' of joint: must be odd"),
    (["--pooling=mean"], "unknown pooling 'mean'"),
    (["--padding=mirror"], "unknown padding 'mirror'"),
    (["--padding=/wrap"], "unknown padding '/wrap'"),
    (["--list=colors"], "unknown --list 'colors'"),
    (["--from=."], "--from: image '.': is a folder; expected a file"),
    (["--layers=relu9_1"], "unknown layer 'relu9_1'"),
    (["--layers=relu1_1:-2"], "expected a positive number, got '-2'"),
    (["--layers=relu1_1,relu1_1"], "'relu1_1' is given twice"),
    (["--size=8"], "--size=8: must be 0 or at least 32 pixels"),
    (["--size=-1"], "--size=-1: must be between 0 and 16384"),
    (["--height=10000000"], "--height=10000000: must be between"),
    (["--num_steps=0"], "--num_steps=0: must be between"),
    (["--num_steps=many"], "--num_steps=many: expected a whole number"),
    (["--noise=much"], "--noise=much: expected a number"),
    (["--each=maybe"], "--each=maybe: expected true or false"),
    (["--num-steps=3"], "unknown flag --num-steps; did you mean --num_steps? --helpfull"),
    (["--steps=3"], "unknown flag --steps; did you mean --num_steps? --helpfull lists all flags"),
    (["--flagfile=none"], "--flagfile=none: No such file or directory"),
    (["--flagfile=."], "--flagfile=.: is a folder or a device; expected a file of text"),
    (["--flagfile=/dev/zero"], "--flagfile=/dev/zero: is a folder or a device"),
    (["--flagfile=long.flags"], "--flagfile=long.flags: has more than 1,048,576 bytes"),
    (["--flagfile", "outer.flags"], "--flagfile=style.png: is not text: it has a zero byte"),
    (["--list"], "--list needs a value, --list=...: Prints the available"),
    (["--weights=style.png"], "weights 'style.png': not an HDF5 file"),
    (["--layers=conv1"], "unknown layer 'conv1'; did you mean 'conv1_1'?"),
    (["--diversity=-1", "--num_images=2"], "--diversity=-1.0: must be between 0.0 and"),
    (["--diversity=nan", "--num_images=2"], "--diversity=nan: must be between 0.0 and"),
    (["--noise=nan"], "--noise=nan: must be between"),
    (["--num_images=0"], "--num_images=0 for 1 styles: must be between 1 and"),
    (["--seed=4294967295", "--num_images=2"], "--seed=4294967295: the last of --num_images=2"),
    (["--precision=float8"], "unknown precision 'float8'"),
    (["--remat=some"], "unknown remat 'some'"),
    (["--init=nowhere.png"], "image 'nowhere.png'"),
    (["--scales=7"], "--scales=7: 48 pixels allow at most 1"),
    (["--shares=1,2"], "--shares=1,2: 2 shares for 1 scales"),
    (["--shares=0"], "--shares=0: '0' must be a whole number from 1 to 999"),
    (["--shares=1000"], "--shares=1000: '1000' must be a whole number from 1 to 999"),
    (["--octaves=7"], "--octaves=7: must be between"),
    (["--init=nois"], "unknown --init 'nois'; did you mean 'noise'?"),
    (["--experiment=none"], "no experiments here"),
    (["--stlye=x.png"], "stlye"),
    (["x.png"], "given as --style=x.png"),
    (["--flagfile=style.png"], "--flagfile=style.png: is not text: it has a zero byte"),
    (
        ["--output=out.gif"],
        "output 'out.gif': suffix must be one of .png, .tif, .tiff, .jpg, .jpeg, .webp",
    ),
    (
        ["--output=a/b/out.jpg", "--bits=16"],
        "16 bits; .jpg has 8, and .png, .tif, .tiff have 8 or 16",
    ),
    (["--output=a/b/out.png", "--statistic=gramm"], "unknown statistic"),
    (["--output=out.png", "--bits=12"], "12 bits; .png has 8, and"),
    (["--output=style.png"], "--output=style.png: is an input of this run"),
    (["--output=style.png/out.png"], "style.png is not a folder"),
    (["--output=out/a.png", "--workdir=out/a.png"], "will be a folder of this run"),
    (["--output=out.png", "--num_images=2"], "--output=out.png: needs a single result; not with"),
    (["--output=out.png", "--each"], "needs a single result"),
    (["--output=out.png", "--experiment=list"], "needs a single result"),
    (["--serve=page"], "--serve=page: expected a whole number"),
    (["--serve=70000"], "--serve=70000: 70000 is not an integer in the range [0, 65535]"),
    (["--style=", "--serve=0", "--workdir=none"], "--workdir=none: no such folder"),
    (["--bits=16"], "--bits=16: needs --output"),
]


@pytest.mark.slow
@pytest.mark.parametrize("flags, text", MISTAKES, ids=[" ".join(flags) for flags, _ in MISTAKES])
def test_a_mistake_is_one_line_and_leaves_nothing(
    style, tmp_path, monkeypatch, capsys, flags, text
):
    lite = paths.ROOT / "jaxtex" / "weights" / "data" / "vgg_lite.h5"
    monkeypatch.chdir(tmp_path)
    images.save("black.png", np.zeros((48, 64, 3), np.float32))
    images.save("result.png", images.load(style))
    images.save("sheet.png", images.load(style))
    images.save("a-style.png", images.load(style))
    pathlib.Path("a/b").mkdir(parents=True)
    pathlib.Path("a/b/run.json").write_text('{"flags": {}}')
    pathlib.Path("outer.flags").write_text("--seed=1\n--flagfile=style.png\n")
    pathlib.Path("long.flags").write_text("# comment\n" * 200_000)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SystemExit) as left:
        jaxtex(
            f"--style={style}",
            *QUICK,
            "--workdir=out",
            *(flag.replace("LITE", str(lite)) for flag in flags),
        )
    message = capsys.readouterr().err
    assert left.value.code == 2
    assert text in message and message.count("\n") == 1 and message.startswith("jaxtex: ")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_workdir_that_cannot_be_written_is_one_line(style, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit) as left:
        jaxtex(f"--style={style}", *QUICK, f"--workdir={tmp_path}/file/run")
    assert left.value.code == 2 and "not writable" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("name", ["main", "compare_main"])
def test_a_platform_that_jax_does_not_know_is_one_line(style, monkeypatch, name):
    monkeypatch.setenv("JAX_PLATFORMS", "abacus")
    arguments = [f"--style={style}"] if name == "main" else [style, style]
    code = f"from jaxtex.cli import {name}; {name}.entry()"
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "JAX_PLATFORMS=abacus: no device: Unable to initialize" in done.stderr


@pytest.mark.slow
def test_a_mistake_exits_with_status_2():
    done = process("--style=none.png")
    assert (done.returncode, done.stderr) == (2, "jaxtex: image 'none.png': no such file\n")
