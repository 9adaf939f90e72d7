"""What XLA's compilers for a GPU and a TPU make of the steps, without either at hand: their memory, kernels and traffic.

    JAX_PLATFORMS=cpu python benchmarks/deviceless.py [h200] [v5e]     (JAX 0.11, extra `cuda12`, for the second `tpu`)

Nothing runs, and nothing is tuned, for that is done on the device: cuDNN's and cuBLAS' workspaces are not counted.
VGG-16-BN with the Gram matrices of 13 layers as in `speed.py`, and the built-in network. A TPU's take minutes each.
"""

import re
import sys
from collections.abc import Iterator

import cases
import jax
import numpy as np
from jax.experimental import topologies

from jaxtex import errors, images
from jaxtex.cli import flag_parsing
from jaxtex.runs import tables
from jaxtex.synthesis import api, batches, compilation, config, stepping

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
"""
DEVICES = {
    "h200": (
        "gpu",
        lambda: (
            topologies.get_topology_desc("", "cuda", target_config=H200, topology="1x4x1").devices
        ),
    ),
    "v5e": ("tpu", lambda: topologies.get_topology_desc("v5e:2x2", "tpu").devices),
}
MOVES = "all-gather", "all-to-all", "all-reduce", "collective-permute"
BYTES = {"f32": 4, "bf16": 2, "f16": 2, "s32": 4, "u32": 4, "pred": 1, "s8": 1, "u8": 1}
FREE = "parameter", "tuple", "get-tuple-element", "bitcast", "constant"


def row(device: jax.Device, settings: config.Config, number: int) -> dict[str, float]:
    """What a program of steps takes, of one image or of so many at once."""
    plans = api.build_batch([[images.load("images/pebbles.png")]], settings, number)
    plan = batches.stack_plans(plans) if number > 1 else plans[0]
    problem = plan.problems[-1]
    several = stepping.build_loop(
        stepping.join_halves(*compilation.halves(plan, problem)), compilation.MAX_LOOP_STEPS
    )
    given, there = (
        (stepping.state_shapes(plan, problem), problem.shapes),
        jax.sharding.SingleDeviceSharding(device),
    )
    placed = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=there), given
    )
    compiled = jax.jit(several, donate_argnums=0).lower(*placed, np.int32(0)).compile()
    told, kernels = compiled.memory_analysis(), list(traffic(compiled.as_text()))
    held = (
        told.argument_size_in_bytes
        + told.output_size_in_bytes
        - told.alias_size_in_bytes
        + told.temp_size_in_bytes
    )
    return {"GB held": held / 1e9, "over features": held / problem.features / number} | {
        "kernels of a step": len(kernels),
        "GB moved": sum(kernels) / 1e9,
    }


def traffic(program: str) -> list[int]:
    """The bytes that each kernel of the loop's body reads and writes, as if no cache kept any."""
    found = {
        head[1]: head[2]
        for head in re.finditer(r"^(?:ENTRY )?%([\w.-]+) \(.*?\{\n(.*?)^\}", program, re.M | re.S)
    }
    (body,) = set(re.findall(r" while\(.*body=%([\w.-]+)", program))
    lines = [
        re.match(r"\s+(?:ROOT )?%([\w.-]+) = (.*?) ([\w-]+)\((.*?)\)", line)
        for line in found[body].splitlines()
    ]
    sizes = {line[1]: size(line[2]) for line in lines if line}
    for line in lines:
        if line and line[3] not in FREE:
            operands = [sizes.get(name, 0) for name in set(re.findall(r"%([\w.-]+)", line[4]))]
            in_place = 2 * max(operands, default=0) if "dynamic_update_slice" in line[1] else 0
            yield sizes[line[1]] + sum(operands) - in_place


def spread(what: str, settings: config.Config) -> dict[str, float]:
    """What devices that share the rows of an image send each other in a step, of each kind in MB and how many."""
    plan = api.build_plan(images.load("images/pebbles.png"), settings)
    program = compilation.lower_loop(plan, plan.problems[-1]).compile().as_text()
    sent = {move: [] for move in MOVES}
    for shape, move, _ in re.findall(rf" = (.*?) ({'|'.join(MOVES)})(-start)?\(", program):
        sent[move].append(size(shape.strip("()").split("), ")[0]))
    return {"what": what} | {
        move: f"{sum(all_of) / 1e6:.3g} ({len(all_of)})" for move, all_of in sent.items()
    }


def size(shape: str) -> int:
    """Bytes of `f32[256,256,3]{2,1,0}`, or of a tuple of such."""
    arrays = re.findall(rf"\b({'|'.join(BYTES)})\[([\d,]*)\]", shape)
    return sum(
        BYTES[kind] * int(np.prod([int(side) for side in sides.split(",") if side]))
        for kind, sides in arrays
    )


def settings() -> Iterator[tuple[str, config.Config, int]]:
    """What is compiled, and how many of it: with the features of whole images at once, however large."""
    for size, number in ((128, 1), (128, 8), (256, 1), (1024, 1), (4096, 1)):
        for precision in ("float32", "bfloat16"):
            choices = {
                "height": size,
                "width": size,
                "precision": precision,
                "strips": "none",
                "remat": "none",
            }
            what = f"{number if number > 1 else 'one'} of {size} px, {precision}"
            yield f"VGG-16-BN, {what}", cases.vgg16(**choices), number
            yield f"built in, {what}", config.Config(**choices, scales=1), number


def main(names: list[str]) -> None:
    """Prints two tables for each device: of one, and of four that share an image."""
    for name in names or ["h200"]:
        backend, describe = errors.choose("device", name, DEVICES)
        try:
            devices = describe()
        except (NotImplementedError, RuntimeError) as error:
            raise errors.UserError(
                f"no compiler for {name} ({error}): the extra `cuda12`, or `tpu`, brings it"
            ) from error
        jax.devices()  # that of this machine, before JAX is told that there are others
        jax.default_backend = lambda backend=backend: backend
        rows = [{"what": what, **row(devices[0], *chosen)} for what, *chosen in settings()]
        print(f"\n{devices[0].device_kind}\n\n{tables.markdown(rows)}", flush=True)
        jax.devices, jax.device_count = (
            lambda found=devices: found,
            lambda found=devices: len(found),
        )
        choices = {
            "height": 1024,
            "width": 1024,
            "strips": "none",
            "remat": "none",
            "mesh": f"rows:{len(devices)}",
        }
        both = {"VGG-16-BN": cases.vgg16(**choices), "built in": config.Config(**choices, scales=1)}
        print(
            f"\n{tables.markdown([spread(f'{what}, 1024 px', chosen) for what, chosen in both.items()])}",
            flush=True,
        )


if __name__ == "__main__":
    flag_parsing.handle_errors("deviceless.py", main, sys.argv[1:])
