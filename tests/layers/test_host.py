"""Layers before the program: words by hand, all forms of text, errors in words."""

import copy
import pickle
import re

import jax
import numpy as np
import pytest

import onefit
from onefit import layers
from onefit.layers.host.texts import batches
from onefit.layers.host.words import END, cut, grams

Text, Strings, Whole = (
    layers.TextVectorization,
    layers.StringLookup,
    layers.IntegerLookup,
)


# Words --------------------------------------------------------------------------------


def test_a_vocabulary_by_hand():
    # "b" comes three times, "a" twice, "c" and "d" once: of these the last comes first.
    layer = Text(output_sequence_length=4)
    layer.adapt(["B a, b!", "c b; a d"])
    assert layer.get_vocabulary() == ["", "[UNK]", "b", "a", "d", "c"]
    assert layer.get_vocabulary(include_special_tokens=False) == ["b", "a", "d", "c"]
    y = layer(["a x B", "d d d d d", ""])
    assert isinstance(y, jax.Array)
    assert y.tolist() == [[3, 1, 2, 0], [4, 4, 4, 4], [0, 0, 0, 0]]


def test_weights_of_words_by_hand():
    # Two texts: both have "b", one has "a": log(1 + 2 / (1 + 2)), log(1 + 2 / (1 + 1)).
    layer = Text(output_mode="tf_idf")
    layer.adapt(["b a", "b b"])
    b, a = np.log(1 + 2 / 3), np.log(2)
    np.testing.assert_allclose(layer.idf_weights, [b, a])
    expected = [[0, 2 * b, a], [(a + b) / 2, 0, 0]]
    np.testing.assert_allclose(layer(["b b a", "x"]), expected, rtol=1e-6)


def test_letters_and_blanks_are_those_of_ascii():
    assert cut(["ÉtÉ A\u00a0b\x0bc"], "lower", "whitespace") == [
        "ÉtÉ".encode(),
        "a\u00a0b".encode(),
        b"c",
    ]


def test_pairs_do_not_reach_from_one_text_to_the_next():
    words = cut(["a b", "c", "", "d e f"], None, "whitespace")
    (pairs, rows), (triples, of) = grams(words, (2, 3))
    found = [w for w, row in zip(pairs, rows, strict=True) if row >= 0]
    assert found == [b"a b", b"d e", b"e f"]
    assert rows[rows >= 0].tolist() == [0, 3, 3]
    assert [w for w, row in zip(triples, of, strict=True) if row >= 0] == [b"d e f"]
    assert not any(END in word for word in found)


@pytest.mark.parametrize("standardize", [np.char.upper, str.upper])
@pytest.mark.parametrize(
    "split", [lambda x: np.char.split(x, "|"), lambda text: text.split("|")]
)
def test_functions_take_an_array_or_one_text(standardize, split):
    layer = Text(standardize=standardize, split=split, vocabulary=["A", "B C"])
    assert layer(["a|b c", "x"]).tolist() == [[2, 3], [1, 0]]


def test_many_rows_are_cut_in_parts(monkeypatch):
    texts = [f"w{i % 7} w{i % 3} x" * (i % 4) for i in range(50)]
    settings = [{}, {"ngrams": 2}, {"output_mode": "tf_idf"}, {"split": "character"}]
    one = [Text(**told) for told in settings]
    for layer in one:
        layer.adapt(texts)
    whole = [layer(texts) for layer in one]
    monkeypatch.setattr("onefit.layers.host.text_vectorization.CHUNK", 8)
    for told, layer, y in zip(settings, one, whole, strict=True):
        again = Text(**told)
        again.adapt(texts)
        assert again.get_vocabulary() == layer.get_vocabulary()
        np.testing.assert_array_equal(again(texts), y)


def test_words_that_are_cut_already():
    layer = Text(split=None, vocabulary=["a", "b"], output_mode="count")
    assert layer([["a", "b"], ["a", "a"]]).tolist() == [[0, 1, 1], [0, 2, 0]]
    layer = Text(split=None, vocabulary=["a b"], ngrams=(2,), standardize=None)
    assert layer([["a", "b"]]).tolist() == [[2]]


def test_words_one_by_one():
    layer = Text(vocabulary=["a"], output_mode="one_hot")
    assert layer(["a x", "a"]).tolist() == [[[0, 1], [1, 0]], [[0, 1], [0, 0]]]


# Forms --------------------------------------------------------------------------------


