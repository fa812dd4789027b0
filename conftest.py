"""What all tests share: environment, names in examples, an end to programs."""

import gc
import os
import sys
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


@pytest.fixture(autouse=True)
def _names(doctest_namespace):
    import jax.numpy as jnp
    import numpy as np

    import onefit

    doctest_namespace.update(np=np, jnp=jnp, onefit=onefit)
    np.set_printoptions(precision=4, suppress=True)


MAPS = 15_000
"""So many memory maps may a process of tests keep: about 2.5 GB of programs."""


@pytest.fixture(autouse=True, scope="module")
def _programs_end():
    """Frees what was compiled, at the end of a file, once it is much.

    A compiled program keeps some memory maps, of which a process may have 65,530. One
    that runs thousands of tests would reach that, and crash as it compiles. What the
    next files use, too, is compiled once as long as there is room.
    """
    yield
    if _maps() > MAPS:
        jax.clear_caches()
        gc.collect()


def _maps() -> int:
    """The memory maps of this process; more than any number where none can say."""
    try:
        with open("/proc/self/maps", "rb") as file:
            return sum(1 for _ in file)
    except OSError:
        return sys.maxsize
