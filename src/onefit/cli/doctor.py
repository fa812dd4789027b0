"""`onefit doctor`: what there is on this machine, and what more could be installed."""

import importlib.metadata
import importlib.util
import os
import platform
from pathlib import Path

import jax

from onefit import __version__
from onefit.packages import EXTRAS, distribution

__all__ = ["doctor"]

# What each extra adds, in a line.
ADDS = {
    "completion": "commands, options and files completed in the shell",
    "files": ".keras, .weights.h5 and .safetensors files",
    "plots": "pictures: curves, networks, decision boundaries",
    "images": "folders of images, load_img, save_img",
    "tensorboard": "the TensorBoard callback",
    "table": "tables of any kind, `onefit train`",
    "serve": "models of tables over HTTP, `onefit serve`; `onefit lab`",
    "onnx": "models to and from ONNX",
    "sklearn": "estimators and searches of scikit-learn",
    "torch": "models to and from torch",
    "keras": "live Keras models, as onefit's",
}

FLAGS = ("amx_bf16", "avx512_bf16", "avx512_fp16", "amx_fp16")
"""What a processor says of itself where it multiplies numbers of half the digits."""


def doctor() -> int:
    """Prints versions, devices, the folder of programs, and the extras."""
    for name, said in _facts().items():
        print(f"{name:<12} {said}")
    print("\nExtras:")
    for extra, words in ADDS.items():
        needed = [name for name, own in EXTRAS.items() if own == extra]
        lacking = [name for name in needed if not importlib.util.find_spec(name)]
        names = ", ".join(map(distribution, lacking))
        print(f"{extra:<12} {words}: {'lacks ' + names if lacking else 'there'}")
        if lacking:
            print(f'{"":<12} pip install "onefit[{extra}]"')
    return 0


def _facts() -> dict[str, str]:
    """What is said of the machine, by its heading."""
    packages = ("jax", "jaxlib", "numpy", "optax", "rich")
    versions = (f"{name} {importlib.metadata.version(name)}" for name in packages)
    devices = ", ".join(f"{d.platform}:{d.id} {d.device_kind}" for d in jax.devices())
    return {
        "onefit": f"{__version__}, Python {platform.python_version()}, "
        f"{platform.platform(terse=True)}",
        "on": ", ".join(versions),
        "devices": f"{devices}; {os.cpu_count()} cores",
        "bfloat16": _halves(),
        "programs": _programs(),
    }


def _halves() -> str:
    """Whether mixed precision would pay here."""
    if jax.default_backend() != "cpu":
        return 'mixed_precision.set_global_policy("mixed_bfloat16") is worth a try'
    try:
        flags = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    except OSError:
        return "not known: the processor is not described in /proc/cpuinfo"
    found = ", ".join(name for name in FLAGS if name in flags)
    if not found:
        return "the processor has no products of halves: float32 is faster here"
    return (
        f"the processor has {found}: mixed_precision.set_global_policy("
        f'"mixed_bfloat16") is worth a try on layers of hundreds of units'
    )


def _programs() -> str:
    """Where compiled programs are kept, and how much they take."""
    folder = jax.config.values["jax_compilation_cache_dir"]
    if folder is None:
        return "kept nowhere (ONEFIT_CACHE is off, or the folder cannot be written to)"
    sizes = [p.stat().st_size for p in Path(folder).rglob("*") if p.is_file()]
    return (
        f"{folder}, {len(sizes)} files, {sum(sizes) / 1e6:.0f} MB; may be deleted at "
        "any time"
    )
