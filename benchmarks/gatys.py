"""A plain Gatys loop in PyTorch, the yardstick of the other benchmarks: a VGG, Gram matrices, `torch.optim.LBFGS`.

    python benchmarks/gatys.py WEIGHTS.h5 EXEMPLAR SIZE LAYERS EVALUATIONS         (a line for each; the peak of memory)

It imports nothing of jaxtex. The image is optimised in 0..255 about the mean colour, as by neural-style-pt. Arrays are
NumPy's at the outside, images `[H, W, 3]` in [0, 1].
"""

import re
import sys
from collections.abc import Callable, Sequence

import h5py
import numpy as np
import torch
from PIL import Image

LEVELS, EPSILON = 255.0, 1e-5
NORMS = {  # what the squared difference of a layer's matrices, of N features, is multiplied by
    "gatys": lambda features: 1 / (4 * features**2),  # `--statistic=gram:norm=gatys`
    "neural_style": lambda features: 100 / features**4,
}


class Gatys:
    """A network, and the Gram matrices of an exemplar that it aims at.

    Args:
      path: of the network's weights, in jaxtex' HDF5.
      layers: whose Gram matrices are matched.
      exemplar: `[H, W, 3]`.
      norm: a row of `NORMS`.
    """

    def __init__(self, path: str, layers: Sequence[str], exemplar: np.ndarray, norm: str = "gatys"):
        self.norm, self.layers = NORMS[norm], set(layers)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        with h5py.File(path) as file:
            self.mean, self.deviation = (
                self._tensor(file.attrs[key]).view(1, 3, 1, 1) for key in ("mean", "deviation")
            )
            self.network = [
                (name, module(name, file).to(self.device).eval())
                for name in up_to(file, self.layers)
            ]
        with torch.no_grad():
            self.targets = self.grams(self.variable(exemplar))

    def variable(self, image: np.ndarray) -> torch.Tensor:
        """`[H, W, 3]` in [0, 1] -> what is optimised, `[1, 3, H, W]`."""
        return (self._tensor(image).permute(2, 0, 1)[None].contiguous() - self.mean) * LEVELS

    def image(self, variable: torch.Tensor) -> np.ndarray:
        """The way back."""
        return (
            (variable.detach() / LEVELS + self.mean)[0].permute(1, 2, 0).clamp(0, 1).cpu().numpy()
        )

    def grams(self, variable: torch.Tensor) -> list[torch.Tensor]:
        """F F^T / M of each layer."""
        x, found = variable / LEVELS / self.deviation, []
        for name, layer in self.network:
            x = layer(x)
            if name in self.layers:
                flat = x.flatten(2)[0]
                found.append(flat @ flat.T / flat.shape[1])
        return found

    def gradient(self, variable: torch.Tensor) -> float:
        """One evaluation: the mean over layers of the weighted squared differences; the gradient is `variable.grad`."""
        variable.grad = None
        pairs = zip(self.grams(variable), self.targets, strict=True)
        loss = sum(self.norm(len(a)) * ((g - a) ** 2).sum() for g, a in pairs) / len(self.targets)
        loss.backward()
        return loss.item()

    def run(
        self,
        variable: torch.Tensor,
        evaluations: int,
        seen: Callable[[float], None] = lambda loss: None,
    ):
        """L-BFGS for so many evaluations; `variable` is changed. `seen` is told the loss of each."""
        variable.requires_grad_(True)
        limits = {
            "max_iter": evaluations,
            "max_eval": evaluations,
            "tolerance_change": -1,
            "tolerance_grad": -1,
        }

        def closure():
            loss = self.gradient(variable)
            seen(loss)
            return loss

        torch.optim.LBFGS([variable], **limits).step(closure)

    def noise(self, exemplar: np.ndarray) -> torch.Tensor:
        """What neural-style-pt starts from."""
        return torch.randn_like(self.variable(exemplar)) * 0.001

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.array(array, np.float32)).to(self.device)


def up_to(file: h5py.File, layers: set[str]) -> list[str]:
    """The names of the network's layers in order, up to the deepest wanted."""
    place = lambda name: [int(number) for number in re.findall(r"\d+", name)]
    norm, names = any(name.startswith("bn") for name in file), []
    convs = sorted((name for name in file if name.startswith("conv")), key=place)
    for conv, following in zip(convs, [*convs[1:], ""], strict=True):
        names += [
            conv,
            *([conv.replace("conv", "bn")] if norm else []),
            conv.replace("conv", "relu"),
        ]
        names += [] if following[:5] == conv[:5] else [f"pool{conv[4]}"]
    return names[: max(map(names.index, layers)) + 1]


def module(name: str, file: h5py.File) -> torch.nn.Module:
    """One layer with its weights, which are not trained."""
    if name.startswith("pool"):
        return torch.nn.MaxPool2d(2) if file.attrs["pooling"] == "max" else torch.nn.AvgPool2d(2)
    if name.startswith("relu"):
        return torch.nn.ReLU()
    tensors = {
        leaf: torch.from_numpy(dataset[()].astype(np.float32))
        for leaf, dataset in file[name].items()
    }
    if name.startswith("conv"):
        kernel = tensors["kernel"].permute(3, 2, 0, 1).contiguous()
        layer = torch.nn.Conv2d(
            kernel.shape[1], kernel.shape[0], tuple(kernel.shape[2:]), padding="same"
        )
        layer.weight.data, layer.bias.data = kernel, tensors["bias"]
    else:
        layer = torch.nn.BatchNorm2d(len(tensors["scale"]), eps=EPSILON)
        layer.weight.data, layer.bias.data = tensors["scale"], tensors["bias"]
        layer.running_mean, layer.running_var = tensors["mean"], tensors["var"]
    return layer.requires_grad_(False)


def main() -> None:
    """The loop from files, with a line for each evaluation."""
    path, exemplar, size, layers, evaluations = sys.argv[1:]
    style = (
        np.asarray(Image.open(exemplar).convert("RGB").resize((int(size),) * 2), np.float32) / 255
    )
    peer = Gatys(path, layers.split(","), style)
    peer.run(peer.noise(style), int(evaluations), lambda loss: print(loss, flush=True))
    print(peak())


def peak() -> int:
    """The most bytes held at once: by the GPU, or resident (Linux)."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    (line,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()
