"""Choice of algorithms for a platform; each network keeps it as a static attribute."""

ALGORITHMS = ("xla", "cpu")


def algorithms_for(platform: str, row_devices: int = 1) -> str:
    """Returns the algorithms that are fastest on a platform.

    Args:
      platform: as `jax.default_backend()` returns it: "cpu", "gpu", "tpu".
      row_devices: number of devices that share the rows of one image.

    Returns:
      "cpu": the convolutions and paddings of this package, written for one CPU. "xla": XLA's own
      operations, which are faster on GPU and TPU, and which XLA can partition between devices that
      share rows.
    """
    return "cpu" if platform == "cpu" and row_devices == 1 else "xla"
