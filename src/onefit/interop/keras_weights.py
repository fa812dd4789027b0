"""Weights in Keras' HDF5 layout, both ways.

A layer's arrays are layers/<its class>[_<number>]/vars/<0, 1, ...>: the trainable ones,
then the others. The optimizer's are optimizer/vars/<0, 1, ...>.
"""

import contextlib
import dataclasses
import io
import math
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np

from onefit import config
from onefit.initializers import Initializer
from onefit.interop.refusal import refusal
from onefit.layers.base import Layer, Weights, where
from onefit.models.graph import Graph
from onefit.registry import snake_case
from onefit.types import Shape

__all__ = ["Store", "fill", "put", "read", "written"]

ELEMENTS = 1 << 28
"""The most numbers in one example, between two layers."""

PLAIN_FILTERS = {1, 2, 3}
"""HDF5's own filters: deflate, shuffle, checksum. Others would load plug-ins."""

EXPANSION = 100
"""How many times larger than in the file an array may become."""

SMALL = 1 << 20
"""Bytes that are not worth a suspicion."""


def h5py() -> Any:
    """The package that reads and writes HDF5; asked for by its pip command."""
    try:
        import h5py as package
    except ImportError as error:
        raise ImportError(
            "Model files need h5py, which is not installed. Write "
            '`pip install "onefit[files]"`.'
        ) from error
    return package


