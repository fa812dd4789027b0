"""Dataset: tf.data's words, elements by hand; what is a table, and what is not."""

import random
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import onefit
from onefit.data import AUTOTUNE, Dataset

RNG = np.random.default_rng(0)


def listed(data):
    """The elements as plain lists."""

    def plain(e):
        if isinstance(e, tuple):
            return tuple(map(plain, e))
        if isinstance(e, dict):
            return {k: plain(v) for k, v in e.items()}
        return np.asarray(e).tolist()

    return [plain(e) for e in data.as_numpy_iterator()]


def letters():
    for n in range(1, 4):
        yield np.arange(n), n


# name: (data set, elements, length)
ROWS = {
    "slices": (lambda: Dataset.from_tensor_slices([5, 6]), [5, 6], 2),
    "slices of a tuple": (
        lambda: Dataset.from_tensor_slices(([1, 2], ["a", "b"])),
        [(1, "a"), (2, "b")],
        2,
    ),
    "slices of a dict": (
        lambda: Dataset.from_tensor_slices({"a": [1, 2], "b": [3, 4]}),
        [{"a": 1, "b": 3}, {"a": 2, "b": 4}],
        2,
    ),
    "tensors": (lambda: Dataset.from_tensors([1, 2]), [[1, 2]], 1),
    "generator": (
        lambda: Dataset.from_generator(letters),
        [([0], 1), ([0, 1], 2), ([0, 1, 2], 3)],
        -2,
    ),
    "generator with args": (
        lambda: Dataset.from_generator(range, output_types="int32", args=(1, 3)),
        [1, 2],
        -2,
    ),
    "range": (lambda: Dataset.range(2, 9, 3), [2, 5, 8], 3),
    "zip": (
        lambda: Dataset.zip((Dataset.range(3), Dataset.range(5, 7))),
        [(0, 5), (1, 6)],
        2,
    ),
    "zip of one without an end": (
        lambda: Dataset.zip(Dataset.range(2), Dataset.range(1).repeat()),
        [(0, 0), (1, 0)],
        2,
    ),
    "take": (lambda: Dataset.range(5).take(2), [0, 1], 2),
    "take all": (lambda: Dataset.range(2).take(-1), [0, 1], 2),
    "take too many": (lambda: Dataset.range(2).take(7), [0, 1], 2),
    "skip": (lambda: Dataset.range(5).skip(3), [3, 4], 2),
    "skip all": (lambda: Dataset.range(5).skip(-1), [], 0),
    "shard": (lambda: Dataset.range(5).shard(2, 1), [1, 3], 2),
    "repeat": (lambda: Dataset.range(2).repeat(2), [0, 1, 0, 1], 4),
    "repeat of batches": (
        lambda: Dataset.range(3).batch(2).repeat(2),
        [[0, 1], [2], [0, 1], [2]],
        4,
    ),
    "batches over repeats": (
        lambda: Dataset.range(3).repeat(2).batch(2),
        [[0, 1], [2, 0], [1, 2]],
        3,
    ),
    "take of repeat": (lambda: Dataset.range(2).repeat().take(3), [0, 1, 0], 3),
    "concatenate": (
        lambda: Dataset.range(2).concatenate(Dataset.range(7, 9)),
        [0, 1, 7, 8],
        4,
    ),
    "map": (lambda: Dataset.range(3).map(lambda n: n * n), [0, 1, 4], 3),
    "map in Python": (
        lambda: Dataset.range(3).map(lambda n: int(n) + 1, num_parallel_calls=AUTOTUNE),
        [1, 2, 3],
        3,
    ),
    "map by threads": (
        lambda: Dataset.range(9).map(int, num_parallel_calls=3),
        list(range(9)),
        9,
    ),
    "map to a dict": (
        lambda: Dataset.range(2).map(lambda n: ({"a": n}, -n)),
        [({"a": 0}, 0), ({"a": 1}, -1)],
        2,
    ),
    "map of texts": (
        lambda: Dataset.from_tensor_slices(["a", "b"]).map(lambda s: s.upper()),
        ["A", "B"],
        2,
    ),
    "map of batches": (
        lambda: Dataset.range(3).batch(2).map(lambda b: b.sum()),
        [1, 2],
        2,
    ),
    "filter": (lambda: Dataset.range(6).filter(lambda n: n % 3 == 0), [0, 3], -2),
    "filter in Python": (
        lambda: Dataset.range(6).filter(lambda n: int(n) > 3),
        [4, 5],
        -2,
    ),
    "enumerate": (lambda: Dataset.range(5, 7).enumerate(start=2), [(2, 5), (3, 6)], 2),
    "flat_map": (
        lambda: Dataset.range(3).flat_map(lambda n: Dataset.range(int(n))),
        [0, 0, 1],
        -2,
    ),
    # Two take turns, two elements each; the third comes in where one has ended.
    "interleave": (
        lambda: Dataset.range(1, 4).interleave(
            lambda n: Dataset.from_tensors(n).repeat(3), cycle_length=2, block_length=2
        ),
        [1, 1, 2, 2, 1, 2, 3, 3, 3],
        -2,
    ),
    "batch": (lambda: Dataset.range(5).batch(2), [[0, 1], [2, 3], [4]], 3),
    "batch, the rest dropped": (
        lambda: Dataset.range(5).batch(2, drop_remainder=True),
        [[0, 1], [2, 3]],
        2,
    ),
    "batch of batches": (
        lambda: Dataset.range(4).batch(2).batch(2),
        [[[0, 1], [2, 3]]],
        1,
    ),
    "unbatch": (lambda: Dataset.range(3).batch(2).unbatch(), [0, 1, 2], -2),
    "rebatch": (lambda: Dataset.range(3).batch(2).rebatch(3), [[0, 1, 2]], -2),
    "padded_batch": (
        lambda: Dataset.from_generator(letters).padded_batch(2),
        [([[0, 0], [0, 1]], [1, 2]), ([[0, 1, 2]], [3])],
        -2,
    ),
    "padded_batch to a shape": (
        lambda: Dataset.from_generator(letters).padded_batch(
            3, padded_shapes=([4], []), padding_values=(-1, 0)
        ),
        [([[0, -1, -1, -1], [0, 1, -1, -1], [0, 1, 2, -1]], [1, 2, 3])],
        -2,
    ),
    "buckets": (
        lambda: Dataset.from_generator(letters).bucket_by_sequence_length(
            lambda x, n: n, [2], [1, 2]
        ),
        [([[0]], [1]), ([[0, 1, 0], [0, 1, 2]], [2, 3])],
        -2,
    ),
    "windows": (
        lambda: (
            Dataset.range(5)
            .window(3, shift=1, drop_remainder=True)
            .flat_map(lambda w: w.batch(3))
        ),
        [[0, 1, 2], [1, 2, 3], [2, 3, 4]],
        -2,
    ),
    "windows with gaps": (
        lambda: Dataset.range(7).window(2, 3, 2).flat_map(lambda w: w.batch(2)),
        [[0, 2], [3, 5], [6]],
        -2,
    ),
    "windows of a tuple": (
        lambda: (
            Dataset.from_tensor_slices(([1, 2], [3, 4]))
            .window(2)
            .flat_map(lambda a, b: Dataset.zip((a.batch(2), b.batch(2))))
        ),
        [([1, 2], [3, 4])],
        -2,
    ),
    "scan": (
        lambda: Dataset.range(4).scan(0, lambda s, n: (s + n, s + n)),
        [0, 1, 3, 6],
        4,
    ),
    "take_while": (lambda: Dataset.range(9).take_while(lambda n: n < 2), [0, 1], -2),
    "unique": (lambda: Dataset.from_tensor_slices([1, 2, 1]).unique(), [1, 2], -2),
    "cache": (lambda: Dataset.range(3).cache(), [0, 1, 2], 3),
    "prefetch": (lambda: Dataset.range(2).prefetch(AUTOTUNE), [0, 1], 2),
    "apply": (lambda: Dataset.range(2).apply(lambda d: d.skip(1)), [1], 1),
    "choose": (
        lambda: Dataset.choose_from_datasets(
            [Dataset.range(3), Dataset.range(5, 8)],
            Dataset.from_tensor_slices([0, 1, 1]),
        ),
        [0, 5, 6],
        -2,
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_elements(name):
    make, elements, length = ROWS[name]
    data = make()
    assert listed(data) == elements
    assert listed(data) == elements  # and again
    assert data.cardinality() == length
    if length >= 0:
        assert len(data) == length
    else:
        with pytest.raises(TypeError, match="len: received a data set of unknown"):
            len(data)


def test_a_shuffle_gives_each_element_once_and_another_order_each_time():
    data = Dataset.range(50).shuffle(50)
    first, second = listed(data), listed(data)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert listed(data.batch(20).take(1)) != listed(data.batch(20).take(1))


@pytest.mark.parametrize(
    "source", [Dataset.range(50), Dataset.from_generator(range, args=(50,))]
)
def test_a_shuffle_by_a_small_buffer_mixes_neighbours(source):
    # The first element is one of the first five, the next one of the first six, ...
    data = source.shuffle(5, seed=3)
    order = listed(data)
    assert sorted(order) == list(range(50))
    assert order != list(range(50))
    assert all(value <= place + 4 for place, value in enumerate(order))


def test_a_seed_names_the_orders():
    def orders(**more):
        data = Dataset.range(20).shuffle(20, seed=1, **more)
        return listed(data), listed(data)

    assert orders() == orders()
    assert orders()[0] != orders()[1]
    same = orders(reshuffle_each_iteration=False)
    assert same[0] == same[1]
    onefit.config.set_random_seed(4)
    one = listed(Dataset.range(20).shuffle(20))
    onefit.config.set_random_seed(4)
    assert listed(Dataset.range(20).shuffle(20)) == one


def test_batches_are_shuffled_whole():
    batches = listed(Dataset.range(6).batch(2).shuffle(3, seed=0))
    assert sorted(batches) == [[0, 1], [2, 3], [4, 5]]
    odd = listed(Dataset.range(5).batch(2).shuffle(3, seed=2))
    assert sorted(odd) == [[0, 1], [2, 3], [4]]


def test_samples_by_weight():
    data = Dataset.sample_from_datasets(
        [Dataset.range(5), Dataset.range(10, 15)], [1.0, 0.0], seed=1
    )
    assert listed(data) == [0, 1, 2, 3, 4]


def test_random_numbers_have_no_end_and_a_seed():
    data = Dataset.random(seed=3)
    assert data.cardinality() == -1
    assert listed(data.take(3)) == listed(Dataset.random(seed=3).take(3))


def test_a_cache_keeps_what_the_first_pass_made():
    calls = []
    data = Dataset.range(3).map(lambda n: calls.append(int(n)) or int(n)).cache()
    assert [listed(data), listed(data)] == [[0, 1, 2]] * 2
    assert calls == [0, 1, 2]


def test_a_generator_may_use_its_arrays_again():
    def rows():
        buffer = np.zeros(1)
        for n in range(3):
            buffer[:] = n
            yield buffer

    assert listed(Dataset.from_generator(rows).batch(3)) == [[[0], [1], [2]]]


def test_one_element():
    assert Dataset.range(1).get_single_element() == 0
    with pytest.raises(ValueError, match="several elements; expected exactly one"):
        Dataset.range(2).get_single_element()


def test_reduce():
    total, n = Dataset.range(4).reduce((0, 0), lambda s, x: (s[0] + x, s[1] + 1))
    assert (total, n) == (6, 4)


def test_specs():
    data = Dataset.from_tensor_slices((np.zeros((4, 2), "float32"), [1, 2, 3, 4]))
    x, y = data.batch(2).element_spec
    assert (x.shape, y.shape) == ((None, 2), (None,))
    assert (x.dtype, y.dtype) == (np.float32, np.int32)
    assert data.batch(2, drop_remainder=True).element_spec[0].shape == (2, 2)
    assert repr(data) == (
        "<Dataset element_spec=(TensorSpec(shape=(2,), dtype=float32), "
        "TensorSpec(shape=(), dtype=int32))>"
    )

    class Told:
        shape, dtype = (None,), "float32"

    told = Dataset.from_generator(
        lambda: iter([[1.0], [1.0, 2.0]]), output_signature=Told()
    )
    assert told.element_spec.shape == (None,)
    assert next(iter(told)).dtype == np.float32


def test_a_data_set_is_true_though_it_has_no_length():
    assert Dataset.range(1).repeat()


# What stays the same becomes arrays ---------------------------------------------------

TABLES = {
    "rows": lambda d: d,
    "shuffled": lambda d: d.shuffle(8),
    "batched": lambda d: d.shuffle(8).batch(3).prefetch(1).cache(),
    "mapped": lambda d: d.map(lambda n: n / 2).batch(2),
    "filtered": lambda d: d.filter(lambda n: n > 2).shuffle(3),
    "repeated": lambda d: d.repeat().batch(3),
    "sliced": lambda d: d.skip(1).take(4).shard(2, 0),
    "zipped": lambda d: Dataset.zip((d, d)).shuffle(3).batch(2),
    "joined": lambda d: d.concatenate(d).shuffle(9),
    "kept": lambda d: d.map(int).cache().batch(2),
    "numbered": lambda d: d.enumerate().batch(2),
}
STREAMS = {
    "untraced": lambda d: d.map(int),
    "of batches": lambda d: d.batch(2).map(lambda b: b - b.mean()),
    "uneven repeats": lambda d: d.batch(3).repeat(2),
    "padded": lambda d: d.padded_batch(2),
    "windows": lambda d: d.window(2).flat_map(lambda w: w.batch(2)),
    "filtered after a varying part": lambda d: (
        d.shuffle(8).take(4).filter(lambda n: n > 2)
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_what_is_a_table(name):
    data = TABLES[name](Dataset.range(8))
    table = data.table()
    assert table is not None
    if not table.endless:
        assert sorted(map(str, table.elements((0,)))) == sorted(
            map(str, data.elements((0,)))
        )


@pytest.mark.parametrize("name", STREAMS)
def test_what_is_none(name):
    assert STREAMS[name](Dataset.range(8)).table() is None


GENERATOR = np.random.default_rng(3)


class Noisy:
    def __init__(self):
        self.rng = random.Random(1)

    def add(self, n):
        return n + self.rng.random()


@pytest.mark.parametrize(
    "function",
    [
        lambda n: n + np.random.rand(),  # noqa: NPY002
        lambda n: n + random.random(),
        lambda n: n + GENERATOR.normal(),
        lambda n: n + onefit.config.new_seed() % 7,
        Noisy().add,
    ],
)
def test_a_function_that_draws_is_asked_anew_for_each_element(function):
    data = Dataset.range(4).map(function)
    assert data.table() is None
    offsets = np.array([float(v) for v in data]) - np.arange(4)
    assert len(np.unique(offsets.round(9))) > 1


def test_a_traced_function_is_exact_and_keeps_what_goes_through():
    x, y = RNG.normal(size=(70, 3)).astype("float32"), np.arange(70)
    data = Dataset.from_tensor_slices((x, y)).map(lambda a, b: (jnp.tanh(a), b))
    found = data.batch(70).get_single_element()
    np.testing.assert_allclose(found[0], np.tanh(x), rtol=1e-6)
    assert found[1].dtype == np.int64
    np.testing.assert_array_equal(data.table().rows.arrays[0], found[0])


def test_orders_are_the_same_however_they_are_cut():
    table = Dataset.range(7).shuffle(3, seed=1).repeat().batch(2).table()
    whole, one = np.empty((5, 4), int), np.empty((1, 4), int)
    table.orders(0, 0, whole)
    for epoch in range(5):
        table.orders(0, epoch, one)
        np.testing.assert_array_equal(one[0], whole[epoch])
    assert sorted(whole.ravel()[:7]) == list(range(7))


# Refusals -----------------------------------------------------------------------------

REFUSALS = {
    "rows of other lengths": (
        lambda: Dataset.from_tensor_slices(([1, 2], [1, 2, 3])),
        "from_tensor_slices: received arrays of 2 and 3 rows; expected equally many",
    ),
    "a number": (
        lambda: Dataset.from_tensor_slices(3),
        "received a single number; .*from_tensors",
    ),
    "a generator itself": (
        lambda: Dataset.from_generator(letters()),
        "received a generator; expected a function .*from_generator",
    ),
    "batch of 0": (
        lambda: Dataset.range(3).batch(0),
        "Dataset.batch: received batch_size=0; expected a whole number, 1 or more",
    ),
    "elements that do not fit together": (
        lambda: listed(Dataset.from_generator(letters).batch(2)),
        "batch: received elements of different shapes.*padded_batch",
    ),
    "padding that is too short": (
        lambda: listed(Dataset.from_generator(letters).padded_batch(3, ([2], []))),
        r"an element of shape \(3,\); expected no more than padded_shapes=\(2,\)",
    ),
    "flat_map without a data set": (
        lambda: listed(Dataset.range(2).flat_map(lambda n: n)),
        "flat_map: received a function that gives a .*; expected .* gives a Dataset",
    ),
    "another shape than was told": (
        lambda: listed(Dataset.from_generator(lambda: iter([[1, 2]]), "int32", (3,))),
        r"an array of shape \(2,\); expected shape \(3,\)",
    ),
    "a cache in a file": (
        lambda: Dataset.range(2).cache("there"),
        "cache: received filename='there'; expected no file",
    ),
    "len of what has no end": (
        lambda: len(Dataset.range(2).repeat()),
        "a data set without an end; .*take",
    ),
    "no file": (
        lambda: Dataset.list_files("nowhere/*.png"),
        "list_files: received 'nowhere/",
    ),
    "a shard that is none": (
        lambda: Dataset.range(2).shard(2, 2),
        "shard: received index=2; expected 0 to 1",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(name):
    make, words = REFUSALS[name]
    with pytest.raises((TypeError, ValueError), match=words):
        make()


def test_an_error_in_a_function_is_its_own():
    def half(n):
        raise KeyError("no such word")

    with pytest.raises(KeyError, match="no such word"):
        listed(Dataset.range(2).map(half))


def test_files_by_pattern(tmp_path):
    for name in "ba":
        (tmp_path / f"{name}.txt").write_text(name)
    data = Dataset.list_files(f"{tmp_path}/*.txt", shuffle=False)
    texts = listed(data.map(lambda path: Path(str(path)).read_text()))
    assert texts == ["a", "b"]
