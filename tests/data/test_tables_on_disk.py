"""Tables on disk: the numbers of arrays, whatever the rows come from, however many."""

import dataclasses
import errno
import gzip
import json
import sqlite3

import numpy as np
import pandas as pd
import pytest

import onefit
from onefit import Input, Model, Sequential, layers
from onefit.data import Table, shards, store
from onefit.errors import OnefitWarning

N, WIDTH = 3001, 4
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, WIDTH)).astype("float32")
Y = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype("int32")
FRAME = pd.DataFrame(X, columns=list("abcd")).assign(y=Y)
LITTLE = "40 kB"  # of 60 kB of rows: six blocks
PIECES = [slice(0, 1000), slice(1000, 1700), slice(1700, N)]


def network(seed=1, width=WIDTH):
    onefit.config.set_random_seed(seed)
    model = Sequential([Input((width,)), layers.Dense(3, "tanh"), layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"], check=False)
    return model


def fitted(model, *rows, **options):
    """The history of a fit, from one seed."""
    onefit.config.set_random_seed(2)
    return model.fit(*rows, verbose=0, **options).history


def same(one, other):
    return all(
        np.array_equal(a, b)
        for a, b in zip(one.get_weights(), other.get_weights(), strict=True)
    )


def written(folder, kind):
    """The rows in files of a kind, and what Table takes for them."""
    if kind == "sql":
        connection = sqlite3.connect(folder / "rows.sqlite")
        FRAME.to_sql("rows", connection, index=False)
        return "SELECT * FROM rows", {"connection": connection}
    if kind == "mapped":
        np.save(folder / "rows.npy", FRAME.to_numpy("float32"))
        return np.load(folder / "rows.npy", mmap_mode="r"), {"target": -1}
    for number, piece in enumerate(PIECES):
        some, path = FRAME[piece], folder / f"rows-{number}.{kind}"
        if kind == "parquet":
            some.to_parquet(path, row_group_size=256)
        elif kind == "npy":
            np.save(path, some.to_numpy("float32"))
        else:
            some.to_csv(path, index=False)
    return str(folder / f"rows-*.{kind}"), {"target": 4} if kind == "npy" else {}


def table(folder, kind="parquet", **options):
    source, more = written(folder, kind)
    settings = {"target": "y", "folder": folder / "kept", "verbose": 0}
    return Table(source, **settings | more | options)


@pytest.mark.parametrize("kind", ["parquet", "csv", "csv.gz", "npy", "mapped", "sql"])
def test_what_fits_is_trained_as_arrays_to_the_bit(tmp_path, kind):
    rows = table(tmp_path, kind)
    assert rows.rows == N
    x, y = rows.read(0, N)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, Y)
    one, other = network(), network()
    a = fitted(one, X, Y, epochs=2, validation_split=0.2)
    b = fitted(other, rows, epochs=2, validation_split=0.2)
    assert same(one, other)
    assert a == b


@pytest.mark.parametrize("size", [32, 50])
@pytest.mark.parametrize("shuffle", [False, True])
def test_blocks_give_the_numbers_of_arrays_in_their_order(tmp_path, shuffle, size):
    rows = table(tmp_path, memory=LITTLE)
    blocks = rows.plan(size)
    assert not rows.fits
    assert blocks.count > 3
    one, other = network(), network()
    history = fitted(one, rows, epochs=3, batch_size=size, shuffle=shuffle)
    onefit.config.set_random_seed(2)
    seed = onefit.config.new_seed() if shuffle else None  # that of the fit
    orders = [blocks.order(seed, epoch) for epoch in range(3)]
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), np.arange(N))
    assert shuffle == (not np.array_equal(orders[0], orders[1]))

    def batches():
        for order in orders:
            for at in range(0, N, size):
                yield X[order[at : at + size]], Y[order[at : at + size]]

    twin = fitted(other, batches(), epochs=3, steps_per_epoch=-(-N // size))
    assert same(one, other)
    assert history == twin


def test_a_block_has_rows_from_all_over(tmp_path):
    rows = table(tmp_path, memory=LITTLE)
    blocks = rows.plan(16)
    first = blocks.order(7, 0)[: blocks.run * blocks.runs]
    assert np.ptp(first) > N / 2


def test_evaluate_and_predict_are_those_of_arrays(tmp_path):
    rows, model = table(tmp_path, memory=LITTLE), network()
    np.testing.assert_allclose(
        model.evaluate(rows, verbose=0), model.evaluate(X, Y, verbose=0), rtol=1e-5
    )
    expected = model.predict(X)
    np.testing.assert_allclose(model.predict(rows), expected, atol=1e-6)
    mapped = model.predict(rows, output=tmp_path / "out.npy")
    assert isinstance(mapped, np.memmap)
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), expected, atol=1e-6)
    of_arrays = model.predict(X, output=tmp_path / "arrays.npy")
    np.testing.assert_array_equal(of_arrays, expected)