def places(graph: Graph, prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """The layers of a graph, each with its path in Keras' file of weights."""
    counts: dict[str, int] = {}
    for layer in graph.layers:
        inner = isinstance(layer, Graph)
        name = "sequential" if inner else snake_case(type(layer).__name__)
        counts[name] = counts.get(name, -1) + 1
        number = f"_{counts[name]}" if counts[name] else ""
        yield f"{prefix}layers/{name}{number}", layer


def walk(graph: Graph, prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """`places`, with those of the graphs inside."""
    for path, layer in places(graph, prefix):
        yield path, layer
        if isinstance(layer, Graph):
            yield from walk(layer, f"{path}/")


# Writing ------------------------------------------------------------------------------


def written(graph: Graph, name: str, optimizer: tuple[str, list[Any]] | None) -> bytes:
    """An HDF5 file with the weights of a model, and its optimizer's name and arrays."""
    buffer = io.BytesIO()
    with h5py().File(buffer, "w") as file:
        _write(file, "", name, [])
        for path, layer in walk(graph):
            inner = isinstance(layer, Graph)
            _write(file, path, str(layer.name), [] if inner else layer.weights)
        if optimizer is not None:
            _write(file, "optimizer", *optimizer)
    return buffer.getvalue()


def _write(file: Any, path: str, name: str, arrays: Sequence[Any]) -> None:
    group = file.create_group(f"{path}/vars" if path else "vars")
    group.attrs["name"] = name
    for number, array in enumerate(arrays):
        group.create_dataset(str(number), data=np.asarray(array))


# Reading ------------------------------------------------------------------------------


class Store:
    """An HDF5 file that is not trusted: only plain groups and plain arrays of numbers.

    Args:
        file: The open h5py.File.
        where: What an error calls it.
        limit: The most bytes that its arrays may have together.
    """

    def __init__(self, file: Any, where: str, limit: int) -> None:
        self.file, self.where, self.limit = file, where, limit
        self.seen: set[str] = set()

    def group(self, path: str) -> Any:
        """The group at a path, or None."""
        here = self.file
        for part in path.split("/"):
            here = self._child(here, part, path)
            if here is None:
                return None
            if not isinstance(here, h5py().Group):
                raise self._refused(f"an array at {path!r}", "a group")
        return here

    def _child(self, group: Any, name: str, path: str) -> Any:
        if (link := group.get(name, getlink=True)) is None:
            return None
        if not isinstance(link, h5py().HardLink):
            raise self._refused(
                f"a link ({type(link).__name__}) at {path!r}", "arrays in the file"
            )
        return group[name]

    def arrays(self, path: str) -> list[Any]:
        """The arrays at a path, not yet read: each is checked by itself."""
        self.seen.add(path)
        group = self.group(f"{path}/vars")
        if group is None:
            return []
        count = len(group)
        found = [self._child(group, str(i), f"{path}/vars/{i}") for i in range(count)]
        for number, array in enumerate(found):
            self._check(array, f"{path}/vars/{number}")
        return found

    def _check(self, array: Any, path: str) -> None:
        if not isinstance(array, h5py().Dataset):
            raise self._refused(f"no array at {path!r}", "arrays numbered from 0")
        if array.external or array.is_virtual:
            raise self._refused(
                f"an array of other files at {path!r}", "its own arrays"
            )
        plist = array.id.get_create_plist()
        filters = {plist.get_filter(i)[0] for i in range(plist.get_nfilters())}
        if array.dtype.kind not in "fiub" or filters - PLAIN_FILTERS:
            raise self._refused(
                f"{array.dtype} with filters {sorted(filters)} at {path!r}",
                "plain numbers",
            )
        size, stored = array.dtype.itemsize * array.size, array.id.get_storage_size()
        self.limit -= size
        if self.limit < 0 or (size > SMALL and size > EXPANSION * stored):
            raise self._refused(
                f"{size:,} bytes declared at {path!r} and {stored:,} stored",
                "arrays that are in the file, within the limit",
            )

    def name(self, path: str) -> str:
        """What the thing at a path was called."""
        group = self.group(f"{path}/vars")
        return "" if group is None else str(group.attrs.get("name", ""))

    def nothing_else(self, prefix: str = "") -> None:
        """Refuses weights of layers that were not asked for."""
        group = self.group(f"{prefix}layers")
        for name in () if group is None else group:
            path = f"{prefix}layers/{name}"
            inside = self.group(path)
            parts = sorted({*inside} - {"vars", "layers", "seed_generator"})
            if path not in self.seen or parts:
                at = "/".join([path, *parts[:1]])
                raise self._refused(f"weights at {at!r}", "those of the model's layers")
            self.nothing_else(f"{path}/")

    def _refused(self, received: str, expected: str) -> Exception:
        fix = "save the model again, or ask where the file is from"
        return refusal(self.where, received=received, expected=expected, fix=fix)


@contextlib.contextmanager
def read(file: Any, place: str, limit: int) -> Iterator[Store]:
    """The store in an open file or a file-like object."""
    package = h5py()
    try:
        opened = package.File(file, "r")
    except OSError as error:
        raise refusal(
            place,
            received="weights that are no HDF5 file, or a part of one",
            expected="a whole file",
            fix="copy or save it again",
        ) from error
    with opened:
        yield Store(opened, place, limit)


def fill(graph: Graph, shape: Shape, store: Store, prefix: str = "") -> Shape:
    """Gives unbuilt layers the weights of a store; returns their output's shape.

    No array is made before the file is known to hold one of its shape.
    """
    for path, layer in places(graph, prefix):
        if math.prod(size or 1 for size in jax.tree.leaves(shape)) > ELEMENTS:
            raise refusal(
                f"{store.where}, {where(layer)}",
                received=f"input of shape {shape}",
                expected=f"{ELEMENTS:,} numbers at most",
            )
        if isinstance(layer, Graph):
            store.seen.add(path)
            shape = fill(layer, shape, store, f"{path}/")
            continue
        params, state = _shapes_only(layer).init(np.random.default_rng(0), shape)
        arrays = _fitting(layer, params | state, store, path)
        values = {
            name: np.array(array, np.asarray(old).dtype)
            for (name, old), array in zip((params | state).items(), arrays, strict=True)
        }
        weights = (
            {name: values[name] for name in params},
            {name: values[name] for name in state},
        )
        object.__setattr__(layer, "_weights", Weights(*weights, shape))
        shape = layer.output_shape(shape)
    return shape


def put(graph: Graph, store: Store) -> None:
    """Gives built layers the weights of a store: all, or none if one misfits."""
    new = []
    for path, layer in walk(graph):
        if isinstance(layer, Graph):
            store.seen.add(path)
            continue
        slot = layer.slot
        new += _fitting(layer, slot.params | slot.state, store, path)
    store.nothing_else()
    graph.set_weights([np.asarray(array) for array in new])


def _fitting(layer: Layer, named: dict[str, Any], store: Store, path: str) -> list[Any]:
    """The arrays of a layer in a store, if they have the shapes of its weights."""
    arrays = store.arrays(path)
    if len(arrays) != len(named):
        raise refusal(
            f"{store.where}, {where(layer)}",
            received=f"{len(arrays)} arrays at {path!r}",
            expected=f"{len(named)} ({', '.join(named) or 'it has no weights'})",
            fix="the file is of another model, or was not built when it was saved",
        )
    for (name, old), array in zip(named.items(), arrays, strict=True):
        if tuple(array.shape) != tuple(old.shape):
            raise refusal(
                f"{store.where}, {where(layer)}",
                received=f"{name} of shape {tuple(array.shape)}",
                expected=f"shape {tuple(old.shape)}",
                fix="the file is of another model: make the one that was saved",
            )
    return arrays


class _Empty(Initializer):
    """In place of an initializer: arrays of a shape without memory behind them."""

    def draw(self, rng: Any, shape: Any) -> np.ndarray:
        del rng
        return np.broadcast_to(np.zeros((), config.floatx()), shape)


def _shapes_only(layer: Layer) -> Layer:
    """The layer with initializers that draw nothing.

    A layer of the caller's own may do more with what is drawn, and is left as it is.
    """
    if not type(layer).__module__.startswith("onefit."):
        return layer
    drawn = {
        field.name: _Empty()
        for field in dataclasses.fields(layer)
        if isinstance(getattr(layer, field.name), Initializer)
    }
    return layer.replace(**drawn) if drawn else layer
