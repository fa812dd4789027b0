"""FeatureSpace: the widths that Keras has, numbers by hand, errors in words."""

import re

import numpy as np
import pytest

import onefit
from onefit import layers
from onefit.utils import FeatureSpace

ROWS = 10
TABLE = {
    **{f"float_{i}": [k / 10 for k in range(ROWS)] for i in (1, 2, 3)},
    **{f"string_{i}": [str(k) for k in range(ROWS)] for i in (1, 2)},
    **{f"int_{i}": list(range(ROWS)) for i in (1, 2, 3)},
}
KINDS = {
    "float_1": "float",
    "float_2": "float_normalized",
    "float_3": "float_discretized",
    "string_1": "string_categorical",
    "string_2": "string_hashed",
    "int_1": "integer_categorical",
    "int_2": "integer_hashed",
    "int_3": "integer_categorical",
}
CROSSES = [("float_3", "string_1"), ("string_2", "int_2")]


def test_one_row_of_numbers_is_as_wide_as_in_keras():
    space = FeatureSpace(KINDS, crosses=CROSSES)
    space.adapt(TABLE)
    # 1 + 1 + 32, 11 + 32 of text, 11 + 32 + 11 of whole numbers, 32 + 32 of crosses.
    assert space(TABLE).shape == (ROWS, 195)
    first = {name: column[0] for name, column in TABLE.items()}
    assert space(first).shape == (195,)
    np.testing.assert_array_equal(space(first), np.asarray(space(TABLE))[0])
    batches = ({n: np.array(c[i : i + 4]) for n, c in TABLE.items()} for i in (0, 4, 8))
    again = FeatureSpace(KINDS, crosses=CROSSES)
    again.adapt(batches)
    np.testing.assert_allclose(again(TABLE), space(TABLE), rtol=1e-5)


def test_columns_by_name():
    space = FeatureSpace(KINDS, crosses=CROSSES[:1], output_mode="dict")
    space.adapt(TABLE)
    made = space(TABLE)
    assert {n: y.shape[1] for n, y in made.items()} == {
        **{"float_1": 1, "float_2": 1, "float_3": 32, "string_1": 11, "string_2": 32},
        **{"int_1": 11, "int_2": 32, "int_3": 11, "float_3_X_string_1": 32},
    }
    whole = FeatureSpace(
        {
            "a": FeatureSpace.integer_categorical(output_mode="int"),
            "b": FeatureSpace.integer_hashed(num_bins=8, output_mode="int"),
        },
        crosses=[FeatureSpace.cross(("a", "b"), 8, output_mode="int")],
        output_mode="dict",
    )
    whole.adapt({"a": [3, 5, 3], "b": [1, 2, 3]})
    made = whole({"a": [5, 3, 4], "b": [1, 2, 3]})
    assert made["a"].ravel().tolist() == [2, 1, 0]
    assert all(str(y.dtype).startswith("int") for y in made.values())


def test_numbers_by_hand():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"age": [20.0, 40.0, 60.0], "job": ["b", "s", "b"]})
    space = FeatureSpace({"age": "float_normalized", "job": "string_categorical"})
    space.adapt(frame)
    deviation = np.sqrt(800 / 3)
    expected = [[-20 / deviation, 0, 1, 0], [0, 0, 0, 1], [20 / deviation, 0, 1, 0]]
    np.testing.assert_allclose(space(frame), expected, rtol=1e-5)
    scaled = FeatureSpace({"age": FeatureSpace.float_rescaled(0.1, 1.0)})
    assert np.asarray(scaled({"age": [20.0]})).tolist() == [[3.0]]
    bins = FeatureSpace({"age": FeatureSpace.float_discretized(bin_boundaries=[30.0])})
    assert np.asarray(bins(frame[["age"]])).tolist() == [[1, 0], [0, 1], [0, 1]]


def test_a_layer_of_ones_own():
    texts = {"text": ["1st string", "2nd string", "3rd string"]}
    layer = layers.TextVectorization(output_mode="tf_idf")
    space = FeatureSpace({"text": FeatureSpace.feature("string", layer, "float")})
    space.adapt(texts)
    assert space(texts).shape == (3, 5)
    told = layers.TextVectorization(vocabulary=["1st"], output_sequence_length=2)
    known = FeatureSpace(
        {"text": FeatureSpace.feature("string", told, "int")}, output_mode="dict"
    )
    assert known(texts)["text"].tolist()[0] == [2, 1]  # there is nothing to learn


def test_models_on_it(tmp_path):
    y = np.arange(ROWS, dtype="float32")
    space = FeatureSpace(KINDS, crosses=CROSSES)
    space.adapt(TABLE)
    encoded = space.get_encoded_features()
    out = layers.Dense(1)(layers.Dense(4, "relu")(encoded))
    on_numbers = onefit.Model(encoded, out)
    on_tables = onefit.Model(space.get_inputs(), out)
    on_numbers.compile("adam", "mse")
    on_numbers.fit(np.asarray(space(TABLE)), y, epochs=2, verbose=0)
    np.testing.assert_allclose(
        on_tables.predict(TABLE, verbose=0),
        on_numbers.predict(np.asarray(space(TABLE)), verbose=0),
        rtol=1e-5,
    )
    on_tables.compile("adam", "mse")
    on_tables.fit(TABLE, y, epochs=2, verbose=0, validation_split=0.2)
    on_tables.save(tmp_path / "model.keras")
    again = onefit.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        again.predict(TABLE, verbose=0), on_tables.predict(TABLE, verbose=0)
    )
    space.save(tmp_path / "space.keras")
    loaded = onefit.load_model(tmp_path / "space.keras")
    np.testing.assert_array_equal(loaded(TABLE), space(TABLE))


@pytest.mark.parametrize(
    ("match", "make"),
    [
        ("received no features", lambda: FeatureSpace({})),
        ("Did you mean 'float'", lambda: FeatureSpace({"a": "flaot"})),
        (
            "Unknown feature in the cross 'a_X_b' 'b'",
            lambda: FeatureSpace({"a": "float"}, crosses=[("a", "b")]),
        ),
        (
            "crosses with crossing_dim=None",
            lambda: FeatureSpace({"a": "float"}, crosses=[["a"]], crossing_dim=None),
        ),
        ("output_mode", lambda: FeatureSpace({"a": "float"}, output_mode="list")),
        (
            "Write space.adapt(table) first",
            lambda: FeatureSpace({"a": "integer_categorical"})({"a": [1]}),
        ),
        (
            "Write space.adapt(table) first",
            lambda: FeatureSpace({"a": "float_normalized"}).get_encoded_features(),
        ),
        ("Unknown column 'a'", lambda: FeatureSpace({"a": "float"})({"b": [1.0]})),
        (
            "numbers of categories in the column 'a', to be joined",
            lambda: FeatureSpace(
                {"a": FeatureSpace.integer_hashed(3, output_mode="int")}
            )({"a": [1]}),
        ),
        (
            "output_mode='one_hot' for the column 'a' with a Rescaling",
            lambda: FeatureSpace(
                {"a": FeatureSpace.feature("float32", layers.Rescaling(2), "one_hot")}
            )({"a": [1.0]}),
        ),
    ],
)
def test_what_cannot_be_meant(match, make):
    with pytest.raises(ValueError, match=re.escape(match)):
        make()


def test_a_call_takes_a_table():
    with pytest.raises(TypeError, match="columns by name"):
        FeatureSpace({"a": "float"})([1.0])
    with pytest.raises(TypeError, match="batches of ndarray"):
        FeatureSpace({"a": "float_normalized"}).adapt(np.ones(3))
