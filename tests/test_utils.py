"""The array helpers: by hand, against Keras, and what they refuse."""

import jax
import numpy as np
import pytest

import onefit
from onefit import config, utils
from onefit.utils import (
    normalize,
    pad_sequences,
    set_random_seed,
    split_dataset,
    to_categorical,
)


@pytest.fixture(scope="module")
def keras():
    import keras

    return keras.utils


# to_categorical -----------------------------------------------------------------------


def test_to_categorical_by_hand():
    expected = [[1, 0, 0], [0, 0, 1]]
    np.testing.assert_array_equal(to_categorical([0, 2]), expected)
    assert to_categorical([0, 2]).dtype == np.float32
    # Inverse: the place of the one is the class.
    labels = np.array([3, 0, 1, 3])
    np.testing.assert_array_equal(to_categorical(labels, 5).argmax(-1), labels)


@pytest.mark.parametrize(
    ("x", "num_classes"),
    [
        ([1, 0, 3], None),
        ([1, 0, 3], 6),
        ([[1], [2]], None),
        ([[1, 2, 0], [0, 0, 1]], 3),
        (np.array([2.0, 0.0]), 3),
        (2, 4),
        ([], 3),
        ([True, False], None),
    ],
)
def test_to_categorical_as_in_keras(keras, x, num_classes):
    ours = to_categorical(x, num_classes)
    np.testing.assert_array_equal(ours, keras.to_categorical(x, num_classes))


def test_to_categorical_follows_the_float_type():
    config.set_floatx("float64")
    try:
        assert to_categorical([0]).dtype == np.float64
    finally:
        config.set_floatx("float32")


@pytest.mark.parametrize(
    ("x", "num_classes", "error", "text"),
    [
        (
            [-1, 0],
            None,
            ValueError,
            "received the class -1; expected classes from 0 to 0",
        ),
        (
            [0, 3],
            3,
            ValueError,
            "received the class 3; expected classes from 0 to 2. Num",
        ),
        ([0.5, 1], None, TypeError, "received 0.5; expected whole numbers. Number the"),
        (["cat"], None, TypeError, "received 'cat'; expected whole numbers"),
        ([np.nan], None, TypeError, "received nan; expected whole numbers"),
        ([np.inf], None, TypeError, "received inf; expected whole numbers"),
        ([], None, ValueError, "received no labels and no num_classes"),
    ],
)
def test_to_categorical_refuses(x, num_classes, error, text):
    with pytest.raises(error, match=text):
        to_categorical(x, num_classes)


# normalize ----------------------------------------------------------------------------


def test_normalize_by_hand():
    np.testing.assert_allclose(normalize([[3, 4], [0, 0]]), [[0.6, 0.8], [0, 0]])
    np.testing.assert_allclose(normalize([[1, -3]], order=1), [[0.25, -0.75]])
    np.testing.assert_allclose(normalize([2.0, -4.0], order=np.inf), [0.5, -1])
    # Along the columns (Keras divides along the rows here).
    np.testing.assert_allclose(normalize([[3.0], [4.0]], axis=0), [[0.6], [0.8]])


@pytest.mark.parametrize(("axis", "order"), [(-1, 2), (1, 1), (2, np.inf), (-2, 3)])
def test_normalize_as_in_keras(keras, axis, order):
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    x[0, 0] = 0
    ours, theirs = normalize(x, axis, order), keras.normalize(x, axis, order)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    # The scale of a vector is what is taken away.
    np.testing.assert_allclose(normalize(7 * x, axis, order), ours, rtol=1e-12)


def test_normalize_keeps_the_type():
    for dtype in ("float16", "float32", "float64"):
        assert normalize(np.ones((2, 2), dtype)).dtype == dtype
    assert normalize(np.ones((2, 2), int)).dtype == np.float32


# pad_sequences ------------------------------------------------------------------------


SEQUENCES = [[1], [2, 3], [], [4, 5, 6]]


def test_pad_sequences_by_hand():
    expected = [[0, 0, 1], [0, 2, 3], [0, 0, 0], [4, 5, 6]]
    np.testing.assert_array_equal(pad_sequences(SEQUENCES), expected)
    assert pad_sequences(SEQUENCES).dtype == np.int32


