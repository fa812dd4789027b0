"""Weights in Keras' HDF5 layout, both ways.

A layer's arrays are layers/<its class>[_<number>]/vars/<0, 1, ...>: the trainable ones,
then the others. Those of a part of it, as the cell of an LSTM, are in a group inside,
layers/lstm/cell/vars/<0, 1, ...>. The optimizer's are optimizer/vars/<0, 1, ...>.
"""

import contextlib
import functools
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from onefit import config
from onefit.description import fields
from onefit.files.calls import in_order, is_sequential, operator
from onefit.files.limits import Limits
from onefit.files.refusal import Misfit, refusal, short
from onefit.initializers import Initializer
from onefit.layers.attention_heads import GroupQueryAttention, MultiHeadAttention
from onefit.layers.base import Layer, Weights, where
from onefit.layers.called import Called
from onefit.layers.cells import StackedRNNCells
from onefit.layers.composite import Composite
from onefit.layers.host.vocabulary import Lookup
from onefit.layers.policies import Pipeline
from onefit.layers.preprocessing import Scaling
from onefit.layers.recurrent import OverTime
from onefit.layers.spectral import SpectralNormalization
from onefit.layers.wrappers import Bidirectional
from onefit.networks.architecture import Architecture
from onefit.packages import package
from onefit.registry import nearest, snake_case
from onefit.types import Array, Generator, Params, Shape, Shapes, State, is_shape

if TYPE_CHECKING:
    from h5py import Dataset, File, Group

__all__ = [
    "Drawn",
    "Store",
    "build",
    "class_of",
    "named",
    "path_of",
    "plain_in_order",
    "put",
    "put_named",
    "read",
    "write",
    "write_array",
]

KIND = "dtype"
"""Where Keras says what numbers are of two bytes that HDF5 has no name for."""

CLASSES = {"group_query_attention": "grouped_query_attention"}
"""Classes that Keras calls by another name inside than outside."""

HEADS = ("query", "key", "value", "gate", "output")

ATTRIBUTES = {
    Bidirectional: {"forward": "forward_layer", "backward": "backward_layer"},
    GroupQueryAttention: {f"{name}_dense": f"_{name}_dense" for name in HEADS},
    MultiHeadAttention: {"gate_dense": "_gate_dense"},
}
"""What Keras calls the parts of layers made of layers, where it is not what we do."""

LISTS = {StackedRNNCells: "cells", Pipeline: "layers"}
"""The list in which Keras' class keeps its parts."""

INNER_LOOKUP, IDF = "_lookup_layer", "idf_weights"
"""Where Keras' text layers have their vocabulary, and the weights of its words."""

STATE = "rnn_state"
"""How the names of the states begin that a stateful layer goes on from."""

DEPTH = 50
"""The most groups in groups."""

PLAIN_FILTERS = {1, 2, 3}
"""HDF5's own filters: deflate, shuffle, checksum. Others would load plug-ins."""

SMALL = 1 << 20
"""An array of no more bytes than this is never refused for its size."""


h5py = functools.partial(package, "h5py", "A model file")
"""The package that reads and writes HDF5, or an error that says how to get it."""


def path_of(name: str, counts: dict[str, int], prefix: str) -> str:
    """The next path in Keras' file of weights for a layer of this class."""
    counts[name] = counts.get(name, -1) + 1
    number = f"_{counts[name]}" if counts[name] else ""
    return f"{prefix}layers/{name}{number}"


def class_of(layer: Layer) -> str:
    """What paths call the class of a layer, or of a model."""
    if isinstance(layer, Architecture):
        return "sequential" if is_sequential(layer) else "functional"
    name = snake_case(type(layer).__name__)
    return CLASSES.get(name, name)


