"""Nests of lists, tuples and dicts, by the names of `keras.tree`.

All else is a leaf, None too. The values of a dict come in the order of its keys,
sorted; those of an OrderedDict in its own.
"""

import collections
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from onefit.errors import invalid, mistyped
from onefit.types import Function, Tree, is_shape

__all__ = [
    "MAP_TO_NONE",
    "assert_same_paths",
    "assert_same_structure",
    "flatten",
    "flatten_with_path",
    "is_nested",
    "lists_to_tuples",
    "map_shape_structure",
    "map_structure",
    "map_structure_up_to",
    "pack_sequence_as",
    "traverse",
]


class MAP_TO_NONE:
    """What a function gives to `traverse` for None in the place of a part."""


class _Parts(NamedTuple):
    """A nest one level deep: its keys, its values, and what arranges such again."""

    keys: list[Any]
    values: list[Any]
    arrange: Callable[[list[Any]], Any]


def _parts(nest: Tree) -> _Parts | None:
    """The parts of a nest; None of a leaf."""
    cls: Any = type(nest)
    if isinstance(nest, dict):
        ordered = isinstance(nest, collections.OrderedDict)
        keys = list(nest) if ordered else sorted(nest)

        def arrange(values: list[Any]) -> Tree:
            found = dict(zip(keys, values, strict=True))
            pairs = [(key, found[key]) for key in nest]
            if isinstance(nest, collections.defaultdict):
                return cls(nest.default_factory, pairs)
            return cls(pairs)

        return _Parts(keys, [nest[key] for key in keys], arrange)
    if not isinstance(nest, list | tuple | collections.deque):
        return None
    named = hasattr(nest, "_fields")
    return _Parts(
        list(range(len(nest))),
        list(nest),
        lambda values: cls(*values) if named else cls(values),
    )


def is_nested(structure: Tree) -> bool:
    """Whether this is a list, a tuple, a dict or a deque.

    >>> is_nested([]), is_nested("text")
    (True, False)
    """
    return _parts(structure) is not None


def flatten_with_path(structure: Tree) -> list[tuple[tuple[Any, ...], Any]]:
    """The leaves, each with the keys on the way to it.

    >>> flatten_with_path({"b": 1, "a": [2]})
    [(('a', 0), 2), (('b',), 1)]
    """
    parts = _parts(structure)
    if parts is None:
        return [((), structure)]
    return [
        ((key, *path), leaf)
        for key, value in zip(parts.keys, parts.values, strict=True)
        for path, leaf in flatten_with_path(value)
    ]


def flatten(structure: Tree) -> list[Any]:
    """The leaves in their order.

    >>> flatten({"b": 1, "a": [2, None]})
    [2, None, 1]
    """
    return [leaf for _, leaf in flatten_with_path(structure)]


def pack_sequence_as(structure: Tree, flat_sequence: Iterable[Any]) -> Tree:
    """The reverse of `flatten`: other leaves in the places of a nest's.

    Raises:
        TypeError: What is no sequence.
        ValueError: Another number of leaves.

    >>> pack_sequence_as({"b": 0, "a": [0]}, [1, 2])
    {'b': 2, 'a': [1]}
    """
    if not isinstance(flat_sequence, Iterable):
        raise mistyped("pack_sequence_as", repr(flat_sequence), "a list of leaves")
    leaves, count = list(flat_sequence), len(flatten(structure))
    if len(leaves) != count:
        raise invalid(
            "pack_sequence_as", f"{len(leaves)} leaves", f"{count}, as the nest has"
        )
    rest = iter(leaves)
    return _mapped(lambda _: next(rest), (structure,))


def _mapped(function: Function, nests: tuple[Any, ...]) -> Tree:
    """A function of the leaves of nests that are known to be alike."""
    parts = _parts(nests[0])
    if parts is None:
        return function(*nests)
    others = [_parts(nest) for nest in nests[1:]]
    rows = zip(parts.values, *(o.values for o in others if o), strict=True)
    return parts.arrange([_mapped(function, row) for row in rows])


def map_structure(func: Function, *structures: Any, none_is_leaf: bool = True) -> Tree:
    """A function of each leaf, or of the leaves in one place of several nests.

    Args:
        func: The function.
        *structures: The nests, all alike.
        none_is_leaf: Whether the function is called for None; else None stays.

    Raises:
        TypeError: What is no function, or no nest.
        ValueError: Nests that differ.

    >>> map_structure(lambda a, b: a + b, [1, (2,)], [10, (20,)])
    [11, (22,)]
    """
    _called_on("map_structure", func, structures)
    for other in structures[1:]:
        assert_same_structure(structures[0], other)

    def each(*leaves: Any) -> Tree:
        if not none_is_leaf and all(leaf is None for leaf in leaves):
            return None
        return func(*leaves)

    return _mapped(each, structures)


def _called_on(where: str, func: Any, structures: tuple[Any, ...]) -> None:
    if not callable(func):
        raise mistyped(where, repr(func), "a function")
    if not structures:
        raise mistyped(where, "no nest", "one or more")


