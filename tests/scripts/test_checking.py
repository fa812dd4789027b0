# ruff: noqa: E501 - a row a line
"""What a script uses and is not here is told before anything runs, all of it."""

import pytest

from onefit.scripts.checking import check_text

TF = "import tensorflow as tf\nfrom tensorflow import keras\n"


def told(text):
    return [(p.line, p.what, p.why) for p in check_text(text).problems]


@pytest.mark.parametrize(
    ("text", "what", "why"),
    [
        ("tf.nn.relu7(1)", "tf.nn.relu7", "nearest: relu"),
        ("tf.Session()", "tf.Session", "TensorFlow 1"),
        ("tf.compat.v1.disable_v2_behavior()", "tf.compat.v1.disable_v2_behavior", "TensorFlow 1"),
        ("tf.estimator.DNNClassifier()", "tf.estimator.DNNClassifier", "estimators were removed"),
        ("import tensorflow_hub as hub", "import tensorflow_hub", "not fetched"),
        ("import keras_tuner", "import keras_tuner", "onefit.population.search"),
        ("from tensorflow.keras.layers import Dence", "from tensorflow.keras.layers import Dence", "nearest: Dense"),
        ("from keras.layres import Dense", "from keras.layres import Dense", "nearest: layers"),
        ("keras.layers.Dense(3, activaton='relu')", "Dense(activaton=)", "write activation='relu'"),
        ("keras.layers.Dense(3, 'relu', quantization_config=2)", "Dense(quantization_config=)", "leave it out"),
        ("keras.layers.Dense(3, activation='rulu')", "activation='rulu'", "Did you mean 'relu'"),
        ("keras.layers.Dense(1, kernel_initializer='he_norml')", "kernel_initializer='he_norml'", "he_normal"),
        ("m = keras.Sequential()\nm.compile(loss='msee')", "loss='msee'", "Did you mean"),
        ("m = keras.Sequential()\nm.compile(metrics=['acuracy'])", "metrics='acuracy'", "Did you mean"),
        ("m = keras.Sequential()\nm.predict_classes(1)", "m.predict_classes", "np.argmax"),
        ("m = keras.Sequential()\nm.ft(1)", "m.ft", "nearest: fit"),
        ("m = keras.Sequential()\nm.fit(1, epoch=3)", "fit(epoch=)", "write epochs=3"),
        ("d = tf.data.Dataset.range(3).shufle(2)", "tf.data.Dataset.range(3).shufle", "nearest: shuffle"),
        ("tf.data.Dataset.from_tensor_slice([1])", "tf.data.Dataset.from_tensor_slice", "from_tensor_slices"),
        ("L = keras.layers\nL.Dence(1)", "L.Dence", "nearest: Dense"),
        ("class A:\n    def f(self):\n        return tf.reduce_men(1)", "tf.reduce_men", "nearest: reduce_mean"),
    ],
)  # fmt: skip
def test_each_kind_is_found_with_what_to_write(text, what, why):
    [(line, said, instead)] = told(TF + text)
    assert said == what
    assert why in instead
    assert line > 2


@pytest.mark.parametrize(
    "text",
    [
        "import numpy as tf2\ntf2.Session",
        "def f(tf):\n    return tf.Session()",
        "layers = [1]\nlayers.append(2)",
        "try:\n    import keras_tuner\nexcept ImportError:\n    keras_tuner = None",
        "m = keras.Sequential()\nm.my_own = 3\nm.fit(1, epochs=2)",
        "tf.__version__.split('.')",
        "keras.layers.Dense(1, **options)",
        "import re\nre.compile('a')",
        "m = unknown()\nm.fit(x, y, sample_weight=w, anything=3)",
        "for keras in [1]:\n    keras.real",
        "keras.Sequential().compile(metrics=['accuracy', 'acc', 'mae', 'mse'])",
    ],
)
def test_sound_programs_are_let_through(text):
    assert told(TF + text) == []


def test_all_at_once_in_their_order():
    found = told(TF + "tf.a1\ntf.nn.b2\nkeras.layers.C3\n")
    assert [line for line, _, _ in found] == [3, 4, 5]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("keras.optimizers.Adam(lr=0.1)", "lr= is read as learning_rate="),
        ("keras.optimizers.SGD(0.1, decay=1e-4)", "decay= is read as learning_rate="),
        ("keras.callbacks.TensorBoard('a', batch_size=3)", "batch_size= does nothing"),
        ("keras.layers.Lambda(f, output_shape=(2,))", "output_shape= does nothing"),
        ("m.save('a', save_format='tf')", "save_format= does nothing"),
        ("v = tf.Variable([1, 2])\nv[0].assign(3)", "[...].assign() changes a part"),
        ("m.fit_generator(g, workers=3)", ".fit_generator() is read as .fit()"),
        ("keras.layers.LeakyReLU(alpha=0.1)", "alpha= is read as negative_slope="),
        ("a = x.shape.as_list()[0]", ".shape.as_list() is read as list(x.shape)"),
    ],
)
def test_older_spellings_are_put_right(text, said):
    import ast

    checked = check_text(TF + text)
    assert checked.problems == []
    assert said in checked.changes[0]
    new = ast.unparse(checked.trees[0][1])
    assert "lr=" not in new
    assert "fit_generator" not in new
    assert "workers" not in new


def test_modules_beside_are_read_too(tmp_path):
    from onefit.scripts.checking import check_file

    (tmp_path / "main.py").write_text("import helper\nfrom pack.deep import thing\n")
    (tmp_path / "helper.py").write_text("import tensorflow as tf\ntf.Session()\n")
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "deep.py").write_text("import keras\nkeras.layers.Dence(1)\n")
    problems = check_file(tmp_path / "main.py").problems
    assert [p.what for p in problems] == ["tf.Session", "keras.layers.Dence"]
    assert problems[0].where.endswith("helper.py")
