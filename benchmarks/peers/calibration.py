"""Makes the file of the peers' VGG-19 to relu5_1, which `vgg19.py` reads, from two weight files.

    python benchmarks/peers/calibration.py REAL.npz DISTILLED.npz OUTPUT.npz PICTURE ...

DISTILLED is a VGG-19 with a sixteenth of the weights that was trained to give the features of a
VGG-19, by one linear map per layer relu1_1 to relu5_1; REAL has the first three blocks of the
trained VGG-19. The command writes the distilled network with maps to features of the size that two
published networks have, since the weights of the peers' losses are chosen for it:

- `caffe`, for neural-style-pt. Each channel of relu1_1 to relu3_1 is scaled to the real one, by
  least squares over PICTUREs. relu4_1, relu5_1 and relu4_2 get one factor each, with which the
  losses of the first iteration have the size that the program's documentation prints.
- `torchvision`, for style-transfer-pytorch. Each layer gets one factor: its root mean square over
  PICTUREs becomes torchvision's, known for noise and divided by the ratio of noise to pictures in
  REAL.
- `vgg16`, for STROTSS and NNST, which read torchvision's VGG-16: the same for each layer that they
  read. conv3_4 and conv4_4 hide in the poolings after them, and relu5_1 stands for relu5_3.

- `real`, of the real blocks in a hybrid network for style-transfer-pytorch: the same.

In the first two a mapped layer has as many channels as the distilled one plus one: an isometry
of the teacher's space, in which Gram matrices and Bures distances are those of all 64 to 512
channels. Their means over channels are made equal too, by one factor that depends on the loss.

References:
  Wang, Li, Hu, Vasconcelos and Yang, "Collaborative Distillation for Ultra-Resolution Universal
  Style Transfer", CVPR 2020, https://arxiv.org/abs/2003.08436.
"""

import sys
from collections.abc import Sequence

import numpy as np
import torch
import vgg19
from PIL import Image
from torch.nn import functional

STYLE_LAYERS = tuple(f"relu{block}_1" for block, _ in vgg19.BLOCKS)
CONTENT_LAYER = "relu4_2"
SIDE = 320  # pixels, the longer side of the pictures that calibrate

# Losses that neural-style-pt's INSTALL.md prints for its first iteration, less their weights.
STYLE_LOSSES = (298.909980469, 6580.38625, 1452.83671875, 113474.09, 5.63368896484)
CONTENT_LOSS = 323239.225

# Root mean squares of torchvision's VGG-19 on uniform noise (from norms in pystiche's tests).
TORCHVISION = {
    "relu1_1": 0.4375,
    "relu2_1": 1.457,
    "relu3_1": 2.3926,
    "relu4_1": 1.1946,
    "relu4_2": 1.0938,
    "relu5_1": 0.4613,
}

NOISE_TO_PICTURES = 0.41  # of such root mean squares; .43, .41 and .38 in REAL

# Exponent of the number of channels by which features are divided in a peer's style loss.
CHANNEL_EXPONENT = {"caffe": 1.0, "torchvision": 0.5}


def isometric(matrix: np.ndarray, kind: str) -> np.ndarray:
    """Reduces a map to the teacher's channels to one with the same inner products.

    Args:
      matrix: `[N, C + 1]`, N channels of the teacher.
      kind: a row of `CHANNEL_EXPONENT`.

    Returns:
      `[C + 1, C + 1]`.
    """
    reduced = np.linalg.qr(matrix.astype(np.float64), mode="r")
    return (reduced * (len(reduced) / len(matrix)) ** CHANNEL_EXPONENT[kind]).astype(np.float32)


def run(weights: dict[str, np.ndarray], image: np.ndarray, padding: str) -> dict[str, np.ndarray]:
    """Returns the features `[H, W, C]` of all layers of a weight file.

    Args:
      weights: kernels `[3, 3, C, D]` and biases.
      image: `[H, W, 3]` in [0, 1].
      padding: mode of `torch.nn.functional.pad`.
    """
    values = (image[..., ::-1] * 255 - np.float32(vgg19.MEAN)).transpose(2, 0, 1)
    x = torch.from_numpy(np.ascontiguousarray(values, np.float32))[None]
    features = {}
    for block, count in vgg19.BLOCKS:
        for i in range(1, count + 1):
            if f"conv{block}_{i}/kernel" not in weights:
                return features
            kernel = torch.from_numpy(weights[f"conv{block}_{i}/kernel"].transpose(3, 2, 0, 1))
            bias = torch.from_numpy(weights[f"conv{block}_{i}/bias"])
            x = functional.conv2d(functional.pad(x, (1,) * 4, padding), kernel, bias).relu()
            features[f"relu{block}_{i}"] = x[0].permute(1, 2, 0).numpy()
        x = functional.max_pool2d(x, 2)
    return features


