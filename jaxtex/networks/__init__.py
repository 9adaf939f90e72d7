"""Networks: features of named layers of an image, as pure functions of the weights.

`vgg`, `steerable_pyramid` and `pixel_patches` are the families, `registry` the table of networks,
`octaves` applies one to several sizes of an image. `convolutions` chooses between XLA's
convolution and our own for a CPU (`winograd`, with `tiling` and `products`); `platforms` decides
which are used.
"""

from jaxtex.networks.octaves import (
    Pyramid,
    feature_shapes,
    layers_of,
    octave_images,
    octave_name,
    octave_of,
    pyramid,
)
from jaxtex.networks.platforms import ALGORITHMS, algorithms_for
from jaxtex.networks.registry import (
    LITE,
    NETWORKS,
    TRAINED,
    VGG16,
    VGG19,
    available_layers,
    choose_network,
    layer_names,
    select_layers,
)
from jaxtex.networks.vgg import (
    EPSILON,
    MIN_SIDE,
    POOLED,
    PREPARED,
    VGG,
    Convolution,
    Features,
    Network,
    evaluated_layers,
    fold_batch_norm,
    halo_rows,
    parse_layer,
    relu,
)

__all__ = [
    "ALGORITHMS",
    "EPSILON",
    "LITE",
    "MIN_SIDE",
    "NETWORKS",
    "POOLED",
    "PREPARED",
    "TRAINED",
    "VGG",
    "VGG16",
    "VGG19",
    "Convolution",
    "Features",
    "Network",
    "Pyramid",
    "algorithms_for",
    "available_layers",
    "choose_network",
    "evaluated_layers",
    "feature_shapes",
    "fold_batch_norm",
    "halo_rows",
    "layer_names",
    "layers_of",
    "octave_images",
    "octave_name",
    "octave_of",
    "parse_layer",
    "pyramid",
    "relu",
    "select_layers",
]
