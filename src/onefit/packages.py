"""Packages that a user may not have: one door, which says how to get them.

And how an import takes less time: nothing here imports JAX.
"""

import contextlib
import gc
import importlib
import importlib.metadata
from collections.abc import Iterator
from types import ModuleType
from typing import Any  # what a finder of distributions is asked by

__all__ = ["EXTRAS", "absent", "distribution", "package", "quickly"]

EXTRAS = {
    "PIL": "images",
    "h5py": "files",
    "keras": "keras",
    "matplotlib": "plots",
    "onnx": "onnx",
    "openpyxl": "table",
    "pandas": "table",
    "pyarrow": "table",
    "safetensors": "files",
    "shtab": "completion",
    "sklearn": "sklearn",
    "starlette": "serve",
    "tensorboardX": "tensorboard",
    "torch": "torch",
    "uvicorn": "serve",
}
"""The extra of onefit that brings a package; others are installed by their name."""

_INSTALLED_AS = {"PIL": "pillow", "sklearn": "scikit-learn"}


def package(name: str, what: str) -> ModuleType:
    """A module of a package that a user may not have.

    Args:
        name: The module, such as "matplotlib.figure".
        what: What needs it: the subject of the error's sentence.

    Raises:
        ImportError: The package is not installed.

    >>> package("math", "A sum").fsum([0.1] * 10)
    1.0
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        top = name.partition(".")[0]
        if str(error.name).partition(".")[0] != top:
            raise  # it is there, and lacks something itself
        raise absent(top, what) from error


def distribution(name: str) -> str:
    """What pip calls a module's package.

    >>> distribution("sklearn")
    'scikit-learn'
    """
    return _INSTALLED_AS.get(name, name)


def absent(name: str, what: str) -> ImportError:
    """The error for a package that is not installed; the caller raises it.

    >>> raise absent("matplotlib", "A picture")
    Traceback (most recent call last):
    ImportError: A picture needs matplotlib, which is not installed. Write \
`pip install "onefit[plots]"`.
    """
    known = distribution(name)
    line = f'"onefit[{EXTRAS[name]}]"' if name in EXTRAS else known
    return ImportError(
        f"{what} needs {known}, which is not installed. Write `pip install {line}`."
    )


PLUGINS = ("cuda", "iree", "jax", "metal", "pjrt", "rocm", "tpu", "xla")
"""What stands in the names of packages that bring JAX a device."""


@contextlib.contextmanager
def quickly() -> Iterator[None]:
    """Imports inside the block take three quarters of their time.

    An import makes hundreds of thousands of objects and no garbage, so nobody looks
    for any meanwhile. And JAX looks for a plugin for AMD's processors by reading the
    metadata of all that is installed, a file for each: it gets those that may be one.
    """
    collects, distributions = gc.isenabled(), importlib.metadata.distributions

    def named(**asked: Any) -> Iterator[importlib.metadata.Distribution]:
        for one in distributions(**asked):
            where = str(getattr(one, "_path", "jax")).lower()
            if any(name in where for name in PLUGINS):
                yield one

    gc.disable()
    importlib.metadata.distributions = named
    try:
        yield
    finally:
        importlib.metadata.distributions = distributions
        if collects:
            gc.enable()
