"""Reference implementation of VGG in NumPy, in float64 and PyTorch's layout, for conversions."""

import numpy as np

WIDTHS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}  # convolutions of each block
CHANNELS = (64, 128, 256, 512, 512)  # of each block
EPSILON = 1e-5  # added to the variance in batch norm


def conv_names(network, blocks=5):
    """Lists the convolutions of the first blocks: `["conv1_1", ...]`."""
    depth = WIDTHS[network.removesuffix("_bn")][:blocks]
    return [f"conv{block}_{i + 1}" for block, count in enumerate(depth, 1) for i in range(count)]


def random_vgg(network, blocks=2, seed=0):
    """Draws the parameters of a network.

    Args:
      network: name, such as "vgg16_bn".
      blocks: number of blocks.
      seed: of the random numbers.

    Returns:
      Name of a convolution -> weight `[D, C, 3, 3]` and bias `[D]`, and with batch norm gamma,
      beta, mean and var, `[D]` each.
    """
    rng = np.random.default_rng(seed)

    def normal(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    inputs = 3
    layers = {}
    for name in conv_names(network, blocks):
        outputs = CHANNELS[int(name[4]) - 1]
        layers[name] = {
            "weight": normal(outputs, inputs, 3, 3) / np.float32(3 * inputs**0.5),
            "bias": normal(outputs) / 4,
        }
        if network.endswith("_bn"):
            layers[name] |= {
                "gamma": 1 + normal(outputs) / 4,
                "beta": normal(outputs) / 4,
                "mean": normal(outputs) / 4,
                "var": 0.5 + rng.random(outputs, np.float32),
            }
        inputs = outputs
    return layers


def features(layers, image):
    """Evaluates the network.

    Args:
      layers: result of `random_vgg`.
      image: preprocessed, `[3, H, W]`.

    Returns:
      Name of each layer -> activations `[H, W, C]`.
    """
    values = {}
    x = image.astype(np.float64)
    block = "1"
    for name, layer in layers.items():
        if name[4] != block:
            x = values[f"pool{block}"] = pool(x)
            block = name[4]
        x = values[name] = convolve(x, layer["weight"], layer["bias"])
        if "var" in layer:
            x = values[name.replace("conv", "bn")] = normalize(x, layer)
        x = values[name.replace("conv", "relu")] = np.maximum(x, 0)
    values[f"pool{block}"] = pool(x)
    return {name: value.transpose(1, 2, 0) for name, value in values.items()}


def convolve(x, weight, bias):
    """Convolves `[C, H, W]` -> `[D, H, W]`, with zeros beyond the border."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))
    products = np.einsum("chwij,dcij->dhw", windows, weight.astype(np.float64), optimize=True)
    return products + bias[:, None, None]


def normalize(x, layer):
    """Applies batch norm to `[C, H, W]`."""
    gamma, beta, mean, var = (
        layer[leaf].astype(np.float64)[:, None, None] for leaf in ("gamma", "beta", "mean", "var")
    )
    return (x - mean) / np.sqrt(var + EPSILON) * gamma + beta


def pool(x):
    """Takes maxima of 2x2; omits an odd last row or column."""
    height, width = x.shape[1] // 2, x.shape[2] // 2
    return x[:, : 2 * height, : 2 * width].reshape(-1, height, 2, width, 2).max((2, 4))


def state_dict(layers, prefix="features."):
    """Names the parameters as torchvision does, in its order.

    Args:
      layers: result of `random_vgg`.
      prefix: of every name.
    """
    index = 0
    block = "1"
    state = {}
    for name, layer in layers.items():
        if name[4] != block:  # a pooling lies between two blocks
            index += 1
            block = name[4]
        state[f"{prefix}{index}.weight"] = layer["weight"]
        state[f"{prefix}{index}.bias"] = layer["bias"]
        if "var" in layer:
            index += 1
            state[f"{prefix}{index}.weight"] = layer["gamma"]
            state[f"{prefix}{index}.bias"] = layer["beta"]
            state[f"{prefix}{index}.running_mean"] = layer["mean"]
            state[f"{prefix}{index}.running_var"] = layer["var"]
        index += 2
    return state
