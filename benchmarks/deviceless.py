"""Memory, kernels and traffic of the steps on a GPU or TPU, from XLA's compilers alone.

    JAX_PLATFORMS=cpu python benchmarks/deviceless.py [h200] [v5e]

Needs JAX 0.11 and the extra `cuda12`, or `tpu` for the v5e, but no device. Nothing runs. Nothing is
tuned either, which happens on the device, so workspaces of cuDNN and cuBLAS are not counted. The
cases are VGG-16-BN with 13 Gram matrices, as in `speed.py`, and the built-in network. Compiling for
a TPU takes minutes per case.
"""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import cases
import jax
import numpy as np
from jax.experimental import topologies

from jaxtex import errors, images
from jaxtex.cli import flag_parsing
from jaxtex.runs import tables
from jaxtex.synthesis import api, batches, compilation, config, stepping

# A description of the GPU in XLA's text format (GpuTargetConfigProto), as a machine with one
# reports it.
H200 = """
gpu_device_info {
  name: "NVIDIA H200" platform_version: "Compute Capability 9.0a" driver_version: "12.8.0" runtime_version: "12.8.0"
  cuda_compute_capability { major: 9 feature_extension: ACCELERATED_FEATURES }
  core_count: 132 fpus_per_core: 128 clock_rate_ghz: 1.98
  device_memory_size: 151397597184 memory_bandwidth: 4800000000000 l2_cache_size: 52428800
  threads_per_warp: 32 threads_per_block_limit: 1024 threads_per_core_limit: 2048
  registers_per_core_limit: 65536 registers_per_block_limit: 65536
  shared_memory_per_block: 49152 shared_memory_per_core: 233472 shared_memory_per_block_optin: 232448
  block_dim_limit_x: 2147483647 block_dim_limit_y: 65535 block_dim_limit_z: 65535
  thread_dim_limit_x: 1024 thread_dim_limit_y: 1024 thread_dim_limit_z: 64
}
platform_name: "CUDA" device_description_str: "NVIDIA H200"
dnn_version_info { major: 9 minor: 10 }
"""  # noqa: E501
EXEMPLAR = "images/pebbles.png"
COLLECTIVES = ("all-gather", "all-to-all", "all-reduce", "collective-permute")
ITEM_BYTES = {"f32": 4, "bf16": 2, "f16": 2, "s32": 4, "u32": 4, "pred": 1, "s8": 1, "u8": 1}
FREE = ("parameter", "tuple", "get-tuple-element", "bitcast", "constant")  # move nothing

# Whole images at once, however large.
UNDIVIDED = {"strips": "none", "remat": "none"}


def _h200_devices() -> Sequence[jax.Device]:
    """Returns four GPUs of one machine."""
    topology = topologies.get_topology_desc("", "cuda", target_config=H200, topology="1x4x1")
    return topology.devices


def _v5e_devices() -> Sequence[jax.Device]:
    """Returns four TPUs of one machine."""
    return topologies.get_topology_desc("v5e:2x2", "tpu").devices


class Target(NamedTuple):
    """A platform of JAX, and a function that describes its devices."""

    platform: str
    describe: Callable[[], Sequence[jax.Device]]


TARGETS = {"h200": Target("gpu", _h200_devices), "v5e": Target("tpu", _v5e_devices)}


class Case(NamedTuple):
    """A program to compile: its description, and images of this config at once."""

    what: str
    config: config.Config
    num_images: int = 1


def single_cases() -> Iterator[Case]:
    """Yields the cases for one device."""
    for size, number in ((128, 1), (128, 8), (256, 1), (1024, 1), (4096, 1)):
        for precision in ("float32", "bfloat16"):
            choices = {"height": size, "width": size, "precision": precision, **UNDIVIDED}
            count = "one" if number == 1 else number
            what = f"{count} of {size} px, {precision}"
            yield Case(f"VGG-16-BN, {what}", cases.vgg16(**choices), number)
            yield Case(f"built in, {what}", config.Config(**choices, scales=1), number)


def shared_cases(number: int) -> Iterator[Case]:
    """Yields the cases of one image whose rows several devices share."""
    choices = {"height": 1024, "width": 1024, "mesh": f"rows:{number}", **UNDIVIDED}
    yield Case("VGG-16-BN, 1024 px", cases.vgg16(**choices))
    yield Case("built in, 1024 px", config.Config(**choices, scales=1))


