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
from torch.nn import functional


class Compose:
    """Applies functions one after the other."""

    def __init__(self, functions: Sequence[Callable]):
        self.functions = functions

    def __call__(self, value: Any) -> Any:
        for function in self.functions:
            value = function(value)
        return value


class Resize:
    """Resizes a Pillow image, or a tensor `[..., H, W]`, bilinearly and without aliasing.

    Args:
      size: height and width, or the shorter side.
      antialias: ignored; true for all that use this.
    """

    def __init__(self, size: tuple[int, int] | int, antialias: bool = True):
        del antialias
        self.size = size

    def __call__(self, image: Any) -> Any:
        if isinstance(image, Image.Image):
            height, width = self._target(*image.size[::-1])
            return image.resize((width, height), Image.Resampling.BILINEAR)
        target = self._target(*image.shape[-2:])
        if target == tuple(image.shape[-2:]):
            return image
        return functional.interpolate(
            image, target, mode="bilinear", align_corners=False, antialias=True
        )

    def _target(self, height: int, width: int) -> tuple[int, int]:
        """Returns the height and width of the result."""
        if not isinstance(self.size, int):
            return self.size
        if height <= width:
            return self.size, int(self.size * width / height)
        return int(self.size * height / width), self.size


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


def save_image(batch: torch.Tensor, path: str, **_: Any) -> None:
    """Writes the first image of `[N, 3, H, W]` in [0, 1], rounded to 8 bits."""
    rounded = batch[0].detach().mul(255).add(0.5).clamp(0, 255).byte()
    Image.fromarray(rounded.permute(1, 2, 0).numpy()).save(path)


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

    utilities: Any = types.ModuleType("torchvision.utils")
    utilities.save_image = save_image

    torchvision: Any = types.ModuleType("torchvision")
    torchvision.models = models
    torchvision.transforms = transforms
    torchvision.utils = utilities
    for module in (torchvision, models, transforms, functions, utilities):
        sys.modules[module.__name__] = module
