"""Texture synthesis of Gatys et al. in plain PyTorch, which the other benchmarks compare with.

    python benchmarks/gatys.py WEIGHTS.h5 EXEMPLAR SIZE LAYERS EVALUATIONS

A VGG, Gram matrices and `torch.optim.LBFGS`. Prints the loss of each evaluation, then the peak of
memory in bytes. Imports nothing of jaxtex. The image is optimized in 0..255 about the mean color,
as in neural-style-pt. Images outside are NumPy arrays `[H, W, 3]` in [0, 1].

References:
  Gatys, Ecker and Bethge, "Texture Synthesis Using Convolutional Neural Networks", NeurIPS 2015,
  https://arxiv.org/abs/1505.07376.
  https://github.com/ProGamerGov/neural-style-pt
"""

import re
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

import h5py
import numpy as np
import torch
from PIL import Image
from torch.nn.utils import fusion

LEVELS = 255.0  # units of the optimized image
EPSILON = 1e-5  # added to the variance in batch norm, as in training

# Factor of the squared difference of two Gram matrices of N features.
NORMS: dict[str, Callable[[int], float]] = {
    "gatys": lambda features: 1 / (4 * features**2),  # `--statistic=gram:norm=gatys`
    "neural_style": lambda features: 100 / features**4,
}


class Form(NamedTuple):
    """How the network is evaluated.

    Attributes:
      dtype: of features and Gram matrices.
      fast: True folds batch norms into convolutions and stores channels last, as users do who want
        speed.
      compiled: True for `torch.compile`.
    """

    dtype: torch.dtype
    fast: bool
    compiled: bool


FORMS = {
    "float32": Form(torch.float32, fast=False, compiled=False),
    "float32, compiled": Form(torch.float32, fast=True, compiled=True),
    "bfloat16": Form(torch.bfloat16, fast=True, compiled=False),
    "bfloat16, compiled": Form(torch.bfloat16, fast=True, compiled=True),
}


def _ignore(loss: float) -> None:
    """Does nothing: the default observer."""
    del loss


class Gatys:
    """A network, and the Gram matrices of an exemplar as targets.

    Args:
      path: weights of the network, in jaxtex's HDF5 format.
      layers: names of the layers whose Gram matrices are matched.
      exemplar: `[H, W, 3]` in [0, 1].
      norm: a row of `NORMS`.
      form: a row of `FORMS`.
    """

    def __init__(
        self,
        path: str,
        layers: Sequence[str],
        exemplar: np.ndarray,
        norm: str = "gatys",
        form: str = "float32",
    ):
        self.norm = NORMS[norm]
        self.form = FORMS[form]
        self.layers = set(layers)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        with h5py.File(path) as file:
            self.mean = self._tensor(file.attrs["mean"]).view(1, 3, 1, 1)
            self.deviation = self._tensor(file.attrs["deviation"]).view(1, 3, 1, 1)
            self.network = [
                (name, build_module(name, file).to(self.device).eval())
                for name in layer_names(file, self.layers)
            ]
        if self.form.fast:
            self.network = [
                (name, layer.to(self.form.dtype, memory_format=torch.channels_last))
                for name, layer in fold(self.network)
            ]
        self.compute_grams = torch.compile(self.grams) if self.form.compiled else self.grams
        with torch.no_grad():
            self.targets = self.grams(self.to_variable(exemplar))

    def to_variable(self, image: np.ndarray) -> torch.Tensor:
        """Converts an image `[H, W, 3]` in [0, 1] to the variable to optimize, `[1, 3, H, W]`."""
        tensor = self._tensor(image).permute(2, 0, 1)[None].contiguous()
        return (tensor - self.mean) * LEVELS

    def to_image(self, variable: torch.Tensor) -> np.ndarray:
        """Converts a variable `[1, 3, H, W]` to an image `[H, W, 3]`, clipped to [0, 1]."""
        colors = (variable.detach() / LEVELS + self.mean)[0]
        return colors.permute(1, 2, 0).clamp(0, 1).cpu().numpy()

    def grams(self, variable: torch.Tensor) -> list[torch.Tensor]:
        """Returns the Gram matrix `F F^T / M` of each layer, for M positions."""
        x = (variable / LEVELS / self.deviation).to(self.form.dtype)
        if self.form.fast:
            x = x.contiguous(memory_format=torch.channels_last)
        grams = []
        for name, layer in self.network:
            x = layer(x)
            if name in self.layers:
                features = x.flatten(2)[0]
                grams.append((features @ features.T).float() / features.shape[1])
        return grams

    def evaluate(self, variable: torch.Tensor) -> float:
        """Evaluates the loss, the mean over layers, and stores the gradient in `variable.grad`."""
        variable.grad = None
        losses = []
        for gram, target in zip(self.compute_grams(variable), self.targets, strict=True):
            losses.append(self.norm(len(target)) * ((gram - target) ** 2).sum())
        loss = sum(losses) / len(self.targets)
        loss.backward()
        return loss.item()

    def run(
        self,
        variable: torch.Tensor,
        evaluations: int,
        observe: Callable[[float], object] = _ignore,
    ) -> None:
        """Minimizes the loss by L-BFGS.

        Args:
          variable: initial image, which is changed.
          evaluations: number of evaluations of the network.
          observe: receives the loss of each evaluation.
        """
        variable.requires_grad_(True)

        def closure() -> float:
            loss = self.evaluate(variable)
            observe(loss)
            return loss

        optimizer = torch.optim.LBFGS(
            [variable],
            max_iter=evaluations,
            max_eval=evaluations,
            tolerance_change=-1,  # negative: no early stop
            tolerance_grad=-1,
        )
        optimizer.step(closure)

    def noise(self, exemplar: np.ndarray) -> torch.Tensor:
        """Returns the initial image of neural-style-pt, of the exemplar's size."""
        return torch.randn_like(self.to_variable(exemplar)) * 0.001

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.array(array, np.float32)).to(self.device)


