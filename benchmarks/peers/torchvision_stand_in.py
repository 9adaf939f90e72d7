"""The part of torchvision that the peers use, with another VGG: `install` puts it in its place.

torchvision is no dependency of the benchmarks, and its networks are downloaded files.
"""

import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn


class Compose:
    """Applies functions one after the other."""

    def __init__(self, functions: Sequence[Callable]):
        self.functions = functions

    def __call__(self, value: Any) -> Any:
        for function in self.functions:
            value = function(value)
        return value


class Resize:
    """Resizes a Pillow image to `(height, width)`, bilinearly."""

    def __init__(self, size: tuple[int, int]):
        self.size = size

    def __call__(self, image: Image.Image) -> Image.Image:
        return image.resize(self.size[::-1], Image.Resampling.BILINEAR)


class Normalize(nn.Module):
    """Subtracts a mean per channel and divides by a deviation.

    Attributes:
      observe: receives each result.
    """

    observe: Callable[[torch.Tensor], object] | None = None

    def __init__(self, mean: Sequence[float], std: Sequence[float]):
        super().__init__()
        self.mean = torch.tensor(mean).view(-1, 1, 1)
        self.deviation = torch.tensor(std).view(-1, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result = (x - self.mean) / self.deviation
        if Normalize.observe is not None:
            Normalize.observe(result)
        return result


def to_tensor(image: Image.Image) -> torch.Tensor:
    """Converts an image of 8 bits to `[3, H, W]` in [0, 1]."""
    return torch.from_numpy(np.array(image, np.uint8)).permute(2, 0, 1).float() / 255


def to_pil_image(x: torch.Tensor) -> Image.Image:
    """Converts `[3, H, W]` in [0, 1] to an image of 8 bits."""
    return Image.fromarray(x.mul(255).byte().permute(1, 2, 0).numpy())


def install(networks: dict[str, Callable[[], nn.Sequential]]) -> None:
    """Makes `import torchvision` give this module's part of it.

    Args:
      networks: for each function of `torchvision.models`, one that builds its `features`.
    """

    def bind(build: Callable[[], nn.Sequential]) -> Callable:
        return lambda *_, **__: types.SimpleNamespace(features=build())

    models: Any = types.ModuleType("torchvision.models")
    for name, build in networks.items():
        setattr(models, name, bind(build))
    models.VGG19_Weights = types.SimpleNamespace(IMAGENET1K_V1=None)

    functions: Any = types.ModuleType("torchvision.transforms.functional")
    functions.to_tensor = to_tensor
    functions.to_pil_image = to_pil_image

    transforms: Any = types.ModuleType("torchvision.transforms")
    transforms.functional = functions
    transforms.Compose = Compose
    transforms.Resize = Resize
    transforms.Normalize = Normalize
    transforms.Lambda = lambda function: function
    transforms.ToTensor = lambda: to_tensor
    transforms.ToPILImage = lambda: to_pil_image

    torchvision: Any = types.ModuleType("torchvision")
    torchvision.models = models
    torchvision.transforms = transforms
    for module in (torchvision, models, transforms, functions):
        sys.modules[module.__name__] = module