def level(graph: Architecture, prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """The layers of a graph in Keras' order, with their paths; operations have none."""
    counts: dict[str, int] = {}
    for layer in in_order(graph):
        if not operator(layer):
            yield path_of(class_of(layer), counts, prefix), layer


def walk(graph: Architecture, prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """The layers of a graph in Keras' order, and of graphs inside, with their paths."""
    for path, layer in level(graph, prefix):
        yield path, layer
        if isinstance(layer, Architecture):
            yield from walk(layer, f"{path}/")


def plain_in_order(graph: Architecture) -> list[Layer]:
    """The layers in Keras' order, those of graphs inside in their place."""
    return [layer for _, layer in walk(graph) if not isinstance(layer, Architecture)]


def groups(layer: Layer, names: Iterable[str], path: str) -> dict[str, list[str]]:
    """The names of a layer's weights by the group that has them, in Keras' order.

    The states that a stateful layer goes on from are not among them: no file has them.
    """
    grouped: dict[str, list[str]] = {path: []}
    for name in names:
        own = name.rpartition("/")[2]
        if not own.startswith(STATE):
            grouped.setdefault(f"{path}{_inside(layer, name)}", []).append(name)
    if isinstance(layer, SpectralNormalization):  # Keras has the kernel twice
        grouped[path].insert(0, grouped[f"{path}/layer"][0])
    return grouped


def _inside(layer: Layer, name: str) -> str:
    """Where in a layer's group a weight is: "/cell" for that of an LSTM's cell."""
    parts = layer.parts() if isinstance(layer, Composite) else {}
    for part, inner in parts.items():
        if name.startswith(f"{part}/"):
            at = (nearest(ATTRIBUTES, type(layer)) or {}).get(part, part)
            listed = nearest(LISTS, type(layer))
            if listed is not None:
                counts: dict[str, int] = {}
                paths = [path_of(class_of(one), counts, "") for one in parts.values()]
                at = paths[list(parts).index(part)].replace("layers/", f"{listed}/")
            return f"/{at}{_inside(inner, name.removeprefix(f'{part}/'))}"
    if isinstance(layer, Called):
        inside = name.rpartition("/")[0]
        return f"/{inside}" if inside else ""
    if isinstance(
        layer, Architecture
    ):  # a model inside, its weights by its layers' numbers
        number, _, rest = name.partition("/")
        own = layer.layers[int(number)]
        path = next(path for path, one in level(layer) if one is own)
        return f"/{path}{_inside(own, rest)}"
    return "/cell" if isinstance(layer, OverTime) else ""


# Writing ------------------------------------------------------------------------------


def write(
    raw: IO[bytes],
    graph: Architecture,
    name: str,
    optimizers: Mapping[str, tuple[str, Sequence[Array]]],
) -> None:
    """Writes the weights of a model, and optimizers' names and arrays, as HDF5."""
    with h5py().File(raw, "w") as file:
        _write(file, "", name, {})
        for path, layer in walk(graph):
            if isinstance(layer, Architecture):
                _write(file, path, str(layer.name), {})
                continue
            named = layer.weights_in_files()
            if isinstance(layer, Lookup) and layer.output_mode == "tf_idf":
                _write_idf(file, path, layer)
                continue
            own = dict(keepers(layer, path))
            for at, names in _with_own(groups(layer, named, path), own).items():
                called = str(layer.name) if at == path else at.rpartition("/")[2]
                arrays = {str(i): named[name] for i, name in enumerate(names)}
                if at in own:  # its class says what is to be kept
                    arrays = {}
                    own[at].save_own_variables(arrays)
                _write(file, at, called, arrays)
        for place, (called, arrays) in optimizers.items():
            _write(file, place, called, {str(i): a for i, a in enumerate(arrays)})


def _with_own(
    grouped: dict[str, list[str]], own: dict[str, Layer]
) -> dict[str, list[str]]:
    """The groups of a layer, those also of layers that write more than weights."""
    return {path: [] for path in own} | grouped


def _write(file: "File", path: str, name: str, arrays: Mapping[str, Any]) -> None:
    group = file.create_group(f"{path}/vars" if path else "vars")
    group.attrs["name"] = np.bytes_(name[:99].encode() or b" ")
    for key, array in arrays.items():
        write_array(group, key, array)


def write_array(group: Any, name: str, array: Any) -> None:
    """One array of a file; of bfloat16, which HDF5 has not, its name as Keras does."""
    array = np.asarray(array)
    written = group.create_dataset(name, data=array)
    if array.dtype == jnp.bfloat16:
        written.attrs[KIND] = "bfloat16"


def _write_idf(file: "File", path: str, layer: Lookup) -> None:
    """The weights of words, which Keras wants although they are settings, too."""
    for at in (path, f"{path}/{INNER_LOOKUP}"):
        _write(file, at, str(layer.name), {})
        group: Any = file[f"{at}/vars"]
        group.create_dataset(IDF, data=layer.idf)


# Reading ------------------------------------------------------------------------------


class Store:
    """An HDF5 file that is not trusted: only plain groups and plain arrays of numbers.

    Args:
        file: The open h5py.File.
        where: What an error calls it.
        limits: How much it may ask for.
        size: The bytes of the file.
    """

    def __init__(self, file: "File", where: str, limits: Limits, size: int) -> None:
        self.file, self.where, self.limits = file, where, limits
        self.unread = size  # two arrays are not in one place
        self.left = limits.size
        self.seen: set[str] = set()
        self.vocabularies: dict[str, str] = {}

    def group(self, path: str) -> "Group | None":
        """The group at a path, or None."""
        here = self.file
        for part in path.split("/"):
            here = self._child(here, part, path)
            if here is None:
                return None
            if not isinstance(here, h5py().Group):
                raise self._refused(f"an array at {path!r}", "a group")
        return here

    def _child(self, group: "Group", name: str, path: str) -> Any:
        """What h5py has at a name: a Group, a Dataset, or None for nothing."""
        if (link := group.get(name, getlink=True)) is None:
            return None
        if not isinstance(link, h5py().HardLink):
            raise self._refused(
                f"a link ({type(link).__name__}) at {path!r}", "arrays in the file"
            )
        return group[name]

    def arrays(self, path: str) -> list["Dataset | np.ndarray"]:
        """The arrays at a path, not yet read: each is checked by itself."""
        self.seen.add(path)
        group = self.group(f"{path}/vars")
        if group is None:
            return []
        count = self._count(group)
        arrays = [self._child(group, str(i), f"{path}/vars/{i}") for i in range(count)]
        return [
            self._checked(array, f"{path}/vars/{number}")
            for number, array in enumerate(arrays)
        ]

    def array(self, path: str) -> "Dataset | np.ndarray":
        """The array at a path, not yet read, but checked."""
        inside, _, name = path.rpartition("/")
        group = self.group(inside)
        array = None if group is None else self._child(group, name, path)
        return self._checked(array, path)

    def named_array(self, path: str, name: str) -> np.ndarray | None:
        """An array that has a name in place of a number, or None."""
        self.seen.add(path)
        group = self.group(f"{path}/vars")
        array = None if group is None else self._child(group, name, path)
        if array is None:
            return None
        return np.asarray(self._checked(array, f"{path}/vars/{name}"))

    def all_arrays(self, path: str) -> dict[str, np.ndarray]:
        """The arrays at a path by their names."""
        self.seen.add(path)
        group = self.group(f"{path}/vars")
        found: dict[str, np.ndarray] = {}
        for name in map(str, group or ()):
            assert group is not None
            self._count(group)
            array = self._child(group, name, f"{path}/vars/{name}")
            found[name] = np.asarray(self._checked(array, f"{path}/vars/{name}"))
        return found

    def numbers(self, path: str) -> int:
        """How many numbers all groups below a path hold."""
        group = self.group(path)
        below = [] if group is None else self._below(path, group)
        return sum(getattr(item, "size", 0) for _, item in below)

    def _count(self, group: "Group") -> int:
        """How many members a group has; refused above the limit."""
        if len(group) > self.limits.arrays:
            raise self._too_many()
        return len(group)

    def _too_many(self) -> Exception:
        return refusal(
            self.where,
            received="groups without end",
            expected=f"{self.limits.arrays:,} at most",
            fix=self.limits.fix("arrays"),
        )

    def _below(
        self, path: str, group: "Group"
    ) -> Iterator[tuple[str, "Group | Dataset"]]:
        """What is in a group and in the groups in it, with their paths."""
        rest: list[tuple[str, Any]] = [(path, group)]
        met = set()
        for _ in range(self.limits.arrays):
            if not rest:
                return
            path, item = rest.pop()
            yield path, item
            if isinstance(item, h5py().Group) and path.count("/") < DEPTH:
                self._count(item)
                if item.id in met:  # its number in the file: it has two names
                    raise self._refused(f"a circle of groups at {short(path)}", "none")
                met.add(item.id)
                # Keras' random numbers are no weights.
                inside = sorted({*item} - {"seed_generator"}, reverse=True)
                paths = [(f"{path}/{name}", name) for name in inside]
                rest += [(at, self._child(item, name, at)) for at, name in paths]
        raise self._too_many()

    def _checked(self, array: Any, path: str) -> "Dataset | np.ndarray":
        if not isinstance(array, h5py().Dataset):
            raise self._refused(f"no array at {path!r}", "arrays numbered from 0")
        if array.external or array.is_virtual:
            raise self._refused(
                f"an array of other files at {path!r}", "its own arrays"
            )
        plist = array.id.get_create_plist()
        filters = {plist.get_filter(i)[0] for i in range(plist.get_nfilters())}
        kind = array.dtype
        half = kind.str == "|V2" and array.attrs.get(KIND) == "bfloat16"
        if not (half or kind.kind in "fiub") or filters - PLAIN_FILTERS:
            raise self._refused(
                f"{array.dtype} with filters {sorted(filters)} at {path!r}",
                "plain numbers",
            )
        size, stored = array.dtype.itemsize * array.size, array.id.get_storage_size()
        self.left -= size
        self.unread -= stored
        bomb = size > SMALL and size > self.limits.expansion * stored
        if self.left < 0 or self.unread < 0 or bomb:
            raise refusal(
                self.where,
                received=f"{size:,} bytes declared at {path!r} and {stored:,} stored",
                expected="arrays that are in the file, within the limit",
                fix=self.limits.fix("size" if self.left < 0 else "expansion"),
            )
        return np.asarray(array).view(jnp.bfloat16) if half else array

    def name(self, path: str) -> str:
        """What the thing at a path was called, if onefit has written it."""
        group = self.group(f"{path}/vars")
        if group is None or "name" not in group.attrs:
            return ""
        attr = group.attrs.get_id("name")
        # Keras' texts are in a place of their own, where a damaged size is believed.
        if attr.shape != () or attr.dtype.kind != "S" or attr.dtype.itemsize > 999:
            return ""
        text: Any = group.attrs["name"]
        return text.decode(errors="replace")

    def nothing_else(self) -> None:
        """Refuses weights that were not asked for."""
        top = self.group("layers")
        for path, item in () if top is None else self._below("layers", top):
            inside = isinstance(item, h5py().Group) and path.count("/") < DEPTH
            if not inside and path.rpartition("/vars/")[0] not in self.seen:
                at = short(path.rpartition("/vars/")[0] or path)
                raise self._refused(f"weights at {at}", "those of the model's layers")

    def _refused(self, received: str, expected: str) -> Exception:
        fix = "save the model again, or ask where the file is from"
        return refusal(self.where, received=received, expected=expected, fix=fix)


@contextlib.contextmanager
def read(file: IO[bytes], place: str, limits: Limits) -> Iterator[Store]:
    """The store in an open file or a file-like object."""
    package, size = h5py(), file.seek(0, io.SEEK_END)
    file.seek(0)
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
        yield Store(opened, place, limits, size)


def build(layer: Layer, shape: Shapes, store: Store, path: str) -> None:
    """Gives a layer without weights those of a store, for input of a shape.

    No array is made before the file is known to hold one of its shape.
    """
    place = f"{store.where}, {where(layer)}"
    if isinstance(layer, Lookup):
        _put_words(layer, store, path)
    if isinstance(layer, Called):  # its own build has made the weights
        named = layer.slot.params | layer.slot.state
        arrays = _fitting(layer, named, store, path)
        layer.set_weights(
            [np.asarray(arrays.get(n, named[n])) for n in layer.by_name()]
        )
        _restore_own(layer, store, path)
        return
    budget = _Budget(place, f"numbers at {path!r}", store.numbers(path))
    params, state = _outline(layer, shape, store.limits, budget)
    arrays = _fitting(layer, params | state, store, path)
    for name, old in state.items():
        if name not in arrays:
            _check_size(old.shape, store.limits, place)
    values = layer.regained(
        {
            name: np.array(arrays.get(name, old), np.asarray(old).dtype)
            for name, old in (params | state).items()
            if name not in layer.unkept
        }
    )
    weights = (
        {name: values[name] for name in params},
        {name: values[name] for name in state},
    )
    object.__setattr__(layer, "_weights", Weights(*weights, shape))
    if isinstance(layer, Scaling) and len(arrays) == len(
        values
    ):  # they may be wider than they begin
        layer.set_weights([np.asarray(arrays[name]) for name in layer.by_name()])


def _put_words(layer: Lookup, store: Store, path: str) -> None:
    """Gives a layer the vocabulary that Keras keeps in a file of its own."""
    inner = f"{path}/{INNER_LOOKUP}"
    store.seen |= {path, inner}
    found = [store.named_array(at, IDF) for at in (path, inner) if store.group(at)]
    text = store.vocabularies.get(path, store.vocabularies.get(inner))
    if layer.vocabulary is not None or text is None:
        return
    weights = next((array for array in found if array is not None), None)
    lines = text.split("\n")
    while lines and not lines[-1]:
        lines.pop()
    layer.set_vocabulary(lines, weights)


class Drawn:
    """Gives layers fresh weights, which together are no more than there may be.

    Args:
        place: What an error names.
        limits: How much a file may ask for.
        numbers: How many numbers the file has for them; without it the limit holds.
    """

    def __init__(self, place: str, limits: Limits, numbers: int | None = None) -> None:
        self.limits, self.place = limits, place
        if numbers is None:
            numbers = limits.size // np.dtype(config.floatx()).itemsize
            fix = limits.fix("size")
            self.budget = _Budget(place, "numbers as the limit", numbers, fix)
        else:
            self.budget = _Budget(place, "numbers in the file", numbers)

    def __call__(self, layer: Layer, shape: Shapes, path: str) -> None:
        """Gives a layer without weights its own, for input of a shape."""
        del path
        if isinstance(layer, Called):
            return
        self.budget.place = f"{self.place}, {where(layer)}"
        _outline(layer, shape, self.limits, self.budget)
        layer.build(shape)


def _outline(
    layer: Layer, shape: Shapes, limits: Limits, budget: "_Budget"
) -> tuple[Params, State]:
    """The weights of a layer for input of a shape, without memory behind them."""
    for one in jax.tree.leaves(shape, is_leaf=is_shape):
        _check_size(one, limits, budget.place)
    layer.output_shape(shape)  # refuses what does not fit
    return _shapes_only(layer, budget).fresh(np.random.default_rng(0), shape)


def _check_size(shape: Shape, limits: Limits, place: str) -> None:
    if math.prod(size or 1 for size in shape) > limits.example:
        raise refusal(
            place,
            received=f"an array of shape {shape} in an example",
            expected=f"{limits.example:,} numbers at most",
            fix=limits.fix("example"),
        )


def named(graph: Architecture) -> dict[str, Array]:
    """The weights of a model by the names of layers and weights, "dense/kernel".

    Raises:
        ValueError: Two weights of one name, by a layer's name with a slash.
    """
    arrays: dict[str, Array] = {}
    for title, layer in _titled(graph):
        for name, array in _kept(layer).items():
            if f"{title}/{name}" in arrays:
                raise refusal(
                    where(layer),
                    received=f"two weights named {title}/{name!r}",
                    expected="names that differ",
                    fix="give the layers names without slashes",
                )
            arrays[f"{title}/{name}"] = array
    return arrays


def _titled(graph: Architecture, prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """The plain layers, with their names after those of the models they are in."""
    for layer in graph.layers:
        if isinstance(layer, Architecture):
            yield from _titled(layer, f"{prefix}{layer.name}/")
        elif layer.ready:
            yield f"{prefix}{layer.name}", layer


def _kept(layer: Layer) -> dict[str, Array]:
    """The weights that files have: all but the states of a stateful layer."""
    return {
        name: array
        for name, array in layer.weights_in_files().items()
        if not name.rpartition("/")[2].startswith(STATE)
    }


def put_named(graph: Architecture, arrays: Mapping[str, Array]) -> None:
    """Gives built layers the weights of `named`."""
    new = {id(layer): (title, layer) for title, layer in _titled(graph)}
    values: list[Any] = []
    for plain in graph.plain_layers():
        if entry := new.get(id(plain)):
            title, layer = entry
            kept = {
                n: arrays.get(f"{title}/{n}", w)
                for n, w in layer.weights_in_files().items()
            }
            every = layer.regained(kept)
            values += [every[n] for n in layer.by_name()]
    graph.set_weights(values)


def put(graph: Architecture, store: Store, skip: bool = False) -> list[str]:
    """Gives built layers the weights of a store: all, or none if one misfits.

    With `skip`, a layer that misfits stays as it is; returned are their names.
    """
    left: list[str] = []
    new: dict[int, list[Any]] = {}
    layers = [pair for pair in walk(graph) if not isinstance(pair[1], Architecture)]
    for path, layer in layers:
        every = layer.slot.params | layer.slot.state
        try:
            arrays = _fitting(layer, every, store, path)
        except Misfit:
            if not skip:
                raise
            left.append(str(layer.name))
        else:
            kept = {n: w for n, w in every.items() if n not in layer.unkept}
            every = layer.regained(kept | {n: np.asarray(a) for n, a in arrays.items()})
        order = layer.by_name() if layer.ready else ()
        new[id(layer)] = [np.asarray(every[n]) for n in order]
    if not skip:
        store.nothing_else()
    plain = [id(layer) for layer in graph.plain_layers()]  # operations among them
    graph.set_weights([array for layer in plain for array in new.get(layer, ())])
    for path, layer in layers:
        _restore_own(layer, store, path)
    return left


def _fitting(
    layer: Layer, named: dict[str, Array], store: Store, path: str
) -> dict[str, "Dataset"]:
    """The arrays of a layer in a store, if they have the shapes of its weights."""
    place, fitting = f"{store.where}, {where(layer)}", {}
    if isinstance(layer, Lookup):  # its numbers are settings
        store.seen |= {path, f"{path}/{INNER_LOOKUP}"}
        return {}
    own = dict(keepers(layer, path))
    store.seen |= own.keys()
    named = {name: w for name, w in named.items() if name not in layer.unkept}
    for at, names in groups(layer, named, path).items():
        if at in own:
            continue
        arrays = store.arrays(at)
        if len(arrays) != len(names):
            known = ", ".join(names) or "it has no weights"
            raise refusal(
                place,
                received=f"{len(arrays)} arrays at {at!r}",
                expected=f"{len(names)} ({known})",
                fix="the file is of another model, or was not built when it was saved",
                kind=Misfit,
            )
        for name, array in zip(names, arrays, strict=True):
            if tuple(array.shape) != tuple(named[name].shape):
                raise refusal(
                    place,
                    received=f"{name} of shape {tuple(array.shape)}",
                    expected=f"shape {tuple(named[name].shape)}",
                    fix="the file is of another model: make the one that was saved",
                    kind=Misfit,
                )
        fitting |= dict(zip(names, arrays, strict=True))
    return fitting


def keepers(layer: Layer, path: str) -> Iterator[tuple[str, Layer]]:
    """The layers whose classes write `save_own_variables`, with their groups."""
    if not isinstance(layer, Called):
        return
    if not layer.save_own_variables.__module__.startswith("onefit."):
        yield path, layer
    for name, inner in layer._inner():
        yield from keepers(inner, f"{path}/{name}")


def _restore_own(layer: Layer, store: Store, path: str) -> None:
    """Hands the arrays of their groups to the layers that have written them."""
    for at, keeper in keepers(layer, path):
        try:
            keeper.load_own_variables(store.all_arrays(at))
        except Exception as error:
            raise refusal(
                f"{store.where}, {where(keeper)}",
                received=f"arrays that its load_own_variables refuses ({error})",
                expected="those that its save_own_variables writes",
            ) from error


class _Budget:
    """How many numbers weights may have together: those in the file, or a limit."""

    def __init__(self, place: str, what: str, numbers: int, fix: str = "") -> None:
        self.place, self.what, self.fix = place, what, fix
        self.numbers, self.taken = numbers, 0

    def take(self, count: int) -> None:
        """Takes some; refused when they are many more than are left."""
        self.taken += count
        if self.taken > self.numbers + SMALL:
            raise refusal(
                self.place,
                received=f"{self.numbers:,} {self.what}",
                expected=f"{self.taken:,} or more",
                fix=self.fix
                or "the file is of another model: make the one that was saved",
            )


class _Empty(Initializer):
    """In place of an initializer: arrays of a shape without memory behind them."""

    budget: _Budget

    def draw(self, rng: Generator, shape: Shape) -> np.ndarray:
        del rng
        sizes = [int(size or 1) for size in shape]
        self.budget.take(math.prod(sizes))
        return np.broadcast_to(np.zeros((), config.floatx()), sizes)


def _shapes_only(layer: Layer, budget: _Budget) -> Layer:
    """The layer, and those inside it, with initializers that draw nothing.

    A layer of the caller's own may do more with what is drawn, and is left as it is.
    """
    if not type(layer).__module__.startswith("onefit."):
        return layer
    now = {field.alias: getattr(layer, field.name) for field in fields(layer)}
    empty = {name: _emptied(value, budget) for name, value in now.items()}
    changed = {name: v for name, v in empty.items() if v is not now[name]}
    outline = layer.replace(**changed) if changed else layer
    if layer.unkept:  # what no file bounds: the narrow matrices of lora
        object.__setattr__(outline, "_starts", (_Empty(budget), _Empty(budget)))
    return outline


def _emptied(value: object, budget: _Budget) -> object:
    if isinstance(value, Initializer):
        return _Empty(budget)
    if isinstance(value, Layer):
        return _shapes_only(value, budget)
    if isinstance(value, tuple) and any(isinstance(v, Layer) for v in value):
        return tuple(_emptied(v, budget) for v in value)
    return value