def forms():
    pd = pytest.importorskip("pandas")
    texts = ["a b", "b"]
    return {
        "list": texts,
        "tuple": tuple(texts),
        "column": [[t] for t in texts],
        "array": np.array(texts),
        "objects": np.array(texts, dtype=object),
        "bytes": np.array([t.encode() for t in texts]),
        "bytes in a list": [t.encode() for t in texts],
        "series": pd.Series(texts),
        "strings of pandas": pd.Series(texts, dtype="string"),
        "categories": pd.Series(texts, dtype="category"),
        "frame": pd.DataFrame({"t": texts}),
        "numpy's strings": [np.str_(t) for t in texts],
    }


@pytest.mark.parametrize("name", list(forms()))
def test_text_in_every_form(name):
    texts = forms()[name]
    layer = Text()
    layer.adapt(texts)
    assert layer.get_vocabulary()[2:] == ["b", "a"]
    assert layer(texts).tolist() == [[3, 2], [2, 0]]
    lookup = Strings(vocabulary=["b", "a b"])
    assert lookup(texts).ravel().tolist() == [2, 1]
    assert layers.Hashing(9)(texts).shape == lookup(texts).shape


def test_a_text_alone():
    layer = Text(vocabulary=["a", "b"])
    assert layer("a b x").tolist() == [2, 3, 1]
    assert Strings(vocabulary=["a"])("a").tolist() == 1
    assert Whole(vocabulary=[5])(5).tolist() == 1
    assert layers.Hashing(3)("A").shape == ()


def test_no_rows():
    assert Text(vocabulary=["a"], output_sequence_length=3)([]).shape == (0, 3)
    assert Text(vocabulary=["a"], output_mode="count")([]).shape == (0, 2)
    assert Strings(vocabulary=["a"])([]).shape == (0,)


def test_adapt_takes_streams():
    texts = ["a b", "b c", "c c", "d"]
    whole = Text(output_mode="tf_idf")
    whole.adapt(texts)
    pairs = ((np.array(texts[i : i + 3]), np.zeros(3)) for i in (0, 3))
    streams = [iter([texts[:3], texts[3:]]), [np.array(t) for t in (texts[:3], ["d"])]]
    for stream in [*streams, pairs]:
        layer = Text(output_mode="tf_idf")
        layer.adapt(stream)
        assert layer.get_vocabulary() == whole.get_vocabulary()
        np.testing.assert_allclose(layer(texts), whole(texts), rtol=1e-6)

    def endless():
        while True:
            yield ["x y"]

    layer = Text()
    layer.adapt(endless(), steps=3)
    assert layer.get_vocabulary()[2:] == ["y", "x"]
    assert list(batches(["a", "b"])) == [["a", "b"]]


def test_adapt_learns_anew():
    layer = Strings(vocabulary=["old"])
    layer.adapt(["new", "new"])
    assert layer.get_vocabulary() == ["[UNK]", "new"]
    layer.set_vocabulary(["[UNK]", "third"])
    assert layer(["third", "new"]).tolist() == [1, 0]


def test_special_tokens():
    layer = Strings(mask_token="", vocabulary=["a"], num_oov_indices=2)
    assert layer.get_vocabulary() == ["", "[UNK]", "[UNK]", "a"]
    y = layer(["", "a", "x", "y"]).tolist()
    assert y[:2] == [0, 3]
    assert set(y[2:]) <= {1, 2}
    hot = Strings(mask_token="", vocabulary=["a"], output_mode="multi_hot")
    assert hot.get_vocabulary() == ["[UNK]", "a"]
    assert hot([["", "a"]]).tolist() == [[0, 1]]
    strict = Strings(vocabulary=["a"], num_oov_indices=0)
    assert strict(["a"]).tolist() == [0]
    with pytest.raises(ValueError, match="received 'x', which the vocabulary has not"):
        strict(["a", "x"])


def test_the_way_back():
    words = Strings(vocabulary=["a", "b"], mask_token="")
    back = Strings(vocabulary=["a", "b"], mask_token="", invert=True)
    assert back(words([["a", "x"], ["", "b"]])).tolist() == [["a", "[UNK]"], ["", "b"]]
    assert back([99, -1]).tolist() == ["[UNK]", "[UNK]"]
    assert Whole(vocabulary=[10**12], invert=True)([1, 0]).tolist() == [10**12, -1]


def test_a_file_is_a_vocabulary(tmp_path):
    file = tmp_path / "words.txt"
    file.write_text("a\nb\n\n", encoding="utf-8")
    assert Text(vocabulary=str(file)).get_vocabulary()[2:] == ["a", "b"]
    file.write_text("7\r\n9\r\n")
    assert Whole(vocabulary=file).get_vocabulary() == [-1, 7, 9]


