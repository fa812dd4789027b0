"""The face of a room: the public names of its files, each written once, in its file."""

from types import ModuleType
from typing import Any

__all__ = ["own", "public"]


def public(namespace: dict[str, Any]) -> list[str]:
    """The `__all__` of a package that does nothing but import names of its files.

    >>> import math
    >>> public({"_hidden": 1, "module": math, "shown": 2, "Also": 3})
    ['Also', 'shown']
    """
    return sorted(
        name
        for name, value in namespace.items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    )


def own(namespace: dict[str, Any]) -> list[str]:
    """The `__all__` of a file that shows all that it defines: names without `_`.

    >>> own({"__name__": "here", "_hidden": own, "public": public})
    []
    """
    home = namespace["__name__"]
    return sorted(
        name
        for name, value in namespace.items()
        if name[0] != "_" and getattr(value, "__module__", "") == home
    )
