"""A VGG in plain NumPy, in float64 and PyTorch's layout: what conversions are held against."""

import numpy as np

WIDTHS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
CHANNELS = (64, 128, 256, 512, 512)


def names(network, blocks=5):
    """`["conv1_1", ...]`, up to a block."""
    depth = WIDTHS[network.removesuffix("_bn")][:blocks]
    return [f"conv{block}_{i + 1}" for block, count in enumerate(depth, 1) for i in range(count)]


def random_vgg(network, blocks=2, seed=0):
    """Convolution -> its arrays: weight [D, C, 3, 3], bias, and of a norm gamma, beta, mean, var."""
    rng, inputs, layers = np.random.default_rng(seed), 3, {}
    normal = lambda *shape: rng.standard_normal(shape).astype(np.float32)
    for name in names(network, blocks):
        outputs = CHANNELS[int(name[4]) - 1]
        layers[name] = {
            "weight": normal(outputs, inputs, 3, 3) / np.float32(3 * inputs**0.5),
            "bias": normal(outputs) / 4,
        }
        if network.endswith("_bn"):
            norm = {
                "gamma": 1 + normal(outputs) / 4,
                "beta": normal(outputs) / 4,
                "mean": normal(outputs) / 4,
            }
            layers[name] |= norm | {"var": 0.5 + rng.random(outputs, np.float32)}
        inputs = outputs
    return layers


def convolve(x, weight, bias):
    """`[C, H, W]` -> `[D, H, W]`, zeros beyond the border."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))
    return (
        np.einsum("chwij,dcij->dhw", windows, weight.astype(np.float64), optimize=True)
        + bias[:, None, None]
    )


def features(layers, image):
    """Every layer's activations `[H, W, C]` for a preprocessed image `[3, H, W]`."""
    found, x, block = {}, image.astype(np.float64), "1"
    for name, layer in layers.items():
        if name[4] != block:
            found[f"pool{block}"], block = (x := pool(x)), name[4]
        found[name] = x = convolve(x, layer["weight"], layer["bias"])
        if "var" in layer:
            expand = lambda leaf, layer=layer: layer[leaf].astype(np.float64)[:, None, None]
            x = (x - expand("mean")) / np.sqrt(expand("var") + 1e-5) * expand("gamma") + expand(
                "beta"
            )
            found[name.replace("conv", "bn")] = x
        found[name.replace("conv", "relu")] = x = np.maximum(x, 0)
    found[f"pool{block}"] = pool(x)
    return {name: value.transpose(1, 2, 0) for name, value in found.items()}


def pool(x):
    """Maxima of 2x2; an odd last row or column is left out."""
    height, width = x.shape[1] // 2, x.shape[2] // 2
    return x[:, : 2 * height, : 2 * width].reshape(-1, height, 2, width, 2).max((2, 4))


def state_dict(layers, prefix="features."):
    """torchvision's names, in its order."""
    index, state, block = 0, {}, "1"
    for name, layer in layers.items():
        if name[4] != block:
            index, block = index + 1, name[4]
        state |= {
            f"{prefix}{index}.weight": layer["weight"],
            f"{prefix}{index}.bias": layer["bias"],
        }
        if "var" in layer:
            index += 1
            leaves = {
                "weight": "gamma",
                "bias": "beta",
                "running_mean": "mean",
                "running_var": "var",
            }
            state |= {f"{prefix}{index}.{leaf}": layer[own] for leaf, own in leaves.items()}
        index += 2
    return state
