"""Makes a VGG-19 whose filters have a mean activation of one, as Gatys' normalized network has.

    python benchmarks/peers/normalization.py REAL.npz OUTPUT.pth PICTURE ...

REAL has the first three blocks of the trained VGG-19. OUTPUT has them under the names of "A Sliced
Wasserstein Loss for Neural Texture Synthesis", whose own file has scaled activations too, and
blocks 1 to 4. Padding by reflection and average pooling, as there. Means are over all pixels of the
PICTUREs.

References:
  Gatys, Ecker and Bethge, "Texture Synthesis Using Convolutional Neural Networks", NeurIPS 2015,
  https://arxiv.org/abs/1505.07376.
"""

import sys
from collections.abc import Sequence

import numpy as np
import torch
import vgg19
from PIL import Image
from torch.nn import functional

SIDE = 320  # pixels, the longer side of the pictures
LEAST = 0.01  # of the mean of a layer: filters that are nearly dead are not scaled up further


def load(path: str) -> torch.Tensor:
    """Returns a picture as the network reads it, `[1, 3, H, W]`, BGR."""
    picture = Image.open(path).convert("RGB")
    picture.thumbnail((SIDE, SIDE))
    pixels = np.asarray(picture, np.float32)[..., ::-1] - np.array(vgg19.MEAN, np.float32)
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None]


def normalize(
    weights: dict[str, np.ndarray], pictures: Sequence[torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Returns kernels and biases with which each filter has a mean activation of one.

    Args:
      weights: `conv1_1/kernel`, `[3, 3, I, O]`, and `conv1_1/bias`, `[O]`, of each layer.
      pictures: each `[1, 3, H, W]`.
    """
    scaled = {}
    before = torch.ones(3)  # by which the channels that a layer reads were divided
    for block, count in vgg19.BLOCKS[:3]:
        for i in range(1, count + 1):
            kernel = torch.from_numpy(weights[f"conv{block}_{i}/kernel"].transpose(3, 2, 0, 1))
            bias = torch.from_numpy(weights[f"conv{block}_{i}/bias"])
            kernel = kernel * before[:, None, None]
            pictures = [_convolve(picture, kernel, bias) for picture in pictures]

            total = sum(picture.sum((0, 2, 3)) for picture in pictures)
            mean = total / sum(picture[0, 0].numel() for picture in pictures)
            mean = torch.clamp(mean, min=LEAST * float(mean.mean()))
            pictures = [picture / mean[:, None, None] for picture in pictures]
            scaled[f"block{block}_conv{i}.weight"] = kernel / mean[:, None, None, None]
            scaled[f"block{block}_conv{i}.bias"] = bias / mean
            before = mean
        pictures = [functional.avg_pool2d(picture, 2) for picture in pictures]
    return scaled


def _convolve(x: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Returns the activations of a layer."""
    return functional.relu(functional.conv2d(functional.pad(x, (1,) * 4, "reflect"), kernel, bias))


def main() -> None:
    """Writes the file that the command line names."""
    real, output, *paths = sys.argv[1:]
    with torch.no_grad():
        torch.save(normalize(dict(np.load(real)), [load(path) for path in paths]), output)


if __name__ == "__main__":
    main()