def fold(
    network: list[tuple[str, torch.nn.Module]],
) -> list[tuple[str, torch.nn.Module]]:
    """Merges each batch norm of a network into the convolution before it."""
    folded: list[tuple[str, torch.nn.Module]] = []
    for name, layer in network:
        if isinstance(layer, torch.nn.BatchNorm2d):
            before, convolution = folded.pop()
            folded.append((before, fusion.fuse_conv_bn_eval(convolution, layer)))
        else:
            folded.append((name, layer))
    return folded


def layer_names(file: h5py.File, layers: set[str]) -> list[str]:
    """Lists the layers of the network in order, up to the deepest requested one.

    Args:
      file: weights of the network.
      layers: requested layers.
    """

    def position(name: str) -> list[int]:
        return [int(number) for number in re.findall(r"\d+", name)]

    has_norm = any(name.startswith("bn") for name in file)
    convs = sorted((name for name in file if name.startswith("conv")), key=position)
    names: list[str] = []
    for conv, following in zip(convs, [*convs[1:], ""], strict=True):
        names.append(conv)
        if has_norm:
            names.append(conv.replace("conv", "bn"))
        names.append(conv.replace("conv", "relu"))
        if following[:5] != conv[:5]:  # another block
            names.append(f"pool{conv[4]}")
    return names[: max(map(names.index, layers)) + 1]


def build_module(name: str, file: h5py.File) -> torch.nn.Module:
    """Builds one layer with its weights, which are not trained.

    Args:
      name: of the layer.
      file: weights of the network.
    """
    if name.startswith("pool"):
        return torch.nn.MaxPool2d(2) if file.attrs["pooling"] == "max" else torch.nn.AvgPool2d(2)
    if name.startswith("relu"):
        return torch.nn.ReLU()

    tensors = {
        leaf: torch.from_numpy(dataset[()].astype(np.float32))
        for leaf, dataset in file[name].items()
    }
    layer: torch.nn.Conv2d | torch.nn.BatchNorm2d
    if name.startswith("conv"):
        kernel = tensors["kernel"].permute(3, 2, 0, 1).contiguous()
        outputs, inputs, *side = kernel.shape
        layer = torch.nn.Conv2d(inputs, outputs, tuple(side), padding="same")
        layer.weight.data = kernel
        layer.bias.data = tensors["bias"]
    else:
        layer = torch.nn.BatchNorm2d(len(tensors["scale"]), eps=EPSILON)
        layer.weight.data = tensors["scale"]
        layer.bias.data = tensors["bias"]
        layer.running_mean = tensors["mean"]
        layer.running_var = tensors["var"]
    return layer.requires_grad_(False)


def peak_bytes() -> int:
    """Returns the peak of memory in bytes: of the GPU, or resident (Linux)."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    with open("/proc/self/status") as status:
        (line,) = (line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def main() -> None:
    """Synthesizes a texture from the files and numbers of the command line."""
    path, exemplar, size, layers, evaluations = sys.argv[1:]
    picture = Image.open(exemplar).convert("RGB").resize((int(size),) * 2)
    style = np.asarray(picture, np.float32) / 255
    gatys = Gatys(path, layers.split(","), style)
    gatys.run(gatys.noise(style), int(evaluations), lambda loss: print(loss, flush=True))
    print(peak_bytes())


if __name__ == "__main__":
    main()
