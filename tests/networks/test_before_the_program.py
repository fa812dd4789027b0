"""Models that take text: cut in two, numbers before the program, the rest a graph."""

import copy
import pickle
import re

import numpy as np
import pytest

import onefit
from onefit import Input, Model, Sequential, layers, population
from onefit.layers import (
    CategoryEncoding,
    Concatenate,
    Dense,
    Embedding,
    GlobalAveragePooling1D,
    StringLookup,
    TextVectorization,
)

TEXTS = ["a good film", "a bad film", "good good", "bad bad film"] * 8
Y = np.array([1.0, 0.0, 1.0, 0.0] * 8, "float32")
TABLE = {"word": ["u", "v", "u", "w"] * 8, "size": [1.0, 2.0, 3.0, 4.0] * 8}


def text_layer(**settings):
    layer = TextVectorization(**({"output_sequence_length": 3} | settings))
    layer.adapt(TEXTS)
    return layer


def reviews(*begin, last=1):
    onefit.utils.set_random_seed(1)
    model = Sequential(
        [
            *(begin or (Input((1,), dtype="string"), text_layer())),
            Embedding(6, 4, mask_zero=True),
            GlobalAveragePooling1D(),
            Dense(last, "sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def table_model():
    onefit.utils.set_random_seed(2)
    word = Input((1,), dtype="string", name="word")
    size = Input((1,), name="size")
    codes = StringLookup(vocabulary=["u", "v"])(word)
    made = [CategoryEncoding(3)(codes), size]
    model = Model({"word": word, "size": size}, Dense(1)(Concatenate()(made)))
    model.compile("sgd", "mse")
    return model


def test_it_learns_from_text_as_from_numbers():
    model = reviews()
    ids = np.asarray(model.layers[0](TEXTS))
    onefit.utils.set_random_seed(1)
    plain = reviews(Input((3,), dtype="int32"))
    plain.set_weights(model.get_weights())
    told = {"epochs": 3, "verbose": 0, "validation_split": 0.25}
    with_text, with_ids = (
        onefit.utils.set_random_seed(5) or m.fit(x, Y, **told).history
        for m, x in ((model, TEXTS), (plain, ids))
    )
    assert with_text == with_ids
    assert model.evaluate(TEXTS, Y, verbose=0) == plain.evaluate(ids, Y, verbose=0)
    np.testing.assert_array_equal(
        model.predict(TEXTS, verbose=0), plain.predict(ids, verbose=0)
    )
    assert model.train_on_batch(TEXTS, Y) == plain.train_on_batch(ids, Y)


def test_host_layers_run_once_a_fit(monkeypatch):
    model, seen = reviews(), []
    look = TextVectorization.look
    monkeypatch.setattr(
        TextVectorization, "look", lambda self, x: seen.append(len(x)) or look(self, x)
    )
    held = (TEXTS[:5], Y[:5])
    model.fit(TEXTS, Y, epochs=4, verbose=0, validation_data=held)
    assert seen == [32, 5]


def test_what_a_program_sees_and_what_people_see():
    model = table_model()
    kinds = {type(layer).__name__ for layer in model.graph.layers}
    assert kinds == {"InputLayer", "CategoryEncoding", "Concatenate", "Dense"}
    assert "string_lookup" in [layer.name for layer in model.layers]
    assert model.entries == [("size", (None, 1)), ("string_lookup", (None, 1))]
    shown = []
    model.summary(print_fn=shown.append)
    assert "StringLookup" in shown[0]
    assert model.input_names == ["word", "size"]
    assert model.inputs[0].dtype == "string"
    assert Sequential([Input((2,)), Dense(1)]).before is None


@pytest.mark.parametrize("shape", [(1,), ()])
@pytest.mark.parametrize(
    "form", [list, np.array, lambda t: np.array(t)[:, None], lambda t: [np.array(t)]]
)
def test_columns_and_rows_of_text(shape, form):
    layer = text_layer()
    model = Sequential([Input(shape, dtype="string"), layer])
    np.testing.assert_array_equal(
        model.predict(form(TEXTS[:3]), verbose=0), layer(TEXTS[:3])
    )


def test_without_an_input_the_first_rows_build_it():
    model = reviews(text_layer())
    assert not model.built
    model.fit(TEXTS, Y, epochs=1, verbose=0)
    assert model.inputs[0].dtype == "string"
    assert model.predict(["good"], verbose=0).shape == (1, 1)


def test_tables_in_every_form():
    pd = pytest.importorskip("pandas")
    model, frame = table_model(), pd.DataFrame(TABLE)
    first = model.predict(TABLE, verbose=0)
    assert first.shape == (32, 1)
    frames = [
        frame,
        frame.astype({"word": "category"}),
        dict(frame),
        [TABLE["word"], TABLE["size"]],
        {name: np.array(column)[:, None] for name, column in TABLE.items()},
    ]
    for x in frames:
        np.testing.assert_array_equal(model.predict(x, verbose=0), first)
        np.testing.assert_allclose(model(x), first, rtol=1e-6)
    model.fit(frame, Y, epochs=2, verbose=0, validation_split=0.2)


def test_a_model_inside_may_take_text():
    inner = reviews()
    outer = Sequential([Input((1,), dtype="string"), inner])
    np.testing.assert_allclose(
        outer.predict(TEXTS, verbose=0), inner.predict(TEXTS, verbose=0)
    )
    x = Input((1,), dtype="string")
    both = Model(x, [inner(x), Dense(2)(CategoryEncoding(7)(text_layer()(x)))])
    one, other = both.predict(TEXTS[:2], verbose=0)
    np.testing.assert_allclose(one, inner.predict(TEXTS[:2], verbose=0), rtol=1e-6)
    assert other.shape == (2, 2)


def test_one_vocabulary_twice_and_layers_between():
    a, b = Input((1,), dtype="string", name="a"), Input((1,), name="b")
    lookup = StringLookup(vocabulary=["u", "v"])
    bins = layers.Discretization(bin_boundaries=[0.0])(layers.Rescaling(-1.0)(b))
    crossed = layers.HashedCrossing(9)([lookup(a), bins])
    model = Model([a, b], [lookup(a), crossed, b * 2.0])
    y = model.predict([["u", "x"], [1.0, -1.0]], verbose=0)
    assert y[0].ravel().tolist() == [1, 0]
    direct = layers.HashedCrossing(9)(([1, 0], [0, 1]))
    assert y[1].ravel().tolist() == direct.tolist()
    assert y[2].ravel().tolist() == [2, -2]


def test_copies_keep_the_vocabulary():
    model = reviews()
    y = model.predict(TEXTS[:2], verbose=0)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other.predict(TEXTS[:2], verbose=0), y)
    clone = onefit.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone.predict(TEXTS[:2], verbose=0), y)
    assert clone.layers[0] is not model.layers[0]


def test_a_text_layer_can_learn_in_the_model():
    model = reviews(Input((1,), dtype="string"), TextVectorization())
    model.layers[0].adapt(TEXTS)
    model.fit(TEXTS, Y, epochs=1, verbose=0)
    model.layers[0].adapt([f"word{i}" for i in range(50)])
    with pytest.raises(ValueError, match=r"the id .* expected whole numbers from 0"):
        model.fit([f"word{i}" for i in range(32)], Y, epochs=1, verbose=0)


def test_files(tmp_path):
    for model, x in ((reviews(), TEXTS), (table_model(), TABLE)):
        model.fit(x, Y, epochs=1, verbose=0)
        model.save(tmp_path / "m.keras")
        again = onefit.load_model(tmp_path / "m.keras")
        np.testing.assert_array_equal(
            again.predict(x, verbose=0), model.predict(x, verbose=0)
        )
        one, other = (
            onefit.utils.set_random_seed(3) or m.fit(x, Y, verbose=0).history["loss"]
            for m in (model, again)
        )
        np.testing.assert_allclose(one, other, rtol=1e-6)
        model.save_weights(tmp_path / "m.weights.h5")
        again.load_weights(tmp_path / "m.weights.h5")
        again.load_weights(tmp_path / "m.keras")
        json = onefit.models.model_from_json(model.to_json())
        assert json.predict(x, verbose=0).shape == model.predict(x, verbose=0).shape


def test_the_guide_and_populations_see_numbers():
    model = table_model()
    assert model.check(TABLE, Y).codes == []
    assert "CategoryEncoding" in str(
        model.trace({"word": ["u"], "size": [1.0]}, [[1.0]])
    )
    many = population.fit(model, TABLE, Y, seeds=2, epochs=2, verbose=0)
    assert many.predict(TABLE).shape == (2, 32, 1)
    member = many.members()[0]
    np.testing.assert_allclose(
        member.predict(TABLE, verbose=0), many.predict(TABLE)[0], rtol=1e-6
    )
    ensemble = many.ensemble()
    mean, std = ensemble.predict(TABLE, verbose=0, return_std=True)
    np.testing.assert_allclose(mean, many.predict(TABLE).mean(0), rtol=1e-5)
    assert std.shape == mean.shape
    np.testing.assert_allclose(ensemble.predict(TABLE, verbose=0), mean, rtol=1e-5)
    folds = population.cross_validate(model, TABLE, Y, cv=2, epochs=1, verbose=0)
    assert np.isfinite(folds.history["val_loss"]).all()


def test_what_comes_after_the_text_can_be_exported():
    model = reviews()
    for make in (
        lambda: onefit.interop.onnx.export(model, "never.onnx"),
        lambda: onefit.interop.torch.to_torch(model),
    ):
        pytest.importorskip("onnx")
        pytest.importorskip("torch")
        import onefit.interop.onnx
        import onefit.interop.torch

        with pytest.raises(ValueError, match="take text and categories") as error:
            make()
    names = {"onefit": onefit, "model": model}
    part = eval(re.search(r"onefit\.Model\(.*\)", str(error.value))[0], names)
    ids = model.layers[0](TEXTS[:3])
    np.testing.assert_array_equal(
        part.predict(ids, verbose=0), model.predict(TEXTS[:3], verbose=0)
    )


# Errors -------------------------------------------------------------------------------


def test_text_where_no_layer_takes_it():
    plain = Sequential([Embedding(9, 2), GlobalAveragePooling1D(), Dense(1)])
    plain.compile("sgd", "mse")
    with pytest.raises(TypeError, match=r"text such as .*TextVectorization\(\)"):
        plain.fit(TEXTS, Y, verbose=0)
    with pytest.raises(TypeError, match=r"StringLookup\(\); layer.adapt\(x\)"):
        plain.predict(["a", "b"])
    with pytest.raises(ValueError, match=r"Embedding 'embedding.*received text"):
        Sequential([Input((1,), dtype="string"), Embedding(9, 2)])
    text = Input((1,), dtype="string")
    with pytest.raises(ValueError, match=r"Dense 'dense.*received text"):
        Model(text, Dense(2)(text))


def test_host_layers_stand_first():
    for layer in (StringLookup(vocabulary=["a"]), layers.Hashing(4)):
        with pytest.raises(ValueError, match=r"the output of Dense '.*stand first"):
            Sequential([Input((3,)), Dense(1), layer])
    model = Sequential([Input((3,)), Dense(1, name="last")])
    with pytest.raises(ValueError, match="which training changes"):
        model.add(layers.IntegerLookup(vocabulary=[1]))
    assert [layer.name for layer in model.layers] == ["last"]  # it is as it was
    assert model.predict(np.ones((1, 3)), verbose=0).shape == (1, 1)


def test_widths_that_are_not_known_yet():
    with pytest.raises(ValueError, match="before the vocabulary is known"):
        Sequential(
            [Input((1,), dtype="string"), TextVectorization(output_mode="count")]
        )
    wide = TextVectorization(output_mode="count", max_tokens=9, pad_to_max_tokens=True)
    model = Sequential([Input((1,), dtype="string"), wide, Dense(1)])
    wide.adapt(TEXTS)
    assert model.predict(TEXTS, verbose=0).shape == (32, 1)


def test_rows_that_do_not_fit():
    model = reviews()
    for x, match in (
        (np.ones((3, 1)), "received numbers .*expected text"),
        (["a", None], "None in row 1"),
        ([["a", "b"]], r"x|shape"),
        ([], "no rows"),
        ("a good film", "expected rows. Write \\['a good film'\\]"),
    ):
        with pytest.raises((ValueError, TypeError), match=match):
            model.predict(x, verbose=0)
    with pytest.raises(ValueError, match="32 rows in x and 3 in y"):
        model.fit(TEXTS, Y[:3], verbose=0)
    table = table_model()
    with pytest.raises(ValueError, match="Did you mean 'word'"):
        table.predict({"wrod": ["u"], "size": [1.0]}, verbose=0)
    with pytest.raises(ValueError, match=r"add x\['size'\]|Add x\['size'\]"):
        table.predict({"word": ["u"]}, verbose=0)
    with pytest.raises(TypeError, match=r"x\['size'\].*text|text such as"):
        table.predict({"word": ["u"], "size": ["big"]}, verbose=0)
    unknown = reviews(Input((1,), dtype="string"), TextVectorization())
    with pytest.raises(ValueError, match=r"write layer.adapt\(x\)|Write layer.adapt"):
        unknown.fit(TEXTS, Y, verbose=0)