def test_whole_numbers_in_every_form():
    pd = pytest.importorskip("pandas")
    for x in ([7, 9], np.array([7.0, 9.0]), pd.Series([7, 9]), np.array([7, 9], "u1")):
        assert Whole(vocabulary=[9, 7])(x).tolist() == [2, 1]
    assert Whole(vocabulary=[1, 0])([True, False]).tolist() == [1, 2]


def test_types():
    assert Text(vocabulary=["a"], output_mode="count")(["a"]).dtype == "float32"
    assert Text(vocabulary=["a"])(["a"]).dtype == "int32"
    assert layers.CategoryEncoding(3, dtype="int32")([[1]]).dtype == "int32"
    assert layers.Hashing(3).output_dtype == "int32"


# Copies -------------------------------------------------------------------------------

LEARNED = [
    (Text(ngrams=2, max_tokens=9), ["a b c", "b c"], ["a b", "c"]),
    (Text(output_mode="tf_idf"), ["a b c", "b c"], ["a b", "c"]),
    (Strings(output_mode="tf_idf"), [["a"], ["b"]], [["a"], ["x"]]),
    (Whole(mask_token=0), [3, 3, 5], [3, 4, 0]),
    (layers.Discretization(num_bins=3), np.arange(20.0), np.array([[1.0, 19.0]])),
    (layers.Hashing(5, salt=3), None, ["a", "b"]),
]


@pytest.mark.parametrize(("layer", "data", "x"), LEARNED, ids=lambda v: str(v)[:25])
def test_copies_know_what_was_learned(layer, data, x):
    if data is not None:
        layer.adapt(data)
    y = layer(x)
    for other in (
        copy.deepcopy(layer),
        pickle.loads(pickle.dumps(layer)),
        layer.replace(),
        type(layer).from_config(layer.get_config()),
    ):
        np.testing.assert_array_equal(other(x), y)


def test_a_vocabulary_is_shown_in_short():
    layer = Strings(vocabulary=[f"w{i}" for i in range(1000)])
    assert len(repr(layer)) < 300


# Errors -------------------------------------------------------------------------------


def refused(match, make, kind=ValueError):
    with pytest.raises(kind, match=re.escape(match)):
        make()


def test_settings_that_cannot_be_meant():
    refused("received ragged=True; expected False", lambda: Text(ragged=True))
    refused(
        "received sparse=True; expected False",
        lambda: Text(sparse=True, output_mode="count"),
    )
    refused("Did you mean 'lower'", lambda: Text(standardize="lowre"))
    refused("Unknown split", lambda: Text(split="words"))
    refused("Unknown ngrams", lambda: Text(ngrams="2"))
    refused("received ngrams=0", lambda: Text(ngrams=0), TypeError)
    refused("Unknown output_mode", lambda: Strings(output_mode="hot"))
    refused("received max_tokens=1", lambda: Strings(max_tokens=1))
    refused("pad_to_max_tokens=True without", lambda: Text(pad_to_max_tokens=True))
    refused(
        "output_sequence_length with output_mode='count'",
        lambda: Text(output_mode="count", output_sequence_length=3),
    )
    refused(
        "received output_mode='count' beside invert=True",
        lambda: Strings(invert=True, output_mode="count"),
    )
    refused("idf_weights with", lambda: Strings(vocabulary=["a"], idf_weights=[1.0]))
    refused(
        "received no idf_weights", lambda: Text(vocabulary=["a"], output_mode="tf_idf")
    )
    refused(
        "received 2 idf_weights for 1 words",
        lambda: Text(vocabulary=["a"], output_mode="tf_idf", idf_weights=[1.0, 2.0]),
    )
    refused("received salt=(3, 3)", lambda: Whole(salt=3))
    refused("received 'x'", lambda: layers.Hashing(3, salt="x"))
    refused("received num_bins=0", lambda: layers.Hashing(0))
    refused("received dtype='float32'", lambda: layers.Hashing(3, dtype="float32"))
    refused("received num_tokens=None", layers.CategoryEncoding)
    refused("neither of bin_boundaries", layers.Discretization)
    refused("both bin_boundaries", lambda: layers.Discretization([0.0], 3))
    refused("expected edges that rise", lambda: layers.Discretization([1.0, 0.0]))


