"""Known networks: the layers, names, weights and outputs of Keras' own.

Keras takes minutes to make them: its side is in oracle/applications.json, and
`python tests/applications/test_applications.py` makes it again. Each network gets
weights that a numpy generator draws, so that its output is a number to compare.
"""

import hashlib
import inspect
import json
import math
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import onefit
from onefit import applications

FILE = Path(__file__).parents[1] / "oracle" / "applications.json"

NAMES = [
    *("VGG16", "VGG19", "MobileNet", "MobileNetV2", "Xception", "InceptionV3"),
    *("ResNet50", "ResNet101", "ResNet152", "ResNet50V2", "ResNet101V2"),
    *("ResNet152V2", "DenseNet121", "DenseNet169", "DenseNet201"),
    *("EfficientNetB0", "EfficientNetB1", "EfficientNetB2"),
]
COMPUTED = ["MobileNetV2", "ResNet50", "ResNet50V2", "EfficientNetB0", "DenseNet121"]
COMPUTED += ["VGG16", "MobileNet", "Xception", "InceptionV3"]
SIZE = 96


def drawn(weights):
    """Weights of these shapes at which activations neither vanish nor explode."""
    rng = np.random.default_rng(0)
    made = []
    for weight in weights:
        if weight.dtype.kind != "f":
            made.append(np.zeros(weight.shape, weight.dtype))
        elif weight.ndim > 1:
            scale = math.sqrt(2 / max(math.prod(weight.shape[:-1]), 1))
            made.append(rng.uniform(-1.7, 1.7, weight.shape) * scale)
        else:
            made.append(rng.uniform(0.5, 1.5, weight.shape))
    return made


def images():
    return np.random.default_rng(1).uniform(0, 255, (1, SIZE, SIZE, 3)).astype("f4")


def fingerprint(model):
    """The name, the layers' names, the weights' shapes, in a few letters."""
    names = [layer.name for layer in model.layers if "input" not in layer.name]
    shapes = [list(map(int, np.shape(w))) for w in model.get_weights()]
    text = json.dumps([names, shapes])
    return [
        model.name,
        int(model.count_params()),
        len(names),
        hashlib.sha256(text.encode()).hexdigest()[:16],
    ]


def make():
    import keras

    made = {}
    for name in NAMES:
        keras.backend.clear_session()
        function = getattr(keras.applications, name)
        given = {"weights": None, "include_top": False, "pooling": "avg"}
        bare = function(input_shape=(SIZE, SIZE, 3), **given)
        made[name] = {"bare": fingerprint(bare)}
        if name in COMPUTED:
            bare.set_weights(drawn(bare.get_weights()))
            made[name]["output"] = np.asarray(bare(images()))[0, :8].tolist()
        keras.backend.clear_session()
        made[name]["top"] = fingerprint(function(weights=None))
        FILE.write_text(json.dumps(made, indent=1) + "\n")
        print(name, flush=True)


ORACLE = json.loads(FILE.read_text()) if FILE.exists() else {}
CAFFE = np.array([[[10.0, 20.0, 30.0]]], "float32")
BARE = {"weights": None, "include_top": False, "pooling": "avg"}


@pytest.mark.parametrize("name", NAMES)
def test_layers_names_and_weights_are_keras(name):
    model = getattr(applications, name)(input_shape=(SIZE, SIZE, 3), **BARE)
    assert fingerprint(model) == ORACLE[name]["bare"]


# The others' tops have the same layers; VGG's have half a gigabyte of weights.
@pytest.mark.parametrize(
    "name", ["MobileNet", "MobileNetV2", "ResNet50", "EfficientNetB0", "InceptionV3"]
)
def test_tops_are_keras(name):
    assert fingerprint(getattr(applications, name)(weights=None)) == ORACLE[name]["top"]


@pytest.mark.parametrize("name", ["MobileNetV2", "ResNet50", "EfficientNetB0"])
def test_outputs_are_keras(name):
    model = getattr(applications, name)(input_shape=(SIZE, SIZE, 3), **BARE)
    model.set_weights(drawn(model.get_weights()))
    ours = model.predict(images(), verbose=0)[0, :8]
    np.testing.assert_allclose(ours, ORACLE[name]["output"], rtol=2e-3, atol=1e-4)