def map_structure_up_to(
    shallow_structure: Tree, func: Function, *structures: Any
) -> Tree:
    """As `map_structure`, of what stands in the places of a nest's leaves.

    >>> map_structure_up_to([0, 0], len, [[1, 2], [3]])
    [2, 1]
    """
    _called_on("map_structure_up_to", func, structures)

    def each(shallow: Tree, nests: tuple[Any, ...]) -> Tree:
        parts = _parts(shallow)
        if parts is None:
            return func(*nests)
        inside = [_parts(nest) for nest in nests]
        for nest, found in zip(nests, inside, strict=True):
            same = found is not None and found.keys == parts.keys
            if not same or not _same_kind(shallow, nest):
                raise _unlike("map_structure_up_to", shallow, nest)
        rows = zip(*(found.values for found in inside if found), strict=True)
        pairs = zip(parts.values, rows, strict=True)
        return parts.arrange([each(value, row) for value, row in pairs])

    return each(shallow_structure, structures)


def map_shape_structure(func: Function, structure: Tree) -> Tree:
    """A function of each shape: a tuple of whole numbers and None.

    >>> map_shape_structure(len, {"a": (None, 2), "b": [(3,)]})
    {'a': 2, 'b': [1]}
    """
    if not callable(func):
        raise mistyped("map_shape_structure", repr(func), "a function")
    parts = _parts(structure)
    if parts is None or is_shape(structure):
        return func(structure)
    return parts.arrange([map_shape_structure(func, v) for v in parts.values])


def lists_to_tuples(structure: Tree) -> Tree:
    """The nest with tuples in place of lists.

    >>> lists_to_tuples([1, {"a": [2]}])
    (1, {'a': (2,)})
    """
    parts = _parts(structure)
    if parts is None:
        return structure
    inside = parts.arrange([lists_to_tuples(v) for v in parts.values])
    return tuple(inside) if type(inside) is list else inside


def _same_kind(a: Tree, b: Tree) -> bool:
    """Whether two nests are of one kind: all dicts are, no two others."""
    return type(a) is type(b) or (isinstance(a, dict) and isinstance(b, dict))


def _unlike(where: str, a: Tree, b: Tree) -> ValueError:
    return invalid(where, f"{b!r}", f"a nest like {a!r}")


def assert_same_structure(a: Tree, b: Tree, check_types: bool | None = None) -> None:
    """Refuses two nests that differ in anything but their leaves.

    Args:
        a, b: The nests.
        check_types: Counts for nothing, as in Keras: types are always compared.

    Raises:
        ValueError: Nests that differ.

    >>> assert_same_structure([1, {"a": 2}], [3, {"a": 4}])
    """
    del check_types
    one, other = _parts(a), _parts(b)
    if (one is None) is not (other is None):
        raise _unlike("assert_same_structure", a, b)
    if one is None or other is None:
        return
    if not _same_kind(a, b) or sorted(map(str, one.keys)) != sorted(
        map(str, other.keys)
    ):
        raise _unlike("assert_same_structure", a, b)
    values = dict(zip(other.keys, other.values, strict=True))
    for key, value in zip(one.keys, one.values, strict=True):
        assert_same_structure(value, values[key])


def assert_same_paths(a: Tree, b: Tree) -> None:
    """Refuses two nests whose leaves are in other places; lists are as tuples.

    Raises:
        ValueError: Nests that differ.

    >>> assert_same_paths([1, 2], (3, 4))
    """
    paths = [{path for path, _ in flatten_with_path(nest)} for nest in (a, b)]
    if paths[0] != paths[1]:
        lost, more = (
            ", ".join(map(str, sorted(one - other, key=str))) or "none"
            for one, other in (paths, paths[::-1])
        )
        raise invalid(
            "assert_same_paths", f"other leaves: {more}", f"these as well: {lost}"
        )


def traverse(func: Function, structure: Tree, top_down: bool = True) -> Tree:
    """A function of each part of a nest, the nest itself among them.

    Where it gives None, the part stays; else what it gives stands there.

    Args:
        func: The function; `MAP_TO_NONE` from it stands for None.
        structure: The nest.
        top_down: Whether a nest comes before its parts. What the function gives for
            it is then not looked into.

    >>> traverse(lambda v: -v if isinstance(v, int) else None, [1, ("a", 2)])
    [-1, ('a', -2)]
    """
    if not callable(func):
        raise mistyped("traverse", repr(func), "a function")

    def given(value: Tree) -> Tree:
        to_none = value is MAP_TO_NONE or isinstance(value, MAP_TO_NONE)
        return None if to_none else value

    def inside(nest: Tree) -> Tree:
        parts = _parts(nest)
        if parts is None:
            return nest
        return parts.arrange([traverse(func, v, top_down) for v in parts.values])

    if top_down:
        found = func(structure)
        return inside(structure) if found is None else given(found)
    nest = inside(structure)
    found = func(nest)
    return nest if found is None else given(found)
