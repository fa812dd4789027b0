"""Text and category layers inside a `call`: asked before the program, over all rows."""

import numpy as np
import pytest

import onefit
from onefit import layers, ops

CITIES = np.array([["oslo"], ["rome"], ["paris"], ["oslo"], ["bern"], ["rome"]])
CODES = np.array([[7], [8], [9], [7], [8], [5]])
AREA = np.linspace(-1, 1, 6, dtype="float32")[:, None]
ROWS = {"city": CITIES, "code": CODES, "area": AREA}
Y = np.array([1, 0, 0, 1, 0, 0], "float32")


class Houses(onefit.Model):
    """Two look-ups, one of them in an inner layer, and numbers beside them."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.city = layers.StringLookup(output_mode="one_hot")
        self.code = onefit.Sequential(
            [
                layers.IntegerLookup(vocabulary=[7, 8, 9]),
                layers.Embedding(4, 2, embeddings_initializer="ones"),
                layers.Flatten(),
            ]
        )
        self.out = layers.Dense(1, kernel_initializer="ones")

    def call(self, inputs):
        parts = [self.city(inputs["city"]), self.code(inputs["code"]), inputs["area"]]
        return self.out(ops.concatenate(parts, axis=-1))


def looked_up():
    """The same network on numbers that were looked up before."""
    city, code = onefit.Input((4,)), onefit.Input((1,), dtype="int32")
    area = onefit.Input((1,))
    emb = layers.Embedding(4, 2, embeddings_initializer="ones")
    joined = layers.Concatenate()([city, layers.Flatten()(emb(code)), area])
    out = layers.Dense(1, kernel_initializer="ones")(joined)
    return onefit.Model([city, code, area], out)


@pytest.fixture(scope="module")
def houses():
    """A fitted model, and its twin on numbers, fitted too."""
    model = Houses(name="houses")
    model.city.adapt(CITIES)
    twin = looked_up()
    ids = layers.IntegerLookup(vocabulary=[7, 8, 9])(CODES)
    rows = [np.asarray(model.city(CITIES)), np.asarray(ids), AREA]
    # Bern, oslo twice, rome twice, paris: four and the unknown one.
    assert rows[0].shape == (6, 5)
    rows[0] = rows[0][:, 1:]  # nothing is unknown
    logs = []
    for one, x in ((model, ROWS), (twin, rows)):
        one.compile("sgd", "mse")
        logs.append(one.fit(x, Y, epochs=3, batch_size=3, shuffle=False, verbose=0))
    return model, twin, rows, logs


def test_a_call_that_looks_up_trains_as_numbers_looked_up_before(houses):
    model, twin, rows, logs = houses
    assert np.allclose(*(log.history["loss"] for log in logs), atol=1e-6)
    wanted = twin.predict(rows, verbose=0)
    assert np.allclose(model.predict(ROWS, verbose=0), wanted, atol=1e-6)
    assert np.allclose(model(ROWS), wanted, atol=1e-6)
    assert np.allclose(model.evaluate(ROWS, Y, verbose=0), logs[0].history["loss"], 1)
    assert model.layers[0].name == "string_lookup"


def test_what_it_looks_up_comes_back_from_a_file(houses, tmp_path):
    model = houses[0]
    model.save(tmp_path / "houses.keras")
    again = onefit.load_model(
        tmp_path / "houses.keras", custom_objects={"Houses": Houses}
    )
    assert again.city.get_vocabulary() == model.city.get_vocabulary()
    wanted = model.predict(ROWS, verbose=0)
    assert np.allclose(again.predict(ROWS, verbose=0), wanted, atol=1e-6)


def test_rows_come_in_batches_too(houses):
    model, before = houses[0], houses[0].get_weights()
    stream = onefit.data.Dataset.from_tensor_slices((ROWS, Y)).batch(3)
    again = model.fit(stream, epochs=1, verbose=0).history["loss"]
    model.set_weights(before)
    plain = model.fit(ROWS, Y, batch_size=3, shuffle=False, verbose=0).history["loss"]
    model.set_weights(before)
    assert np.allclose(again, plain)
    assert "houses_asks" not in str(model.check(ROWS, Y))


class Words(layers.Layer):
    """Texts as the means of their words' vectors."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.words = layers.TextVectorization(vocabulary=["a", "b", "c"])
        self.emb = layers.Embedding(5, 2, embeddings_initializer="uniform")

    def call(self, texts):
        return ops.mean(self.emb(self.words(texts)), axis=1)


TEXTS = np.array([["a b"], ["c"], ["b b"], ["d"]])


def test_a_layer_in_a_graph_and_one_in_another_layer_look_up():
    inputs = onefit.Input((1,), dtype="string")
    words = Words()
    model = onefit.Model(inputs, words(inputs))
    vectors = np.asarray(words.emb.embeddings)
    # "a b" has the words 2 and 3, behind padding and what is unknown; "c" is padded
    # to two words, as long as the longest text.
    wanted = np.stack([vectors[[2, 3]].mean(0), vectors[[4, 0]].mean(0)])
    assert np.allclose(model.predict(TEXTS, verbose=0)[:2], wanted)
    assert np.allclose(model(TEXTS)[:2], wanted)
    assert np.allclose(words(TEXTS)[:2], wanted)


class Steps(onefit.Model):
    """Parts of a text, two modes, and a step of its own."""

    def __init__(self):
        super().__init__()
        self.first = layers.StringLookup(vocabulary=["a", "b"], output_mode="one_hot")
        self.words = Words()
        self.out = layers.Dense(1)

    def call(self, texts, training=False):
        h = ops.concatenate([self.first(texts[:, 0]), self.words(texts[:, 1:])], -1)
        return self.out(h)

    def train_step(self, data):
        texts, y = data
        with onefit.GradientTape() as tape:
            loss = ops.mean((self(texts, training=True)[:, 0] - y) ** 2)
        weights = self.trainable_variables
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        return {"loss": loss}


def test_a_step_of_its_own_is_given_text_that_its_call_takes():
    model = Steps()
    model.compile("sgd")
    rows = np.array([["a", "a b"], ["b", "c"], ["c", "a"]])
    before = np.mean((model(rows)[:, 0] - Y[:3]) ** 2)
    history = model.fit(rows, Y[:3], epochs=2, batch_size=3, verbose=0)
    assert np.isclose(history.history["loss"][0], before, rtol=1e-5)
    assert history.history["loss"][1] < before


class Plain(onefit.Model):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def call(self, inputs):
        return self.layer(inputs)


class Behind(Plain):
    def call(self, inputs):
        return self.layer(inputs + 1)


@pytest.mark.parametrize(
    ("model", "x", "words"),
    [
        (lambda: Plain(layers.Dense(1)), TEXTS, "Dense 'dense': received text"),
        (lambda: Plain(ops.exp), TEXTS, "Call a TextVectorization or a StringLookup"),
        (
            lambda: Plain(layers.TextVectorization()),
            TEXTS,
            "before there is a vocabulary",
        ),
        (
            lambda: Behind(layers.IntegerLookup(vocabulary=[1])),
            CODES,
            "values that the call of Behind 'behind' computes",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused(model, x, words):
    with pytest.raises((ValueError, TypeError), match=words):
        model()(x)


def test_onnx_is_told_what_asks(houses, tmp_path):
    with pytest.raises(ValueError, match="'string_lookup', 'integer_lookup'"):
        onefit.interop.onnx.export(houses[0], tmp_path / "m.onnx")
