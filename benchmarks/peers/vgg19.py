"""The peers' VGG-19 to relu5_1 in PyTorch, from a file that `calibration.py` has written."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

BLOCKS = ((1, 2), (2, 2), (3, 4), (4, 4), (5, 1))  # block and number of its convolutions
FRONT = 19  # layers of blocks 1 to 3
MEAN = (103.939, 116.779, 123.68)  # BGR, of the caffe network

# Of torchvision's VGG-16, by the layer that stands for it: index there, root mean square on noise.
VGG16 = {
    "relu1_1": (1, 0.4229),
    "relu1_2": (3, 1.0303),
    "relu2_1": (6, 1.4777),
    "relu2_2": (8, 1.8921),
    "relu3_1": (11, 2.6172),
    "relu3_2": (13, 2.5391),
    "relu3_3": (15, 1.2109),
    "relu4_1": (18, 1.225),
    "relu4_2": (20, 0.9888),
    "relu4_3": (22, 0.4364),
    "relu5_1": (29, 0.1464),  # of relu5_3
}


class Mapped(nn.ReLU):
    """A ReLU that maps its features, and keeps what the next convolution reads.

    Args:
      matrix: `[D, C + 1]`; the last column is added.
    """

    def __init__(self, matrix: torch.Tensor):
        super().__init__()
        self.register_buffer("matrix", matrix[:, :-1, None, None].contiguous())
        self.register_buffer("offset", matrix[:, -1].contiguous())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.features = functional.relu(x)
        return functional.conv2d(self.features, self.matrix, self.offset)


class Following(nn.Conv2d):
    """A convolution of the features that a `Mapped` layer before it has kept."""

    def follow(self, layer: Mapped) -> "Following":
        # In a tuple: the layer is not a child of this one.
        self.before = (layer,)
        return self

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        del x  # the mapped features
        return super().forward(self.before[0].features)


def build(
    path: str,
    kind: str,
    maps: dict[str, np.ndarray] | None = None,
    blocks: Sequence[tuple[int, int]] = BLOCKS,
) -> nn.Sequential:
    """Builds the network of a weight file.

    Args:
      path: of a file that the command of `calibration.py` wrote, or of one that it reads.
      kind: `caffe` (reads BGR in 0..255 less `MEAN`), `torchvision` (reads RGB, normalized as
        there) or `plain` (reads as `torchvision`; gives the distilled channels).
      maps: of layers by name; by default those of the file for this kind.
      blocks: rows of `BLOCKS`.

    Returns:
      conv1_1 to the last ReLU of the blocks, in the order of torchvision.
    """
    weights = np.load(path)
    if maps is None:
        maps = read_maps(path, kind)
    layers: list[nn.Module] = []
    mapped = None
    channels = 3
    for block, count in blocks:
        for i in range(1, count + 1):
            kernel = torch.from_numpy(weights[f"conv{block}_{i}/kernel"].transpose(3, 2, 0, 1))
            outputs = len(kernel)
            bias = torch.from_numpy(weights[f"conv{block}_{i}/bias"])
            if not layers and kind != "caffe":
                kernel, bias = _read_normalized(kernel, bias)

            # Zero padding, as the peers' networks have. The weights were trained with reflections,
            # but from those neural-style-pt makes a bright frame.
            if mapped is None:
                conv = nn.Conv2d(channels, outputs, 3, padding=1)
            else:
                conv = Following(channels, outputs, 3, padding=1).follow(mapped)
            conv.weight.data = kernel.contiguous()
            conv.bias.data = bias
            layers.append(conv)
            channels = outputs

            matrix = maps.get(f"relu{block}_{i}")
            mapped = None if matrix is None else Mapped(torch.from_numpy(matrix))
            layers.append(mapped or nn.ReLU())
        layers.append(nn.MaxPool2d(2, 2))
    return nn.Sequential(*layers[:-1]).eval().requires_grad_(False)


def read_maps(path: str, kind: str) -> dict[str, np.ndarray]:
    """Reads the maps of one kind of network, by layer."""
    weights = np.load(path)
    return {name.split("/")[1]: weights[name] for name in weights if name.startswith(f"{kind}/")}


class Branch(nn.Conv2d):
    """conv4_1 of the distilled network, which reads the image by that network's first blocks.

    Args:
      front: conv1_1 to pool3.
      conv: conv4_1.
    """

    image: torch.Tensor  # of the class, since the peers copy the network

    def __init__(self, front: nn.Sequential, conv: nn.Conv2d):
        super().__init__(conv.in_channels, conv.out_channels, 3, padding=1)
        self.weight, self.bias = conv.weight, conv.bias
        self.front = front

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        del x  # of the real blocks
        return super().forward(self.front(Branch.image))


def keep_image(image: torch.Tensor) -> None:
    """Sets the image, as the network reads it, of the second branch."""
    Branch.image = image


def _keep_input(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
    """Keeps what the first layer of a `caffe` network reads."""
    del module
    keep_image(inputs[0])


def build_hybrid(path: str, real: str, kind: str) -> nn.Sequential:
    """Builds the real blocks 1 to 3, followed by layers 4_1 to 5_1 of the distilled network.

    Both branches read the image. The real blocks cost about ten times the distilled network.

    Args:
      path: of a file that the command of `calibration.py` wrote.
      real: path of the first three blocks of VGG-19.
      kind: `caffe` or `torchvision`, as for `build`. Where it is `torchvision` the caller passes
        each image to `keep_image`, since the peer replaces the first layer.

    Returns:
      conv1_1 to relu5_1, in the order of torchvision.
    """
    front = build(path, kind, maps={})[:FRONT]
    deep = build(path, kind)[FRONT:]
    scales = read_maps(path, "real") if kind == "torchvision" else {}
    blocks = build(real, kind, scales, BLOCKS[:3])
    if kind == "caffe":
        blocks[0].register_forward_pre_hook(_keep_input)
    layers = [*blocks, nn.MaxPool2d(2, 2), Branch(front, deep[0]), *deep[1:]]
    return nn.Sequential(*layers).eval().requires_grad_(False)


class After(nn.Module):
    """Applies layers to the features that a `Mapped` layer has kept."""

    def __init__(self, before: Mapped, *layers: nn.Module):
        super().__init__()
        self.before = (before,)
        self.layers = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        del x  # the mapped features
        return self.layers(self.before[0].features)


def build_vgg16(path: str, repeat: int) -> nn.Sequential:
    """Builds a network in the place of torchvision's VGG-16.

    Args:
      path: of a file that the command wrote.
      repeat: how many times each channel is there. With 4 the channels are as many as there,
        which changes neither cosines nor means over channels.

    Returns:
      conv1_1 to relu5_3, in the order of torchvision.
    """
    weights = np.load(path)
    relus = iter([f"relu{block}_{i}" for block, count in BLOCKS for i in range(1, count + 1)])
    layers: list[nn.Module] = []
    waiting: list[nn.Module] = []  # since the last mapped layer
    mapped = None
    for layer in build(path, "plain"):
        name = next(relus) if isinstance(layer, nn.ReLU) else ""
        if name not in VGG16:
            waiting.append(layer)
            continue
        index, _ = VGG16[name]
        layers += [nn.Identity() for _ in range(index - 1 - len(layers))]
        layers.append(After(mapped, *waiting) if mapped else waiting[0])
        mapped = Mapped(torch.from_numpy(weights[f"vgg16/{name}"]).repeat(repeat, 1))
        layers.append(mapped)
        waiting = []
    return nn.Sequential(*layers).eval().requires_grad_(False)


def _read_normalized(kernel: torch.Tensor, bias: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Changes the first convolution to read RGB with torchvision's normalization."""
    mean = torch.tensor([0.485, 0.456, 0.406])
    deviation = torch.tensor([0.229, 0.224, 0.225])
    kernel = kernel.flip(1)
    offset = 255 * mean - torch.tensor(MEAN[::-1])
    bias = bias + (kernel.sum((2, 3)) * offset).sum(1)
    return kernel * (255 * deviation)[:, None, None], bias
