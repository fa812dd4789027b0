"""The names that the examples in docstrings use."""

import pytest


@pytest.fixture(autouse=True)
def _names(doctest_namespace):
    import jax.numpy as jnp
    import numpy as np

    import onefit

    doctest_namespace.update(np=np, jnp=jnp, onefit=onefit)
    np.set_printoptions(precision=4, suppress=True)
