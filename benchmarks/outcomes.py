"""Sections of `speed.py` about results: time to a loss or quality, and quality by precision."""

import dataclasses
from collections.abc import Iterator

import cases
import numpy as np
import timed_runs
import torch_process

from jaxtex import images, metrics
from jaxtex.runs import tables
from jaxtex.synthesis import api, config, input_images, loop
from jaxtex.weights import locations

LOSS_SIZE = 192  # pixels
LOSS_LAYERS = tuple(
    f"relu{block}_{i}" for block, count in ((1, 2), (2, 2), (3, 4)) for i in range(1, count + 1)
)
QUALITY_LAYERS = ("relu1_1", "relu2_1", "relu3_1")  # of neural-style-pt
QUALITY_SEED = 1  # from 0, PyTorch's pebbles stay gray


def precision() -> Iterator[tables.Row]:
    """Quality of 200 steps by precision of the convolutions."""
    for name in ("pebbles", "bricks", "leaves"):
        style = torch_process.load_square(128, f"images/{name}.png")
        for kind in ("float32", "bfloat16"):
            result = loop.run(api.build_plan(style, config.Config(size=128, precision=kind)))
            yield {"what": f"{name}, {kind}", **measure(style, result)}


def measure(style: np.ndarray, result: np.ndarray) -> dict[str, float]:
    """Returns two distances that no run optimizes."""
    return {
        "patches": metrics.patches(style, result),
        "features": metrics.features(style, result),
    }


def loss() -> Iterator[tables.Row]:
    """Time to the loss that PyTorch's L-BFGS reaches after 500 evaluations.

    Trained VGG-19 up to relu3_4, 192 px. PyTorch's image leaves [0, 1]; clipped to the range of a
    file it has another loss, and the time to that is printed as well.
    """
    weights = str(locations.require_file("vgg19"))
    choices = {
        "network": "vgg19",
        "weights": weights,
        "layers": ",".join(LOSS_LAYERS),
        "size": LOSS_SIZE,
        "num_steps": 600,
        "scales": 3,
        "shares": "1,2,6",
        "history": 50,
    }
    base = config.Config(**(cases.PLAIN | choices))
    for seed, name in enumerate(("pebbles", "bricks", "leaves")):
        style = torch_process.load_square(LOSS_SIZE, f"images/{name}.png")
        torch_seconds, best, clipped, _ = torch_process.call(
            torch_process.run, weights, LOSS_LAYERS, style, 500, "gatys", seed
        )
        yield {
            "what": f"{name}, torch, 500 evaluations",
            "loss": best,
            "seconds": torch_seconds,
            "over torch": 1.0,
        }

        plan = api.build_plan(style, dataclasses.replace(base, seed=seed))
        first_full_step = plan.until(len(plan.problems) - 1)
        full_size = [
            (seconds, float(progress.infos.loss[-1]))
            for seconds, progress in timed_runs.timed_run(plan, timed_runs.compile_plan(plan))
            if progress.step > first_full_step
        ]
        goals = {"that loss": best, "that of its clipped image": clipped}
        for goal, value in goals.items():
            reached = [row for row in full_size if row[1] <= value]
            seconds, own_loss = reached[0] if reached else (float("nan"), full_size[-1][1])
            yield {
                "what": f"{name}, jaxtex, to {goal}, {value:.3g}",
                "loss": own_loss,
                "seconds": seconds,
                "over torch": seconds / torch_seconds,
            }


def quality() -> Iterator[tables.Row]:
    """Quality and time: neural-style-pt's setting after 200 evaluations, our defaults at 192 px."""
    weights = str(locations.require_file("vgg19"))
    for name in ("pebbles", "bricks", "water", "leaves", "weave"):
        style = input_images.resize_input(images.load(f"images/{name}.png"), 192)
        torch_seconds, _, _, image = torch_process.call(
            torch_process.run, weights, QUALITY_LAYERS, style, 200, "neural_style", QUALITY_SEED
        )
        images.save(cases.FOLDER / f"{name}_torch.png", image)
        yield {"what": f"{name}, torch", "seconds": torch_seconds, **measure(style, image)}

        for steps in (20, 30, 50, 100, 200):
            plan = api.build_plan(style, config.Config(size=192, num_steps=steps))
            chunks = timed_runs.compile_plan(plan)
            seconds, progress = timed_runs.timed_run(plan, chunks)[-1]
            images.save(cases.FOLDER / f"{name}_{steps}.png", progress.image)
            yield {
                "what": f"{name}, {steps} steps",
                "seconds": seconds,
                "over torch": seconds / torch_seconds,
                **measure(style, progress.image[: plan.height, : plan.width]),
            }
