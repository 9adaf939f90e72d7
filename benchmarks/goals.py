"""The sections of `speed.py` that look at what comes out: how soon a loss or a quality is reached, at which precision."""

import dataclasses

import numpy as np
import peers
from cases import FOLDER, PLAIN
from descents import built, descend

from jaxtex import images, metrics
from jaxtex.synthesis import api, config, input_images, loop
from jaxtex.weights import locations


def precision():
    """What the lower precision of convolutions costs in quality: the measures of 200 steps in both."""
    for name in ("pebbles", "bricks", "leaves"):
        style = peers.square(128, f"images/{name}.png")
        for chosen in ("float32", "bfloat16"):
            result = loop.run(api.build_plan(style, config.Config(size=128, precision=chosen)))
            yield {"what": f"{name}, {chosen}", **measures(style, result)}


def measures(style: np.ndarray, result: np.ndarray) -> dict[str, float]:
    """The two distances that no run optimises."""
    return {
        "patches": metrics.patches(style, result),
        "features": metrics.features(style, result),
    }


def loss():
    """The time to the loss that PyTorch's L-BFGS reaches after 500 evaluations: real VGG-19 up to relu3_4, 192 px.

    PyTorch's image leaves [0, 1]: cut to what a file can hold, its loss is another, to which there is a time, too.
    """
    real = str(locations.require_file("vgg19"))
    layers = tuple(
        f"relu{b}_{i}" for b, count in ((1, 2), (2, 2), (3, 4)) for i in range(1, count + 1)
    )
    choices = {
        "network": "vgg19",
        "weights": real,
        "layers": ",".join(layers),
        "size": 192,
        "num_steps": 600,
    }
    settings = config.Config(**(PLAIN | choices | {"scales": 3, "shares": "1,2,6", "history": 50}))
    for seed, name in enumerate(("pebbles", "bricks", "leaves")):
        style = peers.square(192, f"images/{name}.png")
        theirs, best, cut, _ = peers.elsewhere(peers.run, real, layers, style, 500, "gatys", seed)
        yield {
            "what": f"{name}, torch, 500 evaluations",
            "loss": best,
            "seconds": theirs,
            "over torch": 1.0,
        }
        plan = api.build_plan(style, dataclasses.replace(settings, seed=seed))
        coarse = plan.until(len(plan.problems) - 1)
        full = [
            (at, shown.infos.loss[-1])
            for at, shown in descend(plan, built(plan))
            if shown.step > coarse
        ]
        for what, goal in {"that loss": best, "that of its picture": cut}.items():
            seconds, ours = next(
                (row for row in full if row[1] <= goal), (float("nan"), full[-1][1])
            )
            row = {
                "what": f"{name}, jaxtex, to {what}, {goal:.3g}",
                "loss": float(ours),
                "seconds": seconds,
            }
            yield row | {"over torch": seconds / theirs}


def quality():
    """neural-style-pt's setting with real VGG-19 after 200 evaluations, beside the built-in network sooner and later."""
    real = str(locations.require_file("vgg19"))
    for name in ("pebbles", "bricks", "water", "leaves", "weave"):
        style = input_images.resize_input(images.load(f"images/{name}.png"), 192)
        layers = "relu1_1", "relu2_1", "relu3_1"
        seed = 1  # from 0 PyTorch's pebbles stay grey
        theirs, _, _, image = peers.elsewhere(
            peers.run, real, layers, style, 200, "neural_style", seed
        )
        images.save(FOLDER / f"{name}_torch.png", image)
        yield {"what": f"{name}, torch", "seconds": theirs, **measures(style, image)}
        for steps in (20, 30, 50, 100, 200):
            plan = api.build_plan(style, config.Config(size=192, num_steps=steps))
            seconds, progress = descend(plan, built(plan))[-1]
            images.save(FOLDER / f"{name}_{steps}.png", progress.image)
            row = {
                "what": f"{name}, {steps} steps",
                "seconds": seconds,
                "over torch": seconds / theirs,
            }
            yield row | measures(style, progress.image[: plan.height, : plan.width])