def test_settings_of_the_output():
    net = applications.MobileNetV2
    given = {"weights": None, "alpha": 0.35, "input_shape": (32, 32, 1)}
    assert net(include_top=False, **given).output_shape == (None, 1, 1, 1280)
    assert net(include_top=False, pooling="max", **given).output_shape == (None, 1280)
    model = net(classes=3, classifier_activation=None, name="mine", **given)
    assert (model.name, model.output_shape) == ("mine", (None, 3))
    assert model.layers[-1].activation is onefit.activations.linear
    assert net(include_top=False, **given | {"input_shape": None}).name.endswith("None")


def test_it_builds_on_a_value_of_a_graph():
    images = onefit.Input((40, 40, 1))
    x = onefit.layers.Concatenate()([images] * 3)
    x = applications.mobilenet.preprocess_input(x)
    model = applications.MobileNet(
        alpha=0.25, weights=None, include_top=False, pooling="avg", input_tensor=x
    )
    assert model.input_shape == (None, 40, 40, 1)
    y = onefit.layers.Dense(2)(model.output)
    whole = onefit.Model(model.input, y)
    assert whole(np.zeros((1, 40, 40, 1))).shape == (1, 2)


def test_a_file_of_weights(tmp_path):
    given = {"alpha": 0.25, "include_top": False, "input_shape": (32, 32, 3)}
    model = applications.MobileNet(weights=None, **given)
    for name in ("m.weights.h5", "m.keras"):
        save = model.save if name.endswith("keras") else model.save_weights
        save(tmp_path / name)
        again = applications.MobileNet(weights=tmp_path / name, **given)
        for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="received"):
        applications.MobileNet(weights=tmp_path / "m.keras", **given | {"alpha": 0.5})


