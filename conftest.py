"""What all tests share: the environment, and the names in examples."""

import os
import tempfile

import jaxtyping  # noqa: F401  # before onefit, whose shapes it then checks
import pytest

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
