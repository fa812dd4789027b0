"""Nests: the same results as Keras', errors in words."""

import collections
import inspect

import pytest

from onefit import tree

keras = pytest.importorskip("keras")

Point = collections.namedtuple("Point", "x y")
Ordered = collections.OrderedDict
NESTS = [
    1,
    None,
    "text",
    [],
    [1, [2, (3, None)]],
    {"b": 1, "a": [2, Point(3, 4)]},
    Ordered([("b", 1), ("a", (2,))]),
    collections.defaultdict(list, {"x": 1, "a": {}}),
    Point(1, [2]),
    collections.deque([1, 2]),
]
nests = pytest.mark.parametrize("nest", NESTS, ids=range(len(NESTS)))


def test_every_name_is_here():
    names = {n for n in dir(keras.tree) if n[0] != "_"}
    assert names == set(tree.__all__)
    for name in names - {"MAP_TO_NONE"}:
        ours, theirs = (
            list(inspect.signature(getattr(t, name)).parameters)
            for t in (tree, keras.tree)
        )
        assert ours == theirs


@nests
def test_results_are_those_of_keras(nest):
    assert tree.flatten(nest) == keras.tree.flatten(nest)
    assert tree.flatten_with_path(nest) == keras.tree.flatten_with_path(nest)
    assert tree.is_nested(nest) == keras.tree.is_nested(nest)
    assert tree.lists_to_tuples(nest) == keras.tree.lists_to_tuples(nest)
    leaves = list(range(len(tree.flatten(nest))))
    packed = tree.pack_sequence_as(nest, leaves)
    assert packed == keras.tree.pack_sequence_as(nest, leaves)
    assert type(packed) is type(nest) or not tree.is_nested(nest)
    assert tree.map_structure(str, nest) == keras.tree.map_structure(str, nest)
    for none_is_leaf in (True, False):
        ours, theirs = (
            t.map_structure(repr, nest, none_is_leaf=none_is_leaf)
            for t in (tree, keras.tree)
        )
        assert ours == theirs
    for top_down in (True, False):
        seen = [], []
        for t, list_ in zip((tree, keras.tree), seen, strict=True):
            t.traverse(list_.append, nest, top_down)
        assert seen[0] == seen[1]
    tree.assert_same_structure(nest, tree.map_structure(str, nest))


def test_parts_are_replaced_on_the_way():
    def found(v):
        if v == [2]:
            return "two"
        return tree.MAP_TO_NONE if v == 1 else None

    assert tree.traverse(found, [1, [2], (3,)]) == [None, "two", (3,)]
    assert tree.traverse(found, [1, [2]], top_down=False) == [None, "two"]


def test_shapes_are_leaves():
    shapes = {"a": (None, 2), "b": [(3,), ()]}
    ours, theirs = (
        t.map_shape_structure(lambda s: ("s", *s), shapes) for t in (tree, keras.tree)
    )
    assert ours == theirs


@pytest.mark.parametrize(
    ("a", "b"), [([1], [1, 2]), ([1], (1,)), ({"a": 1}, {"b": 1}), ([1], 1)]
)
def test_nests_that_differ(a, b):
    with pytest.raises(ValueError, match="expected a nest like"):
        tree.assert_same_structure(a, b)
    with pytest.raises(ValueError, match="expected a nest like"):
        tree.map_structure(lambda x, y: x, a, b)


def test_paths():
    tree.assert_same_paths([1, Point(1, 2)], (1, [2, 3]))
    with pytest.raises(ValueError, match=r"expected these as well: \(1,\)"):
        tree.assert_same_paths([1, 2], [1])


def test_what_is_no_function_or_nest():
    with pytest.raises(TypeError, match="received 3; expected a function"):
        tree.map_structure(3, [1])
    with pytest.raises(TypeError, match="received no nest"):
        tree.map_structure(str)
    with pytest.raises(ValueError, match="received 1 leaves; expected 2"):
        tree.pack_sequence_as([1, 2], [1])
    with pytest.raises(ValueError, match="map_structure_up_to"):
        tree.map_structure_up_to([1, 2], str, [1])
