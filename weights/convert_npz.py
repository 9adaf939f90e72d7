"""Kernels in an .npz of HWIO arrays (`conv1_1/kernel`, `conv1_1/bias`, ...) -> the HDF5 that jaxtex reads.

    python weights/convert_npz.py vgg19_imagenet_blocks1-3.npz weights/vgg19.h5

The numbers are taken to be Keras': RGB in 0..255 reordered to BGR, less 103.939, 116.779, 123.68. The reordering is
done once here, on the first kernel, and the rest becomes the file's mean and deviation.
"""

import hashlib
import pathlib
import sys

import numpy as np

from jaxtex import weights

KERAS_MEAN = np.array([123.68, 116.779, 103.939]) / 255  # R, G, B
LICENCE = "CC BY 4.0, Visual Geometry Group, Oxford"


def convert(source: pathlib.Path) -> weights.Weights:
    """Reads the arrays and puts the input channels of `conv1_1` in the order R, G, B."""
    params: dict[str, dict] = {}
    with np.load(source, allow_pickle=False) as arrays:
        for name in arrays:
            layer, leaf = name.split("/")
            params.setdefault(layer, {})[leaf] = arrays[name]
    params["conv1_1"]["kernel"] = params["conv1_1"]["kernel"][:, :, ::-1]
    variables = {"params": params, "preprocessing": {"mean": KERAS_MEAN, "deviation": np.full(3, 1 / 255)}}
    about = {"source": source.name, "source_sha256": hashlib.sha256(source.read_bytes()).hexdigest(), "licence": LICENCE}
    return weights.Weights(variables, "vgg19", "max", about)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    weights.save(sys.argv[2], convert(pathlib.Path(sys.argv[1])))
