"""tf.test and tf.sysconfig: how it was built, and whether there is a GPU."""

import unittest
from typing import Any

import jax
import numpy as np

from onefit.scripts.tf.config import list_physical_devices
from onefit.types import ArrayLike

__all__ = [
    "TestCase",
    "get_build_info",
    "gpu_device_name",
    "is_built_with_cuda",
    "is_built_with_gpu_support",
    "is_built_with_rocm",
    "is_built_with_xla",
    "is_gpu_available",
    "main",
]


class TestCase(unittest.TestCase):
    """A test, with checks of tensors."""

    __test__ = False  # not one of this library's own

    def assertAllEqual(self, a: ArrayLike, b: ArrayLike) -> None:
        """Fails unless all numbers are the same."""
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))

    def assertAllClose(
        self, a: ArrayLike, b: ArrayLike, rtol: float = 1e-6, atol: float = 1e-6
    ) -> None:
        """Fails unless all numbers are near each other."""
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol, atol)


def main() -> None:
    """Runs the tests of the script."""
    unittest.main()


def is_gpu_available(
    cuda_only: bool = False, min_cuda_compute_capability: Any = None
) -> bool:
    """Whether jax can use a GPU."""
    return bool(list_physical_devices("GPU"))


def gpu_device_name() -> str:
    """The name of the first GPU, or nothing."""
    return "/device:GPU:0" if is_gpu_available() else ""


def is_built_with_cuda() -> bool:
    """Whether jax here can use CUDA."""
    return is_gpu_available()


def is_built_with_gpu_support() -> bool:
    """Whether jax here can use a GPU."""
    return is_gpu_available()


def is_built_with_rocm() -> bool:
    """Whether jax here can use ROCm."""
    return "rocm" in jax.default_backend()


def is_built_with_xla() -> bool:
    """True: every program is compiled by XLA."""
    return True


def get_build_info() -> dict[str, Any]:
    """What there is to say of the build."""
    return {
        "is_cuda_build": is_built_with_cuda(),
        "is_rocm_build": is_built_with_rocm(),
    }
