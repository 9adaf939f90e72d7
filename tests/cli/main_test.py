"""Tests of `jaxtex`: the files of runs, batches and experiments."""

import gzip
import json
import pathlib

import numpy as np
import pytest
from PIL import Image

from jaxtex import images
from jaxtex.images import contact_sheet, output_paths
from jaxtex.synthesis import compilation, estimates
from support.commands import QUICK, jaxtex, process


@pytest.mark.slow
def test_a_run_writes_its_files(style, tmp_path):
    done = process(f"--style={style}", f"--workdir={tmp_path}/run", *QUICK)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{tmp_path}/run/result.png"
    run = tmp_path / "run"
    files = sorted(str(path.relative_to(run)) for path in run.rglob("*") if path.is_file())
    pictures = ["exemplar.png", "result.png", "sheet.png", "steps/000002.png", "steps/000004.png"]
    state = "checkpoints/00000004.npz"
    assert files == sorted(["DONE", "metrics.jsonl", "run.json", state, *pictures])
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    assert rows[-1]["loss"] < rows[0]["loss"] and "mean_and_covariance" in rows[0]
    record = json.loads((run / "run.json").read_text())
    assert record["flags"]["layers"] == "relu1_1" and record["versions"]["jax"]
    with Image.open(run / "result.png") as result, Image.open(run / "sheet.png") as sheet:
        assert result.size == (64, 48) and sheet.size == (64 * 3 + 16, 48)
    np.testing.assert_array_equal(images.load(run / "exemplar.png"), images.load(style))


def test_the_result_goes_to_another_file_too(style, tmp_path, capsys):
    output = tmp_path / "new" / "out.tif"
    jaxtex(
        f"--style={style}", f"--workdir={tmp_path}/run", f"--output={output}", "--bits=16", *QUICK
    )
    assert capsys.readouterr().out.split() == [f"{tmp_path}/run/result.png", str(output)]
    deep, result = images.load(output), images.load(tmp_path / "run" / "result.png")
    np.testing.assert_allclose(deep, result, atol=0.51 / 255)
    assert np.abs(deep - result).max() > 0.4 / 255  # more precise than 8 bits
    with Image.open(tmp_path / "run" / "result.png") as file:
        assert file.info["icc_profile"]