def _with_one(features: np.ndarray) -> np.ndarray:
    """Returns features as rows with a last column of ones, `[M, C + 1]`."""
    rows = features.reshape(-1, features.shape[-1])
    return np.concatenate([rows, np.ones_like(rows[:, :1])], 1)


def _gram_loss(first: np.ndarray, second: np.ndarray) -> float:
    """Returns the style loss of neural-style-pt of features `[M, N]`, less its weight."""
    grams = [rows.T @ rows / rows.size for rows in (first, second)]
    return float(((grams[0] - grams[1]) ** 2).mean())


def calibrate(
    real: dict[str, np.ndarray],
    distilled: dict[str, np.ndarray],
    pictures: Sequence[np.ndarray],
) -> dict[str, np.ndarray]:
    """Returns the maps of each kind of network: `kind/layer`, `[D, C + 1]`.

    Args:
      real: weights of the first three blocks of VGG-19.
      distilled: weights of the distilled network, with its maps to the teacher.
      pictures: `[H, W, 3]` in [0, 1].
    """
    gray = np.broadcast_to(np.float32(vgg19.MEAN[::-1]) / 255, (64, 64, 3))
    distilled_gray = run(distilled, gray, "reflect")
    true = [run(real, picture, "constant") for picture in pictures]
    own = [run(distilled, picture, "reflect") for picture in pictures]
    maps = {}
    excess = []  # log of our first losses over the printed ones, per layer and picture
    for layer, printed in zip(STYLE_LAYERS, STYLE_LOSSES, strict=True):
        kernel = distilled[f"to_vgg19/{layer}/kernel"][0, 0]
        matrix = np.concatenate([kernel, distilled[f"to_vgg19/{layer}/bias"][None]]).T
        rows = [_with_one(features[layer]) for features in own]
        teacher = np.concatenate(rows) @ matrix.T

        factor = TORCHVISION[layer] / NOISE_TO_PICTURES / np.sqrt((teacher**2).mean())
        maps[f"torchvision/{layer}"] = isometric(factor * matrix, "torchvision")

        if layer in true[0]:
            maps[f"real/{layer}"] = _scaled(true, layer, TORCHVISION[layer])
            target = np.concatenate([f[layer].reshape(-1, len(matrix)) for f in true])
            scales = (teacher * target).sum(0) / (teacher**2).sum(0)
            matrix = scales[:, None] * matrix
        losses = [
            _gram_loss(r @ matrix.T, _with_one(distilled_gray[layer]) @ matrix.T) for r in rows
        ]
        logs = np.log(np.array(losses) / printed)
        if layer in true[0]:
            excess.append(logs)
        else:
            matrix = np.exp((np.mean(excess, 0) - logs).mean() / 4) * matrix
        maps[f"caffe/{layer}"] = isometric(matrix, "caffe")

    maps[f"torchvision/{CONTENT_LAYER}"] = _scaled(own, CONTENT_LAYER, TORCHVISION[CONTENT_LAYER])
    for layer, (_, noise) in vgg19.VGG16.items():
        maps[f"vgg16/{layer}"] = _scaled(own, layer, noise)

    center = distilled_gray[CONTENT_LAYER].mean((0, 1))
    losses = [((features[CONTENT_LAYER] - center) ** 2).mean() for features in own]
    maps[f"caffe/{CONTENT_LAYER}"] = _identity(len(center), np.sqrt(CONTENT_LOSS / np.mean(losses)))
    return maps


def _scaled(own: Sequence[dict[str, np.ndarray]], layer: str, noise: float) -> np.ndarray:
    """Returns the map that gives a layer the root mean square of a published one.

    Args:
      own: features of each picture, by layer.
      layer: its name.
      noise: root mean square of the published layer on noise.
    """
    squares = [(features[layer] ** 2).mean() for features in own]
    scale = noise / NOISE_TO_PICTURES / np.sqrt(np.mean(squares))
    return _identity(own[0][layer].shape[-1], scale)


def _identity(channels: int, scale: float) -> np.ndarray:
    """Returns a map that only scales, `[C, C + 1]`."""
    return np.float32(scale) * np.eye(channels, channels + 1, dtype=np.float32)


def load_picture(path: str) -> np.ndarray:
    """Loads a picture, its longer side reduced to `SIDE`: `[H, W, 3]` in [0, 1]."""
    picture = Image.open(path).convert("RGB")
    picture.thumbnail((SIDE, SIDE))
    return np.asarray(picture, np.float32) / 255


def main() -> None:
    """Writes the file."""
    real, distilled, output, *pictures = sys.argv[1:]
    weights = dict(np.load(distilled))
    with torch.no_grad():
        maps = calibrate(dict(np.load(real)), weights, [load_picture(path) for path in pictures])
    convs = {name: value for name, value in weights.items() if name.startswith("conv")}
    np.savez(output, **convs, **maps)


if __name__ == "__main__":
    main()