def test_a_prediction_that_fails_leaves_the_file_before(tmp_path):
    (tmp_path / "out.npy").write_bytes(b"before")
    model = network(width=3)
    with pytest.raises(ValueError, match="input"):
        model.predict(table(tmp_path, memory=LITTLE), output=tmp_path / "out.npy")
    assert (tmp_path / "out.npy").read_bytes() == b"before"


def test_validation_and_steps_of_a_table(tmp_path):
    train, held = table(tmp_path, memory=LITTLE).split(0.3)
    assert (train.rows, held.rows) == (2100, 901)
    model = network()
    history = model.fit(train, epochs=2, validation_data=held, verbose=0)
    x, y = X[2100:], Y[2100:]
    last = [history.history[n][-1] for n in ("val_loss", "val_mae")]
    np.testing.assert_allclose(last, model.evaluate(x, y, verbose=0), rtol=1e-5)
    whole, parts = network(), network()
    fitted(whole, train, epochs=2, batch_size=30)  # 70 batches in a pass
    fitted(parts, train, epochs=4, batch_size=30, steps_per_epoch=35)
    assert same(whole, parts)


def test_layers_adapt_to_a_table(tmp_path):
    rows = table(tmp_path, memory=LITTLE)
    one, other = layers.Normalization(), layers.Normalization()
    one.adapt(X)
    other.adapt(rows)
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    found = rows.statistics["b"]
    assert (found.count, found.missing) == (N, 0)
    assert (found.min, found.max) == (X[:, 1].min(), X[:, 1].max())
    np.testing.assert_allclose(
        (found.mean, found.std), (X[:, 1].mean(), X[:, 1].std()), atol=1e-6
    )
    shares = np.quantile(X[:, 1], (0.05, 0.25, 0.5, 0.75, 0.95))
    np.testing.assert_allclose(found.quantiles, shares, atol=1e-6)  # all rows: 3,001


def test_inputs_targets_weights_and_texts_by_name(tmp_path):
    towns = np.array(["Rome", "Oslo", "Lima"])[RNG.integers(3, size=N)]
    frame = FRAME.assign(town=towns, grade=np.where(Y, "good", "bad"), w=1.5)
    frame.to_parquet(tmp_path / "rows.parquet")
    rows = Table(
        tmp_path / "rows.parquet",
        {"grade": "grade", "number": "d"},
        inputs={"numbers": ["a", "b", "c"], "town": "town"},
        folder=tmp_path / "kept",
        memory=LITTLE,
        verbose=0,
    )
    known = rows.categories["town"]
    assert known == list(dict.fromkeys(towns))
    x, y = rows.read(0, N)
    np.testing.assert_array_equal(np.array(known)[x["town"]], towns)
    numbers, town = Input((3,), name="numbers"), Input((1,), name="town", dtype="int32")
    spread = layers.Flatten()(layers.Embedding(3, 2)(town))
    joined = layers.Concatenate()([numbers, spread])
    heads = [layers.Dense(2, name="grade"), layers.Dense(1, name="number")]
    model = Model([numbers, town], [head(joined) for head in heads])
    loss = onefit.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", {"grade": loss, "number": "mse"}, check=False)
    streamed = model.evaluate(rows, verbose=0)
    in_memory = model.evaluate(x, y, verbose=0)
    np.testing.assert_allclose(streamed, in_memory, rtol=1e-5)
    assert np.isfinite(model.fit(rows, epochs=2, verbose=0).history["loss"]).all()
    weighed = Table(
        tmp_path / "rows.parquet",
        "y",
        weight="w",
        drop=["town", "grade"],
        folder=tmp_path / "weighed",
        verbose=0,
    )
    assert [len(part) for part in weighed.read(0, 5)] == [5, 5, 5]