@pytest.mark.parametrize("padding", ["pre", "post"])
@pytest.mark.parametrize("truncating", ["pre", "post"])
@pytest.mark.parametrize("maxlen", [None, 1, 2, 5])
def test_pad_sequences_as_in_keras(keras, maxlen, padding, truncating):
    options = {"maxlen": maxlen, "padding": padding, "truncating": truncating}
    for sequences, more in [
        (SEQUENCES, {"value": 9}),
        ([np.ones((2, 3)), np.zeros((4, 3))], {"dtype": "float32", "value": 0.5}),
        ([["a"], ["b", "c"]], {"dtype": object, "value": "-"}),
    ]:
        ours = pad_sequences(sequences, **options, **more)
        theirs = keras.pad_sequences(sequences, **options, **more)
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


def test_pad_sequences_at_the_edges():
    # Keras fails or keeps everything here.
    assert pad_sequences([]).shape == (0, 0)
    assert pad_sequences([[1, 2], [3]], maxlen=0).shape == (2, 0)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (([[1]], None, "int32", "left"), ValueError, "Unknown padding.*'left'"),
        (([[1]], None, "int32", "pre", "pos"), ValueError, "truncating.*mean 'post'"),
        (([1, 2],), TypeError, r"received 1 as sequence 0; .* Write \[1\] for"),
        (([[0.5]],), ValueError, "received 0.5 for the type int32; expected whole"),
        (
            ([[[1]], [2]],),
            ValueError,
            r"steps of shape \(\) in sequence 1; expected \(1,",
        ),
        (([[1]], None, "int32", "pre", "pre", "x"), TypeError, "value='x' for numbers"),
    ],
)
def test_pad_sequences_refuses(arguments, error, text):
    with pytest.raises(error, match=text):
        pad_sequences(*arguments)


# split_dataset ------------------------------------------------------------------------


def test_split_dataset_by_hand():
    left, right = split_dataset(np.arange(10), left_size=0.7)
    np.testing.assert_array_equal(left, np.arange(7))
    np.testing.assert_array_equal(right, [7, 8, 9])


@pytest.mark.parametrize(
    ("sizes", "counts"),
    [
        ((0.8, None), (8, 2)),
        ((None, 0.3), (7, 3)),
        ((3, None), (3, 7)),
        ((None, 4), (6, 4)),
        ((2, 3), (2, 3)),
        ((0.5, 0.2), (5, 2)),
        ((0.5, 3), (5, 3)),
        ((np.int64(3), np.float32(0.5)), (3, 5)),
    ],
)
def test_split_sizes(sizes, counts):
    left, right = split_dataset(np.arange(10), *sizes)
    assert (len(left), len(right)) == counts


def test_shares_that_make_one_take_every_row():
    # Rounded one by one, 0.5 and 0.5 of 5 rows are 2 and 2, 0.3 and 0.7 are 2 and 4.
    for share in (0.5, 0.3, 0.1, 0.7):
        left, right = split_dataset(np.arange(15), share, 1 - share)
        np.testing.assert_array_equal(np.concatenate([left, right]), np.arange(15))


def test_split_keeps_the_arrangement():
    x, y = np.arange(8).reshape(4, 2), np.arange(4)
    for dataset in ((x, y), [x, y]):
        left, right = split_dataset(dataset, 0.5)
        assert type(left) is type(right) is type(dataset)
        np.testing.assert_array_equal(right[0], x[2:])
        np.testing.assert_array_equal(right[1], y[2:])
    left, right = split_dataset({"x": x, "y": y}, 1)
    np.testing.assert_array_equal(left["y"], [0])
    assert list(right) == ["x", "y"]
    left, right = split_dataset([[1, 2], [3, 4], [5, 6]], 1)  # rows, not arrays
    np.testing.assert_array_equal(right, [[3, 4], [5, 6]])
    (left, _), _ = split_dataset(([1, 2], [3, 4]), 0.5)  # arrays
    np.testing.assert_array_equal(left, [1])