@pytest.fixture
def models(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def old_format(model, file):
    """The file that Keras 2 wrote for these weights."""
    import h5py

    with h5py.File(file, "w") as stored:
        names = [layer.name for layer in model.layers]
        stored.attrs["layer_names"] = [name.encode() for name in names]
        for layer in model.layers:
            group = stored.create_group(layer.name)
            arrays = layer.get_weights()
            weights = [f"{layer.name}/w{i}:0" for i in range(len(arrays))]
            group.attrs["weight_names"] = [name.encode() for name in weights]
            for name, array in zip(weights, arrays, strict=True):
                group[name] = array


def test_keras_published_weights_are_found_in_its_cache(models):
    given = {"alpha": 0.25, "include_top": False, "input_shape": (128, 128, 3)}
    model = applications.MobileNet(weights=None, **given)
    model.set_weights(drawn(model.get_weights()))
    file = models / "mobilenet_2_5_128_tf_no_top.h5"
    old_format(model, file)
    again = applications.MobileNet(**given)
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    old_format(applications.MobileNet(weights=None, **given | {"alpha": 0.5}), file)
    with pytest.raises(ValueError, match=r"tf_no_top.h5 with the weights of 54 layers"):
        applications.MobileNet(**given)


def test_without_a_network_it_says_which_file_to_put_where(models, monkeypatch):
    def gone(url, **_):
        raise OSError("no network")

    monkeypatch.setattr("urllib.request.urlopen", gone)
    with pytest.raises(OSError, match="no network") as error:
        applications.EfficientNetB0(include_top=False)
    text = str(error.value)
    assert (
        "https://storage.googleapis.com/keras-applications/efficientnetb0_notop.h5"
        in text
    )
    assert str(models / "efficientnetb0_notop.h5") in text
    assert "Or write weights=None for fresh weights, or weights='name.h5'" in text
    monkeypatch.setattr("onefit.applications.building.Model", None)  # nothing is built
    with pytest.raises(OSError, match="Or write weights=None"):
        applications.VGG16()
    with pytest.raises(OSError, match=r"imagenet_class_index.json"):
        applications.vgg16.decode_predictions(np.zeros((1, 1000)))


def test_predictions_have_names(models, monkeypatch):
    names = {str(i): [f"n{i}", f"thing {i}"] for i in range(1000)}
    file = models / "imagenet_class_index.json"
    file.write_text(json.dumps(names))
    md5 = hashlib.md5(file.read_bytes()).hexdigest()
    monkeypatch.setattr(applications.imagenet_utils, "CLASSES_MD5", md5)
    shares = np.zeros((2, 1000), "float32")
    shares[0, 7], shares[0, 9], shares[1, 3] = 0.6, 0.4, 1.0
    found = applications.resnet50.decode_predictions(shares, top=2)
    assert found[0] == [
        ("n7", "thing 7", np.float32(0.6)),
        ("n9", "thing 9", np.float32(0.4)),
    ]
    assert found[1][0][:2] == ("n3", "thing 3")
    with pytest.raises(ValueError, match=r"shape \(1, 10\); expected \(rows, 1000\)"):
        applications.resnet50.decode_predictions(np.zeros((1, 10)))


@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("batch", [True, False])
def test_preprocess_input_is_keras(mode, data_format, batch):
    from keras.applications.imagenet_utils import preprocess_input as keras

    x = np.random.default_rng(0).uniform(0, 255, (2, 4, 5, 3)).astype("float32")
    x = x.transpose(0, 3, 1, 2) if data_format == "channels_first" else x
    x = x if batch else x[0]
    theirs = keras(x.copy(), data_format, mode)
    prepare = applications.imagenet_utils.preprocess_input
    before = x.copy()
    for given in (x, jnp.asarray(x)):
        np.testing.assert_allclose(
            prepare(given, data_format, mode), theirs, rtol=1e-4, atol=1e-4
        )
    np.testing.assert_array_equal(x, before)
    np.testing.assert_allclose(
        prepare(x.astype("uint8"), data_format, mode),
        keras(x.astype("uint8"), data_format, mode),
        rtol=1e-4,
        atol=1e-4,
    )


@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
def test_preprocess_input_in_a_graph(mode):
    prepare = applications.imagenet_utils.preprocess_input
    x = onefit.Input((1, 1, 3))
    model = onefit.Model(x, prepare(x, mode=mode))
    np.testing.assert_allclose(
        model(CAFFE[None]), prepare(CAFFE[None], mode=mode), rtol=1e-4
    )


MODES = {"vgg16": "caffe", "vgg19": "caffe", "resnet": "caffe", "resnet50": "caffe"}
MODES |= {"resnet_v2": "tf", "mobilenet": "tf", "mobilenet_v2": "tf", "xception": "tf"}
MODES |= {"inception_v3": "tf", "densenet": "torch"}


@pytest.mark.parametrize("module", [*MODES, "efficientnet"])
def test_each_module_has_what_keras_has(module):
    import keras

    ours = getattr(applications, module)
    theirs = getattr(keras.applications, module)
    assert set(ours.__all__) == {n for n in dir(theirs) if n[0] != "_"}
    expected = theirs.preprocess_input(CAFFE.copy())
    np.testing.assert_allclose(ours.preprocess_input(CAFFE), expected, rtol=1e-5)
    for name in set(ours.__all__) - {"decode_predictions", "preprocess_input"}:
        mine = inspect.signature(getattr(ours, name)).parameters.values()
        keras_s = inspect.signature(getattr(theirs, name)).parameters.values()
        assert [(p.name, p.default) for p in mine] == [
            (p.name, p.default) for p in keras_s
        ]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"weights": "image"}, "weights='image'; expected None, 'imagenet', or a file"),
        ({"pooling": "mean"}, "Unknown pooling of ResNet50 'mean'"),
        ({"weights": None, "classes": 0}, "classes=0; expected a positive"),
        ({"classes": 10}, "classes=10 with the top of weights='imagenet'"),
        (
            {"classifier_activation": "relu"},
            "classifier_activation='relu' with the top",
        ),
        ({"weights": None, "input_shape": (16, 64, 3)}, "32 by 32 or more"),
        ({"weights": None, "input_shape": (64, 64)}, r"images of shape \(64, 64\)"),
        ({"weights": None, "input_shape": (None, None, 3)}, "include_top=False for im"),
        ({"input_shape": (64, 64, 1)}, "1 channels with weights='imagenet'"),
        ({"weights": None, "input_tensor": np.ones((1, 64, 64, 3))}, "of type ndarray"),
    ],
)
def test_what_cannot_be_meant(given, words):
    with pytest.raises((ValueError, TypeError), match=words):
        applications.ResNet50(**given)


def test_mobile_networks_refuse_what_keras_has_no_weights_of():
    with pytest.raises(
        ValueError, match=r"MobileNet: received alpha=0.3; expected one"
    ):
        applications.MobileNet(alpha=0.3)
    with pytest.raises(ValueError, match="alpha=0; expected a number above 0"):
        applications.MobileNetV2(alpha=0, weights=None)
    with pytest.raises(ValueError, match="depth_multiplier=2; expected 1"):
        applications.MobileNet(depth_multiplier=2)
    x = onefit.Input((64, 64, 3))
    with pytest.raises(
        ValueError, match=r"input_shape=\(32, 32, 3\) and an input_tens"
    ):
        applications.MobileNet(weights=None, input_tensor=x, input_shape=(32, 32, 3))


if __name__ == "__main__":
    make()
