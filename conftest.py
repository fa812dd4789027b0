"""What all tests share: environment, names in examples, an end to programs."""

import gc
import os
import pathlib
import tempfile

import jax
import jaxtyping  # noqa: F401  # before onefit, whose shapes it then checks
import pytest

# Programs that other tests run, or that make numbers: no tests themselves.
collect_ignore_glob = [
    "tests/scripts/twins/*",
    "tests/scripts/make_*.py",
    "tests/oracle/make_*.py",
]

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("MPLBACKEND", "Agg")
# Not the user's own cache of programs; one for all the processes of a test run.
os.environ.setdefault(
    "ONEFIT_CACHE", os.path.join(tempfile.gettempdir(), f"onefit-tests-{os.getuid()}")
)
# The tests compile some ten thousand programs and run each for a moment, so XLA makes
# them without optimization: half the time. Numbers differ by rounding. A release is
# tried with ONEFIT_TESTS_OPTIMIZE=1, which compiles as users do.
if os.environ.get("ONEFIT_TESTS_OPTIMIZE", "0") == "0":
    os.environ["XLA_FLAGS"] = " ".join(
        [
            "--xla_backend_optimization_level=0",
            "--xla_cpu_use_fusion_emitters=false",
            os.environ.get("XLA_FLAGS", ""),
        ]
    ).strip()


@pytest.fixture(autouse=True)
def _names(doctest_namespace):
    import jax.numpy as jnp
    import numpy as np

    import onefit

    doctest_namespace.update(np=np, jnp=jnp, onefit=onefit)
    np.set_printoptions(precision=4, suppress=True)


GROWTH = 1 << 30
"""By so many bytes a process grows before compiled programs are freed."""

UNKNOWN = 1 << 60
"""As if so many, so that programs are freed each time, as long as nothing tells."""

_size = [0]  # the bytes that the process had after the last time


def _resident() -> int:
    """The bytes of memory that the process has; UNKNOWN where nothing tells."""
    statm = pathlib.Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * 4096 if statm.exists() else UNKNOWN


@pytest.fixture(autouse=True, scope="module")
def _programs_end():
    """Frees what was compiled, once it is much.

    A compiled program keeps memory, and some memory maps, of which a process may have
    65,530: one that runs thousands of tests would crash. To free them takes seconds
    in a process of many objects, and what files share is then made again, so it is not
    done after each file.
    """
    yield
    if _resident() - _size[0] >= GROWTH:
        jax.clear_caches()
        gc.collect()
        from onefit.programs import trim

        trim()
        _size[0] = _resident() % UNKNOWN