def measure(device: jax.Device, case: Case) -> tables.Row:
    """Compiles a loop of steps for one device.

    Args:
      device: described by a topology; it need not exist.
      case: the program.

    Returns:
      A row: memory in GB and relative to the bytes of all features; kernels of a step, and the GB
      that they read and write.
    """
    exemplar = images.load(EXEMPLAR)
    plans = api.build_batch([exemplar], case.config, case.num_images)
    plan = batches.stack_plans(plans) if len(plans) > 1 else plans[0]
    problem = plan.problems[-1]

    step = stepping.build_step(problem, plan.optimizer, plan.remat, max(1, plan.batch))
    if plan.batch:
        step = jax.vmap(step, (0, problem.batch_axes))
    loop = stepping.build_loop(step, compilation.MAX_LOOP_STEPS)
    sharding = jax.sharding.SingleDeviceSharding(device)
    state, data = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
        (stepping.state_shapes(plan, problem), compilation.data_shapes(problem)),
    )
    compiled = jax.jit(loop, donate_argnums=0).lower(state, data, np.int32(0)).compile()

    memory = compiled.memory_analysis()
    arguments = memory.argument_size_in_bytes - memory.alias_size_in_bytes
    total = arguments + memory.output_size_in_bytes + memory.temp_size_in_bytes
    kernels = list(kernel_traffic(compiled.as_text()))
    return {
        "what": case.what,
        "GB held": total / 1e9,
        "over features": total / problem.feature_bytes / case.num_images,
        "kernels of a step": len(kernels),
        "GB moved": sum(kernels) / 1e9,
    }


def kernel_traffic(program: str) -> Iterator[int]:
    """Yields the bytes that each kernel of the loop's body reads and writes, without caches.

    Args:
      program: optimized HLO with one loop.
    """
    computations = {
        match[1]: match[2]
        for match in re.finditer(r"^(?:ENTRY )?%([\w.-]+) \(.*?\{\n(.*?)^\}", program, re.M | re.S)
    }
    (body,) = set(re.findall(r" while\(.*body=%([\w.-]+)", program))
    operations = []
    for line in computations[body].splitlines():
        # %name = shape kind(operands)
        match = re.match(r"\s+(?:ROOT )?%([\w.-]+) = (.*?) ([\w-]+)\((.*?)\)", line)
        if match:
            operations.append(match.groups())

    sizes = {name: shape_bytes(shape) for name, shape, _, _ in operations}
    for name, _, kind, arguments in operations:
        if kind in FREE:
            continue
        operands = [sizes.get(operand, 0) for operand in set(re.findall(r"%([\w.-]+)", arguments))]
        # An update in place does not touch the rest of its largest operand.
        untouched = 2 * max(operands, default=0) if "dynamic_update_slice" in name else 0
        yield sizes[name] + sum(operands) - untouched


def measure_messages(case: Case) -> tables.Row:
    """Compiles a loop of steps for devices that share the rows of an image.

    Returns:
      A row: for each collective the MB per step that devices send, and in how many messages.
    """
    plan = api.build_plan(images.load(EXEMPLAR), case.config)
    program = compilation.lower_loop(plan, plan.problems[-1]).compile().as_text()
    sizes: dict[str, list[int]] = {name: [] for name in COLLECTIVES}
    pattern = rf" = (.*?) ({'|'.join(COLLECTIVES)})(-start)?\("
    for shape, name, _ in re.findall(pattern, program):
        sent = shape.strip("()").split("), ")[0]
        sizes[name].append(shape_bytes(sent))

    row: tables.Row = {"what": case.what}
    for name, messages in sizes.items():
        row[name] = f"{sum(messages) / 1e6:.3g} ({len(messages)})"
    return row


def shape_bytes(shape: str) -> int:
    """Returns the bytes of an HLO shape such as `f32[256,256,3]{2,1,0}`, or of a tuple of them."""
    total = 0
    for kind, sides in re.findall(rf"\b({'|'.join(ITEM_BYTES)})\[([\d,]*)\]", shape):
        items = np.prod([int(side) for side in sides.split(",") if side])
        total += ITEM_BYTES[kind] * int(items)
    return total


def main(names: list[str]) -> None:
    """Prints two tables for each target: one device, and four that share an image.

    Args:
      names: rows of `TARGETS`; empty: h200.

    Raises:
      UserError: a target is unknown, or its compiler is not installed.
    """
    for name in names or ["h200"]:
        target = errors.choose("device", name, TARGETS)
        try:
            devices = target.describe()
        except (NotImplementedError, RuntimeError) as error:
            raise errors.UserError(
                f"no compiler for {name} ({error}); the extra `cuda12`, or `tpu`, installs it"
            ) from error

        jax.devices()  # initializes the backend of this machine, before JAX is made to see others
        platform = target.platform
        jax.default_backend = lambda platform=platform: platform
        rows = [measure(devices[0], case) for case in single_cases()]
        print(f"\n{devices[0].device_kind}\n\n{tables.markdown(rows)}", flush=True)

        jax.devices = lambda devices=devices: devices
        jax.device_count = lambda devices=devices: len(devices)
        rows = [measure_messages(case) for case in shared_cases(len(devices))]
        print(f"\n{tables.markdown(rows)}", flush=True)


if __name__ == "__main__":
    flag_parsing.handle_errors("deviceless.py", main, sys.argv[1:])