def test_an_output_that_fails_in_the_end_keeps_the_run(style, tmp_path, capsys, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(output_paths, "save_image", full)
    with pytest.raises(SystemExit) as left:
        jaxtex(
            f"--style={style}", f"--workdir={tmp_path}/run", f"--output={tmp_path}/out.png", *QUICK
        )
    printed = capsys.readouterr()
    assert left.value.code == 2 and printed.err.count("\n") == 1
    assert "No space left" in printed.err
    assert (tmp_path / "run" / "DONE").is_file()
    assert printed.out.split() == [f"{tmp_path}/run/result.png"]


@pytest.mark.parametrize("batch", [[], ["--num_images=2"]], ids=["single", "batch"])
def test_the_exemplar_may_be_deleted_during_the_run(style, tmp_path, monkeypatch, batch):
    build_chunk = compilation.build_chunk

    def delete_and_build(*arguments):
        pathlib.Path(style).unlink(missing_ok=True)
        return build_chunk(*arguments)

    monkeypatch.setattr(compilation, "build_chunk", delete_and_build)
    jaxtex(f"--style={style}", f"--workdir={tmp_path}/run", *QUICK, *batch)
    for name in ("result.png", "DONE"):
        assert len(list((tmp_path / "run").rglob(name))) == 1 + len(batch)
    assert not pathlib.Path(style).exists()


@pytest.mark.slow
def test_a_batch_writes_a_folder_for_each_and_a_sheet(style, tmp_path, exemplar, capsys):
    images.save(tmp_path / "other.png", exemplar[::-1] ** 2)
    both = f"--style={style},{tmp_path}/other.png"
    jaxtex(both, "--each", "--num_images=2", "--seed=7", f"--workdir={tmp_path}/run", *QUICK)
    names = ["style-7", "style-8", "other-7", "other-8"]
    assert capsys.readouterr().out.split() == [
        f"{tmp_path}/run/{name}/result.png" for name in names
    ]
    for name in names:
        record = json.loads((tmp_path / "run" / name / "run.json").read_text())
        assert record["flags"]["seed"] == int(name[-1]) and record["flags"]["style"].endswith(
            f"{name[:-2]}.png"
        )
        assert (tmp_path / "run" / name / "DONE").is_file()
    with Image.open(tmp_path / "run" / "sheet.png") as sheet:
        assert sheet.size == (4 * 64 + 3 * 8, 2 * 48 + 8)


@pytest.mark.slow
def test_a_picture_of_a_batch_equals_that_of_a_single_run(style, tmp_path):
    jaxtex(f"--style={style}", "--num_images=2", f"--workdir={tmp_path}/batch", *QUICK)
    jaxtex(f"--style={style}", "--seed=1", f"--workdir={tmp_path}/alone", *QUICK)
    batch, alone = (
        images.load(tmp_path / name / "result.png") for name in ("batch/style-1", "alone")
    )
    np.testing.assert_allclose(batch, alone, atol=2 / 255)


def test_a_profile_can_be_opened(style, tmp_path):
    jaxtex(f"--style={style}", f"--profile={tmp_path}/profile", f"--workdir={tmp_path}/run", *QUICK)
    (record,) = (tmp_path / "profile").rglob("perfetto_trace.json.gz")
    assert json.loads(gzip.decompress(record.read_bytes()))["traceEvents"]
    assert list((tmp_path / "profile").rglob("*.xplane.pb"))


def test_a_profile_of_too_few_steps_is_named(style, tmp_path, caplog):
    jaxtex(
        f"--style={style}",
        f"--profile={tmp_path}/profile",
        f"--workdir={tmp_path}/run",
        *QUICK,
        "--save_every=4",
    )
    assert "the run made no second snapshot" in caplog.text
    assert (tmp_path / "run" / "DONE").is_file()


def test_a_flagfile_and_an_alias(style, tmp_path):
    (tmp_path / "flags").write_text(
        "\n".join([f"--texture={style}", f"--workdir={tmp_path}/run", *QUICK])
    )
    jaxtex(f"--flagfile={tmp_path}/flags")
    assert (tmp_path / "run" / "result.png").is_file()


@pytest.mark.slow
def test_an_experiment_runs_all_its_runs(style, tmp_path, monkeypatch):
    (tmp_path / "experiments").mkdir()
    runs = f"'a': ({style!r}, Config(seed=1)), 'b': ({style!r}, Config(seed=2))"
    text = f"from jaxtex import Config\nRUNS = {{{runs}}}\n"
    (tmp_path / "experiments" / "seeds.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    jaxtex("--experiment=seeds", *QUICK)
    a, b = (images.load(tmp_path / f"runs/seeds/{name}/result.png") for name in "ab")
    assert np.abs(a - b).max() > 0
    assert images.load(tmp_path / "runs/seeds/sheet.png").shape == (
        contact_sheet.LETTERS + 4 + 2 * (48 + 8),
        2 * 64 + 8,
        3,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "flags",
    [
        ["--weights=random"],
        ["--weights=random:1"],
        ["--network=shallow"],
        ["--network=steerable", "--layers=parents"],
    ],
    ids=" ".join,
)
def test_no_weight_file_is_needed(style, tmp_path, monkeypatch, flags):
    monkeypatch.chdir(tmp_path)
    jaxtex(f"--style={style}", f"--workdir={tmp_path}/run", *QUICK, *flags)
    losses = [
        json.loads(line)["loss"]
        for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    ]
    assert losses[-1] < losses[0]


@pytest.mark.slow
def test_help_shows_every_choice():
    done = process("--helpfull")
    assert done.returncode == 0
    for text in ("--style", "--num_steps", "mean_and_covariance", "vgg16_bn", "lbfgs"):
        assert text in done.stdout


def test_a_finished_result_is_copied_to_another_file(style, tmp_path, capsys):
    run = [f"--style={style}", f"--workdir={tmp_path}/run", *QUICK]
    jaxtex(*run)
    jaxtex(*run, f"--output={tmp_path}/later.webp")
    np.testing.assert_array_equal(
        images.load(tmp_path / "later.webp"), images.load(tmp_path / "run" / "result.png")
    )
    with pytest.raises(SystemExit) as left:
        jaxtex(*run, f"--output={tmp_path}/deep.png", "--bits=16")
    assert (
        left.value.code == 2
        and "is already finished, with 8 bits; --overwrite" in capsys.readouterr().err
    )


@pytest.mark.slow
def test_a_damaged_cache_entry_is_replaced(style, tmp_path, monkeypatch):
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    run = [f"--style={style}", f"--workdir={tmp_path}/run", "--overwrite", *QUICK]
    process(*run)
    entries = {path: path.read_bytes() for path in (tmp_path / "cache").glob("jit_*-cache")}
    for path, content in entries.items():
        path.write_bytes(content[: len(content) // 2])
    done = process(*run)
    assert any("step" in path.name for path in entries)
    assert done.returncode == 0 and "Error reading" not in done.stderr
    assert all(path.stat().st_size >= 0.9 * len(whole) for path, whole in entries.items())


@pytest.mark.parametrize(
    "batch, first", [([], ""), (["--num_images=3"], "the first of 3 pictures")]
)
def test_an_estimate_says_that_it_is_of_the_first_picture(style, monkeypatch, capsys, batch, first):
    monkeypatch.setattr(estimates, "estimate_table", lambda plan: [{"size": "total"}])
    jaxtex(f"--style={style}", "--dry_run", *QUICK, *batch)
    assert capsys.readouterr().out.partition("| size")[0].rstrip(":\n") == first