def test_shuffled_rows_stay_together_and_repeat():
    x = np.arange(20)
    left, right = split_dataset((x, -x), 0.5, shuffle=True, seed=3)
    np.testing.assert_array_equal(left[0], -left[1])
    np.testing.assert_array_equal(np.sort(np.concatenate([left[0], right[0]])), x)
    assert list(left[0]) != list(range(10))
    again, _ = split_dataset((x, -x), 0.5, shuffle=True, seed=3)
    np.testing.assert_array_equal(left[0], again[0])
    other, _ = split_dataset((x, -x), 0.5, shuffle=True, seed=4)
    assert list(other[0]) != list(left[0])


def datasets_of(x, y):
    import torch

    class Rows(torch.utils.data.Dataset):
        def __len__(self):
            return len(x)

        def __getitem__(self, i):
            return torch.as_tensor(x[i]), torch.as_tensor(y[i])

    yield onefit.data.Dataset.from_tensor_slices((x, y))
    yield Rows()
    yield zip(x, y, strict=True)


def test_datasets_are_split_into_datasets():
    x, y = np.arange(20.0, dtype="f4").reshape(10, 2), np.arange(10)
    for data in datasets_of(x, y):
        left, right = split_dataset(data, left_size=0.7)
        assert (len(left), len(right)) == (7, 3)
        got = [row for part in (left, right) for row in part.as_numpy_iterator()]
        np.testing.assert_array_equal([a for a, _ in got], x)
        np.testing.assert_array_equal([b for _, b in got], y)
    data = onefit.data.Dataset.from_tensor_slices((x, y))
    left, right = split_dataset(data, right_size=4, shuffle=True, seed=1)
    rows = [*left.as_numpy_iterator(), *right.as_numpy_iterator()]
    assert [int(b) for _, b in rows] != list(y)
    assert all(b * 2 == a[0] for a, b in rows)
    assert sorted(int(b) for _, b in rows) == list(y)
    (nested,), _ = (list(part) for part in split_dataset(data.map(named), 1))
    assert list(nested) == ["a", "b"]
    with pytest.raises(ValueError, match="a dataset without elements"):
        split_dataset(data.take(0), 0.5)


def named(a, b):
    return {"a": a, "b": b}


def test_split_agrees_with_scikit_learn():
    from sklearn.model_selection import train_test_split

    x = np.arange(11)
    for count in range(1, 11):
        left, right = split_dataset(x, right_size=count)
        theirs = train_test_split(x, test_size=count, shuffle=False)
        np.testing.assert_array_equal(left, theirs[0])
        np.testing.assert_array_equal(right, theirs[1])


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (
            (range(4),),
            ValueError,
            "received neither left_size nor right_size; .* Write",
        ),
        ((range(4), 4), ValueError, "received left_size=4 of 4 rows; expected a share"),
        ((range(4), 1.0), ValueError, "left_size=1.0 of 4 rows"),
        ((range(4), 0.1), ValueError, "left_size=0.1 of 4 rows"),
        ((range(4), -1), ValueError, "left_size=-1 of 4 rows"),
        ((range(4), 3, 2), ValueError, "left_size=3 and right_size=2 of 4 rows"),
        (
            (range(4), "half"),
            TypeError,
            "left_size='half'; expected a count of rows or",
        ),
        ((range(4), True), TypeError, "left_size=True"),
        (
            ((np.ones(3), np.ones(4)), 2),
            ValueError,
            "arrays of 3 and 4 rows; expected as",
        ),
        (((), 2), ValueError, "arrays of no rows"),
        ((np.ones(()), 2), ValueError, "left_size=2 of 0 rows"),
    ],
)
def test_split_refuses(arguments, error, text):
    with pytest.raises(error, match=text):
        split_dataset(*arguments)


# set_random_seed ----------------------------------------------------------------------


def test_a_seed_repeats_everything_after_it():
    def run():
        set_random_seed(7)
        layer = onefit.layers.Dense(3).build((None, 2))
        left, _ = split_dataset(np.arange(20), 0.5, shuffle=True)
        return np.concatenate([layer.get_weights()[0].ravel(), left])

    first = run()
    np.testing.assert_array_equal(first, run())
    set_random_seed(8)
    other = onefit.layers.Dense(3).build((None, 2)).get_weights()[0]
    assert not np.array_equal(other.ravel(), first[:6])


