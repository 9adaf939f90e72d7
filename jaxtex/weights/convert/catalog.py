"""Published weight files: address, length, hash, license, and whose training they come from."""

from typing import NamedTuple

TORCHVISION = "https://download.pytorch.org/models/"
ONNX_ZOO = (
    "https://huggingface.co/onnxmodelzoo/legacy_models/resolve/main/validated/vision/"
    "classification/vgg/model/"
)
KERAS = "https://storage.googleapis.com/tensorflow/keras-applications/"
KERAS_SUFFIX = "_weights_tf_dim_ordering_tf_kernels_notop.h5"
SAME_TRAINING = {"timm": "torchvision"}  # timm's tv_in1k are torchvision's weights


class Published(NamedTuple):
    """A published weight file.

    Attributes:
      network: a row of `networks.TRAINED`.
      publisher: "torchvision", "timm", "onnx" or "keras".
      url: address of the file.
      bytes: length of the file; 0 if unknown.
      hash: algorithm and hexadecimal digest.
      license: license of the weights.
    """

    network: str
    publisher: str
    url: str
    bytes: int
    hash: tuple[str, str]
    license: str

    @property
    def file(self) -> str:
        """Name of the file."""
        return self.url.rpartition("/")[2]

    @property
    def numbers(self) -> str:
        """Publisher that trained the network; two publishers may serve the same numbers."""
        return SAME_TRAINING.get(self.publisher, self.publisher)


def _torchvision(network: str, file: str, size: int, sha256: str) -> Published:
    return Published(
        network, "torchvision", TORCHVISION + file, size, ("sha256", sha256), "BSD-3-Clause"
    )


def _onnx_zoo(network: str, file: str, size: int, sha256: str) -> Published:
    return Published(network, "onnx", ONNX_ZOO + file, size, ("sha256", sha256), "Apache-2.0")


def _keras(network: str, size: int, md5: str) -> Published:
    url = f"{KERAS}{network}/{network}{KERAS_SUFFIX}"
    return Published(network, "keras", url, size, ("md5", md5), "CC BY 4.0")


# `jaxtex-weights fetch` tries the files of a network in this order. torchvision's come first: they
# need no optional dependency, two hosts serve them, and there are golden values for them.
PUBLISHED = (
    _torchvision(
        "vgg16_bn",
        "vgg16_bn-6c64b313.pth",
        553507836,
        "6c64b3138f2f4fcb3bcc4cafde11619c4f440eb1631787e93a682fd88305888a",
    ),
    Published(
        "vgg16_bn",
        "timm",
        "https://huggingface.co/timm/vgg16_bn.tv_in1k/resolve/main/model.safetensors",
        0,
        ("sha256", "88bbedbc8e780413736db38ac4efd41b06fc0e93fd5b8879b584bba63a950129"),
        "BSD-3-Clause",
    ),
    _onnx_zoo(
        "vgg16_bn",
        "vgg16-bn-7.onnx",
        553512191,
        "4fdceabf1ef715c9ed3020fa2eac1cb2a448296c086b03633c80cf47e1c5afce",
    ),
    _torchvision(
        "vgg19_bn",
        "vgg19_bn-c79401a0.pth",
        574769405,
        "c79401a0cf3cb42714e4182f5868c7a6f4f4534f5df9e956e2bb2098de41cbb6",
    ),
    _onnx_zoo(
        "vgg19_bn",
        "vgg19-bn-7.onnx",
        574774380,
        "ce0987dfa6228ad29708013f38b7f73cbc14ca6066a05fc22ee49b35871c63ed",
    ),
    _torchvision(
        "vgg16",
        "vgg16-397923af.pth",
        553433881,
        "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
    ),
    _onnx_zoo(
        "vgg16",
        "vgg16-12.onnx",
        553437752,
        "722c42f53ca03a5480296bf8f9c85a151de3eed9ec982d7d2302ff6e2900c67b",
    ),
    _keras("vgg16", 58889256, "6d6bbae143d832006294945121d1f1fc"),
    _torchvision(
        "vgg19",
        "vgg19-dcbb9e9d.pth",
        574673361,
        "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
    ),
    _keras("vgg19", 80134624, "253f8cb515780f3b799900260a226db6"),
)


def identify(hashes: dict[str, str]) -> Published | None:
    """Returns the published file with one of these hashes, or None.

    Args:
      hashes: algorithm -> hexadecimal digest, for every algorithm that `PUBLISHED` uses.
    """
    for published in PUBLISHED:
        algorithm, digest = published.hash
        if hashes.get(algorithm) == digest:
            return published
    return None