def test_vocabularies_that_cannot_be_meant():
    refused("received 'a' more than once", lambda: Strings(vocabulary=["a", "a"]))
    refused("special token '' at place 1", lambda: Text(vocabulary=["a", ""]))
    refused("received no words", lambda: Strings(vocabulary=[]))
    refused(
        "received 4 tokens, 2 of them special; expected at most max_tokens=3",
        lambda: Text(max_tokens=3, vocabulary=["a", "b"]),
    )
    refused("'no.txt', which is not there", lambda: Text(vocabulary="no.txt"))
    refused("received 1 in the vocabulary", lambda: Strings(vocabulary=[1]), TypeError)
    refused("received 1.5 in the vocabulary", lambda: Whole(vocabulary=[1.5]))
    refused("data without a token", lambda: Text().adapt(["", " "]))
    layer = Strings(vocabulary=["a"])
    with pytest.raises(ValueError, match="more than once"):
        layer.set_vocabulary(["b", "b"])
    assert layer(["a"]).tolist() == [1]  # it is as it was


def test_a_layer_that_knows_no_words():
    for layer, x in ((Text(), ["a"]), (Strings(), ["a"]), (Whole(), [1])):
        refused("before there is a vocabulary", lambda at=layer, x=x: at(x))
        assert layer.vocabulary_size() == len(layer.get_vocabulary())
    refused(
        "before the edges of bins are known",
        lambda: layers.Discretization(num_bins=3)([1.0]),
    )


def test_rows_that_cannot_be_meant():
    pd = pytest.importorskip("pandas")
    layer = Strings(vocabulary=["a"])
    missing = [["a", None], pd.Series(["a", None]), np.array(["a", np.nan], object)]
    for x in [*missing, pd.Series(["a", None], dtype="string")]:
        with pytest.raises(ValueError, match=r"in row 1 \(1 in all\); expected text"):
            layer(x)
    refused("received numbers (int64); expected text", lambda: layer([1, 2]), TypeError)
    refused("received 3 in row 1", lambda: layer(["a", 3]), TypeError)
    refused("rows of different lengths", lambda: layer([["a"], ["b", "c"]]))
    refused("texts of shape (1, 2)", lambda: Text(vocabulary=["a"])([["a", "b"]]))
    refused("received nan in row 1", lambda: Whole(vocabulary=[1])([1.0, np.nan]))
    refused("received 1.5 in row 0", lambda: layers.Hashing(3)([1.5]))
    refused("received 'a'", lambda: Whole(vocabulary=[1])(["a"]), TypeError)
    refused("the category 4", lambda: layers.CategoryEncoding(4)([[4]]))
    refused("count_weights", lambda: layers.CategoryEncoding(4)([1], count_weights=[2]))
    crossing = layers.HashedCrossing(3)
    refused("received one column", lambda: crossing(np.array([1])))
    refused("received 1 columns", lambda: crossing([["a"]]))
    refused("of type float64", lambda: crossing(([1.5], [2])), TypeError)
    refused("columns of shape", lambda: crossing((["a"], ["b", "c"])))
    refused(
        "inf at place 1", lambda: layers.Discretization(num_bins=2).adapt([1.0, np.inf])
    )


def test_a_program_has_no_text():
    step = jax.jit(
        lambda x: Whole(vocabulary=[1]).forward({}, {}, x, training=False, key=None)
    )
    refused("received values of a program", lambda: step(np.array([1])))


def test_a_call_of_a_subclass_says_where_its_text_layer_belongs():
    x, y = np.array([[5], [6]]), np.array([1, 0])

    class Codes(onefit.Model):
        def __init__(self):
            super().__init__()
            self.look = layers.IntegerLookup(vocabulary=[5, 6])
            self.embed = layers.Embedding(9, 2)

        def call(self, x):
            return self.embed(self.look(x + 1))

    class CodesInside(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.look = layers.IntegerLookup(vocabulary=[5, 6])

        def call(self, x):
            return self.look(x + 1)

    model = Codes()
    model.compile("adam", "mse")
    text = (
        "received values that the call of Codes 'codes' computes; expected its inputs "
        "as they come, since the layer runs before the program. Call it on those, or "
        "put it before: integer_lookup = IntegerLookup(...); inputs = "
        "onefit.Input((1,), dtype='int64'); model = onefit.Model(inputs, "
        "Codes(...)(integer_lookup(inputs)))."
    )
    inputs = onefit.Input((1,), dtype="int64")
    for call in (
        lambda: model.fit(x, y, verbose=0),
        lambda: model.predict(x, verbose=0),
        lambda: Codes()(x),
        lambda: Codes()(inputs),
    ):
        refused(text, call)
    refused("inputs = onefit.Input((1,), dtype='int64')", lambda: CodesInside()([[5]]))