# Models, names, bars ------------------------------------------------------------------


def test_names_that_are_shared_are_one_thing():
    from onefit import backend, custom, saving

    assert utils.get_custom_objects is custom.get_custom_objects
    assert utils.custom_object_scope is saving.custom_object_scope
    assert utils.clear_session is backend.clear_session
    for name in utils.__all__:
        assert getattr(utils, name).__doc__, name


def test_a_bar_for_loops_of_ones_own(capsys):
    bar = utils.Progbar(4, width=4, interval=0, stateful_metrics=["accuracy"])
    for i in range(4):
        bar.add(1, [("loss", i), ("accuracy", i / 4)])
    out = capsys.readouterr().out
    last = out.split("\r")[-1]
    assert last == "4/4 ━━━━ loss: 1.5000 - accuracy: 0.7500\n"
    assert "2/4 ━━── loss: 0.5000 - accuracy: 0.2500" in out
    bar = utils.Progbar(2, verbose=2)
    bar.update(1, [("loss", 1.0)])
    assert capsys.readouterr().out == ""
    bar.update(2, [("loss", 3.0)])
    assert capsys.readouterr().out == "2/2 loss: 2.0000\n"
    utils.Progbar(None, verbose=0).update(3)
    assert capsys.readouterr().out == ""
    with pytest.raises(ValueError, match="received verbose=3"):
        utils.Progbar(1, verbose=3)


def test_a_model_in_the_dot_language(tmp_path):
    x = onefit.Input((3,))
    inner = onefit.Sequential([onefit.Input((3,)), onefit.layers.Dense(4)], name="in")
    y = onefit.layers.add([inner(x), onefit.layers.Dense(4, name="side")(x)])
    model = onefit.Model(x, y)
    dot = utils.model_to_dot(model, show_shapes=True, show_layer_activations=True)
    text = dot.to_string()
    assert text.startswith('digraph "functional" {')
    assert 'label="side\\nDense\\nactivation: linear\\nshape: (None, 4)"' in text
    assert text.count("->") == 4
    nested = str(utils.model_to_dot(model, expand_nested=True))
    assert 'subgraph "cluster_' in nested
    assert nested.count("Dense") == 2
    dot.write(tmp_path / "model.dot")
    assert (tmp_path / "model.dot").read_text() == text


def test_parts_of_a_step():
    x, y, w = np.ones(2), np.zeros(2), np.ones(2)
    for parts in [(x,), (x, y), (x, y, w)]:
        packed = utils.pack_x_y_sample_weight(*parts)
        found = utils.unpack_x_y_sample_weight(packed)
        assert found == (*parts, *[None] * (3 - len(parts)))


def test_where_a_value_of_a_graph_comes_from():
    a, b = onefit.Input((2,)), onefit.Input((2,))
    y = onefit.layers.add([onefit.layers.Dense(2)(a), b])
    assert {id(t) for t in utils.get_source_inputs(y)} == {id(a), id(b)}


# Batches by number --------------------------------------------------------------------


def test_a_pydataset_without_a_length_has_no_end():
    class Endless(onefit.utils.PyDataset):
        def __getitem__(self, index):
            return np.ones((2, 1))

    assert Endless().num_batches is None
    assert onefit.utils.Sequence is onefit.utils.PyDataset


def test_workers_of_a_pydataset_are_counted():
    with pytest.raises(ValueError, match=r"PyDataset: received workers=1.5; expected"):
        onefit.utils.PyDataset(workers=1.5)


def test_arrays_of_jax_stay_arrays_of_jax():
    labels = jax.numpy.array([0, 2, 1])
    for given in (labels, np.asarray(labels)):
        for made in (to_categorical(given), normalize(given)):
            assert isinstance(made, jax.Array) == isinstance(given, jax.Array)
    np.testing.assert_array_equal(
        to_categorical(labels), to_categorical(np.asarray(labels))
    )