def test_whole_numbers_that_end_further_on_become_numbers(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(shards, "FIRST", 4096)
    frame = pd.DataFrame({"a": np.arange(5000), "y": np.arange(5000.0)})
    frame.to_csv(tmp_path / "rows.csv", index=False)
    with open(tmp_path / "rows.csv", "a") as file:
        file.write("7,0.5\n")
    text = (tmp_path / "rows.csv").read_text().replace(".0\n", "\n")
    (tmp_path / "rows.csv").write_text(text)
    for _ in range(2):  # converted, then found
        rows = Table(tmp_path / "rows.csv", "y", folder=tmp_path / "kept")
        x, y = rows.read(4999, 5001)
        assert (x.dtype, y.dtype, y.tolist()) == ("int32", "float32", [4999, 0.5])
    assert capsys.readouterr().out.count("not whole") == 1


# Conversions that stop, and sources that change ---------------------------------------


def bytes_in(folder):
    files = [*folder.glob("*.float32"), *folder.glob("*.int32")]
    return {f.name: f.read_bytes() for f in files}


@pytest.fixture
def small_parts(monkeypatch):
    """Parts of few rows, and a note of each."""
    monkeypatch.setattr(shards, "PART", 8 * 5 * 97)
    monkeypatch.setattr(store, "SECONDS", -1)
    monkeypatch.setattr(store.os, "fsync", lambda file: None)  # no power fails here


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("kind", ["parquet", "csv", "npy", "sql"])
@pytest.mark.parametrize("shuffle", [False, True])
def test_a_conversion_goes_on_where_it_stopped(tmp_path, monkeypatch, kind, shuffle):
    source, more = written(tmp_path, kind)
    settings = {
        "target": "y",
        "verbose": 0,
        "shuffle": shuffle,
        "memory": LITTLE,
    } | more
    expected = Table(source, **settings, folder=tmp_path / "whole")
    note, notes = store.Store.note, []

    def stops(self):
        notes.append(note(self))
        if len(notes) in (3, 4, 17):
            raise KeyboardInterrupt

    monkeypatch.setattr(store.Store, "note", stops)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            Table(source, **settings, folder=tmp_path / "parts")
        for file in (tmp_path / "parts").glob("x.*"):  # what no note knows of
            file.write_bytes(file.read_bytes() + b"half a row")
    found = Table(source, **settings, folder=tmp_path / "parts")
    for name, known in expected.statistics.items():
        known, again = map(dataclasses.astuple, (known, found.statistics[name]))
        np.testing.assert_allclose(again[:-1], known[:-1], rtol=1e-6)
    if not shuffle:
        assert bytes_in(found.folder) == bytes_in(expected.folder)
    x, y = found.read(0, N)
    assert shuffle == (not np.array_equal(x, X))
    every = np.lexsort(np.column_stack([x, y]).T), np.lexsort(np.column_stack([X, Y]).T)
    np.testing.assert_array_equal(x[every[0]], X[every[1]])


def test_a_source_that_has_changed_is_converted_anew(tmp_path, capsys):
    assert table(tmp_path, verbose=1).rows == N
    assert "converted in" in capsys.readouterr().out
    assert table(tmp_path, verbose=1, memory="5 MB").rows == N
    said = capsys.readouterr().out
    assert "changed" in said  # written again: another time
    source = str(tmp_path / "rows-*.parquet")
    again = Table(source, "y", folder=tmp_path / "kept")
    assert "converted" not in capsys.readouterr().out
    assert again.rows == N
    FRAME[:10].to_parquet(tmp_path / "rows-3.parquet")
    assert Table(source, "y", folder=tmp_path / "kept").rows == N + 10
    assert "converted anew" in capsys.readouterr().out


@pytest.mark.usefixtures("small_parts")
def test_a_full_disk_is_said_before_and_while(tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    with monkeypatch.context() as patch:
        patch.setattr(store.shutil, "disk_usage", lambda path: usage)
        with pytest.raises(ValueError, match="about 60 kB, and a disk with 1 kB free"):
            table(tmp_path)
    note, notes = store.Store.note, []

    def full(self):
        notes.append(note(self))
        if len(notes) == 5:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store.Store, "note", full)
    with pytest.raises(ValueError, match=r"a full disk at .* after 485 rows"):
        Table(str(tmp_path / "rows-*.parquet"), "y", folder=tmp_path / "k", verbose=0)
    monkeypatch.undo()
    found = Table(str(tmp_path / "rows-*.parquet"), "y", folder=tmp_path / "k")
    np.testing.assert_array_equal(found.read(0, N)[0], X)


# What is refused ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_shards_that_differ_are_named_with_the_column(tmp_path, kind):
    def refused(frame, match):
        path = tmp_path / f"rows-1.{kind}"
        getattr(frame, f"to_{kind}")(path, index=False)
        with pytest.raises(ValueError, match=match) as error:
            Table(str(tmp_path / f"rows-*.{kind}"), "y", folder=tmp_path)
        assert str(path) in str(error.value)

    written(tmp_path, kind)
    refused(FRAME.drop(columns="b"), "no column 'b'; expected one of numbers")
    refused(FRAME.assign(e=1.0), "column 'e' of numbers; expected none")
    refused(FRAME.assign(b="much"), "column 'b' of texts; expected one of numbers")


@pytest.mark.parametrize("kind", ["parquet", "csv", "csv.gz", "npy"])
def test_a_shard_that_ends_in_the_middle_is_named(tmp_path, kind):
    source, more = written(tmp_path, kind)
    path = tmp_path / f"rows-1.{kind}"
    if kind == "csv":
        path.write_text(path.read_text().rstrip("\n").rpartition(",")[0])
    else:
        path.write_bytes(path.read_bytes()[:-300])
    settings = {"target": "y", "folder": tmp_path / "kept", "verbose": 0} | more
    with pytest.raises(ValueError, match="a file that cannot be read") as error:
        Table(source, **settings)
    assert str(path) in str(error.value)
    notes = tmp_path / "kept" / "table.json"
    assert not notes.exists() or not json.loads(notes.read_text())["complete"]
    written(tmp_path, kind)  # mended
    assert Table(source, **settings).rows == N


def test_rows_that_are_sorted_are_said_and_can_be_shuffled_once(tmp_path):
    frame = FRAME.assign(when=pd.date_range("2020", periods=N, freq="h"))
    frame.to_parquet(tmp_path / "rows.parquet")
    settings = {"memory": LITTLE, "verbose": 0, "drop": ["when"]}
    rows = Table(tmp_path / "rows.parquet", "y", folder=tmp_path / "a", **settings)
    with pytest.warns(OnefitWarning, match="sorted by 'when'"):
        network().fit(rows, verbose=0)
    mixed = Table(
        tmp_path / "rows.parquet", "y", folder=tmp_path / "b", shuffle=True, **settings
    )
    network().fit(mixed, verbose=0)
    with pytest.raises(ValueError, match=r"column 'when' of times.*drop=\['when'\]"):
        Table(tmp_path / "rows.parquet", "y", folder=tmp_path / "c")
    FRAME.sort_values("y").to_parquet(tmp_path / "sorted.parquet")
    rows = Table(
        tmp_path / "sorted.parquet",
        "y",
        folder=tmp_path / "d",
        memory=LITTLE,
        verbose=0,
    )
    with pytest.warns(OnefitWarning, match="sorted by 'y'"):
        network().fit(rows, verbose=0)


def test_what_cannot_be_meant_is_refused(tmp_path):
    with pytest.raises(ValueError, match="where there is no file"):
        Table(tmp_path / "none-*.csv", "y")
    with pytest.raises(TypeError, match=r"model.fit\(x, y\)"):
        Table(X, 0)
    (tmp_path / "rows.txt").write_text("a")
    with pytest.raises(ValueError, match="ends in 'txt'"):
        Table(tmp_path / "rows.txt")
    with pytest.raises(ValueError, match="Did you mean 'y'"):
        table(tmp_path, target="Y")
    with pytest.raises(ValueError, match="Write memory='1 GB'"):
        table(tmp_path, memory="much")
    with pytest.raises(ValueError, match="share between 0 and 1"):
        table(tmp_path).split(1.5)
    holes = FRAME.copy()
    holes.loc[5:7, "c"] = np.nan
    with gzip.open(tmp_path / "holes.csv.gz", "wt") as file:
        holes.to_csv(file, index=False)
    rows = Table(tmp_path / "holes.csv.gz", "y", folder=tmp_path / "h", verbose=0)
    with pytest.raises(ValueError, match="column 'c' without a finite number in 3 of"):
        network().fit(rows, verbose=0)
    with pytest.raises(ValueError, match="y beside a stream"):
        network().fit(table(tmp_path), Y, verbose=0)
    with pytest.raises(ValueError, match="3"):
        network(width=3).fit(table(tmp_path, memory=LITTLE), verbose=0)
    FRAME.assign(town="Rome").to_parquet(tmp_path / "texts.parquet")
    with pytest.raises(ValueError, match="texts in an array with others"):
        Table(tmp_path / "texts.parquet", "y", folder=tmp_path / "t")
