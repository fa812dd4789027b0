# pyright: reportAttributeAccessIssue=false
# (h5py's types do not tell groups from arrays.)
"""The published holes of loading models, 2024 to 2026: their files, built and refused.

Each is refused in words, within a second, without much memory, and nothing of it runs.
"""

import base64
import io
import json
import marshal
import pickle
import sys
import time
import tracemalloc
import zipfile

import h5py
import numpy as np
import pytest

import onefit
from onefit import Input, Sequential, layers
from onefit.files.refusal import BadFile

SEEN = []  # what a file has managed to run
MEGABYTES = 32


class Evil:
    """Runs when it is unpickled."""

    def __reduce__(self):
        return SEEN.append, ("ran",)


@pytest.fixture
def path(tmp_path, monkeypatch):
    model = Sequential([Input((4,)), layers.Dense(3), layers.Dense(1)])
    model.compile("adam", "mse")
    model.save(tmp_path / "model.keras")
    # What the published files call: run, they would be seen.
    for module, name in (("os", "system"), ("os", "popen"), ("subprocess", "Popen")):
        monkeypatch.setattr(f"{module}.{name}", lambda *a, **k: SEEN.append(a))
    SEEN.clear()
    return tmp_path / "model.keras"


def refused(path, match, load=onefit.load_model, **told):
    before = set(sys.modules)
    tracemalloc.start()
    begin = time.process_time()
    try:
        with pytest.raises((BadFile, ValueError), match=match):
            load(path, **told)
    finally:
        seconds = time.process_time() - begin
        peak = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
    assert seconds < 1
    assert peak < MEGABYTES
    assert not SEEN
    news = {name.split(".")[0] for name in set(sys.modules) - before}
    assert not news & {"keras", "tensorflow", "torch", "subprocess", "evil"}


def edit(path, change):
    with zipfile.ZipFile(path) as file:
        pairs = {name: file.read(name) for name in file.namelist()}
    config = json.loads(pairs["config.json"])
    change(config)
    pairs["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as file:
        for name, data in pairs.items():
            file.writestr(name, data)


def node(module, name, config=None, registered=None):
    return {
        "module": module,
        "class_name": name,
        "config": config or {},
        "registered_name": registered or name,
    }


def layer(module, name, config=None, registered=None):
    """Puts this in the place of a layer."""

    def change(model):
        model["config"]["layers"][1] = node(module, name, config, registered)

    return change


def setting(name, value):
    """Puts this in the place of a layer's setting."""

    def change(model):
        model["config"]["layers"][1]["config"][name] = value

    return change


def compiled(name, value):
    def change(model):
        model["compile_config"][name] = value

    return change


def code():
    """A lambda as Keras has it: its code, marshalled."""
    evil = compile("SEEN.append('ran')", "evil", "eval")
    text = base64.b64encode(marshal.dumps(evil)).decode()
    return {
        "class_name": "__lambda__",
        "config": {"code": text, "defaults": None, "closure": None},
    }


def old_lambda():
    """A Lambda as Keras 2 has it."""
    evil = compile("SEEN.append('ran')", "evil", "eval")
    text = base64.b64encode(marshal.dumps(evil)).decode()
    return {
        "name": "f",
        "function": [text, None, None],
        "function_type": "lambda",
        "module": "__main__",
        "arguments": {},
    }


CALL = {"args": ["touch /tmp/evil"], "kwargs": {}}
FUNCTION = {
    "module": "os",
    "class_name": "function",
    "config": "system",
    "registered_name": "system",
}

CASES = {
    # A Lambda layer holds code.
    "CVE-2024-3660, a Lambda": (
        layer("keras.layers", "Lambda", {"name": "f", "function": code()}),
        "a Lambda layer, which holds code",
    ),
    "CVE-2024-3660, of Keras 2": (
        layer("keras.layers", "Lambda", old_lambda()),
        "a Lambda layer, which holds code",
    ),
    "CVE-2024-3660, a lambda as activation": (
        setting("activation", code()),
        "a lambda, which is code",
    ),
    "CVE-2024-3660, a lambda as loss": (
        compiled("loss", code()),
        "a lambda, which is code",
    ),
    "CVE-2024-3660, inside another layer": (
        layer(
            "keras.layers",
            "TimeDistributed",
            {"layer": node("keras.layers", "Lambda", old_lambda())},
        ),
        "a Lambda layer, which holds code|Unknown class 'Lambda'",
    ),
    # config.json names any module and function, which is imported and called.
    "CVE-2025-1550, os.system as a layer": (
        layer("os", "system", "touch /tmp/evil"),
        "Unknown layer 'system'.*nothing is imported",
    ),
    "CVE-2025-1550, a function called on a string": (
        layer("os", "function", "system", "system"),
        "Unknown layer 'function'.*nothing is imported",
    ),
    "CVE-2025-1550, a function called with inbound arguments": (
        lambda model: model["config"]["layers"].append(
            FUNCTION | {"name": "system", "inbound_nodes": [CALL]}
        ),
        "Unknown layer 'function'|expected a layer|received",
    ),
    "CVE-2025-1550, a class to be made": (
        setting("kernel_initializer", node("subprocess", "Popen", {"args": "touch x"})),
        "Unknown class 'Popen'.*nothing is imported",
    ),
    "CVE-2025-1550, a module to be imported": (
        layer("evil.package", "Layer", {}),
        "Unknown layer 'Layer'|received",
    ),
    "CVE-2025-1550, a function of the house's name": (
        setting("activation", FUNCTION),
        "Unknown activation 'system'",
    ),
    "CVE-2025-1550, a registered name with a package": (
        layer("builtins", "eval", {"source": "1"}, "builtins>eval"),
        "Unknown layer 'eval'",
    ),
    # Keras' own functions do the harm: they fetch files, or call others.
    "CVE-2025-8747, get_file": (
        layer("keras.src.utils.file_utils", "function", "get_file"),
        "Unknown layer 'function'",
    ),
    "CVE-2025-8747, get_file as a class": (
        layer("keras.utils", "get_file", {"fname": "x", "origin": "http://evil/x"}),
        "Unknown layer 'get_file'",
    ),
    "CVE-2025-8747, as activation": (
        setting(
            "activation", node("keras.src.utils.file_utils", "function", "get_file")
        ),
        "Unknown activation 'get_file'",
    ),
    "CVE-2025-8747, a method of a class of Keras": (
        layer("keras.src.models.model", "Model.load_weights", {}),
        "Unknown layer 'Model.load_weights'",
    ),
    # config.json itself takes the safety off.
    "CVE-2025-9906, enable_unsafe_deserialization": (
        layer("keras.config", "enable_unsafe_deserialization"),
        "Unknown layer 'enable_unsafe_deserialization'",
    ),
    "CVE-2025-9906, and then the Lambda": (
        lambda model: model["config"]["layers"].__setitem__(
            slice(1, 3),
            [
                node("keras.src.config", "function", "enable_unsafe_deserialization"),
                node("keras.layers", "Lambda", {"name": "f", "function": code()}),
            ],
        ),
        "Unknown layer 'function'",
    ),
    # Layers that unpack or open things of their own.
    "CVE-2026-1462, a TorchModuleWrapper with a pickle": (
        layer(
            "keras.layers",
            "TorchModuleWrapper",
            {"module": base64.b64encode(pickle.dumps(Evil())).decode()},
        ),
        "Unknown layer 'TorchModuleWrapper'",
    ),
    "CVE-2026-1462, a TFSMLayer with a folder": (
        layer("keras.layers", "TFSMLayer", {"filepath": "//evil/share"}),
        "Unknown layer 'TFSMLayer'",
    ),
    "CVE-2026-1462, a JaxLayer": (
        layer("keras.layers", "JaxLayer", {"call_fn": code()}),
        "Unknown layer 'JaxLayer'",
    ),
    "CVE-2026-1462, a vocabulary of any file": (
        layer("keras.layers", "StringLookup", {"vocabulary": "/etc/passwd"}),
        "vocabulary='/etc/passwd', another file",
    ),
    "CVE-2026-1462, a model in an initializer": (
        setting(
            "kernel_initializer",
            node("keras.saving", "load_model", {"filepath": "//evil/m.keras"}),
        ),
        "Unknown class 'load_model'",
    ),
    "a custom object that nobody handed over": (
        layer("own", "Evil", {}, "own>Evil"),
        "Unknown layer 'Evil'.*custom_objects",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_config_may_not_say(case, path):
    change, match = CASES[case]
    edit(path, change)
    refused(path, match)
    refused(path, match if "loss" not in case else ".", compile=True)


@pytest.mark.parametrize("case", CASES)
def test_nor_may_its_text(case, path):
    """The same as JSON alone."""
    change, match = CASES[case]
    edit(path, change)
    with zipfile.ZipFile(path) as file:
        text = file.read("config.json").decode()
    refused(text, match, onefit.models.model_from_json)


def legacy(path):
    """A model of Keras 2: an HDF5 file with the config as an attribute."""
    config = {
        "class_name": "Sequential",
        "config": {
            "layers": [{"class_name": "Lambda", "config": old_lambda()}],
            "name": "s",
        },
    }
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = "2.15.0"
        file.create_group("model_weights")


@pytest.mark.parametrize("ending", [".h5", ".hdf5", ".keras"])
def test_cve_2025_9905_a_legacy_file(ending, tmp_path):
    """The old format has no safe mode in Keras: here it is read as any other file."""
    path = tmp_path / f"model{ending}"
    legacy(path)
    named = "which holds code" if ending != ".keras" else "an HDF5 file"
    refused(path, named)


def test_cve_2025_9905_as_weights(path, tmp_path):
    model = onefit.load_model(path)
    legacy(tmp_path / "a.weights.h5")
    refused(tmp_path / "a.weights.h5", "received 0 arrays at", model.load_weights)


def bomb(file, name, shape):
    del file[name]
    # In pieces of which none is there: the file stays small.
    file.create_dataset(name, shape, "f4", chunks=(1, 1024), compression="gzip")


@pytest.mark.parametrize("shape", [(1 << 20, 1 << 20), (1 << 14, 1 << 14)])
def test_a_shape_bomb_in_a_legacy_file(shape, tmp_path):
    """Also where only the config asks for it."""
    model = Sequential([Input((4,)), layers.Dense(3), layers.Dense(1)])
    for there in (True, False):
        model.save(tmp_path / "a.h5")
        with h5py.File(tmp_path / "a.h5", "r+") as file:
            config = json.loads(file.attrs["model_config"])
            config["config"]["layers"][0]["config"]["batch_shape"] = [None, shape[0]]
            config["config"]["layers"][1]["config"]["units"] = shape[1]
            file.attrs["model_config"] = json.dumps(config)
            if there:
                bomb(file, "model_weights/dense/dense/0_kernel", shape)
        refused(tmp_path / "a.h5", "declared|expected|many")


def test_a_circle_and_a_link_in_a_legacy_file(tmp_path):
    model = Sequential([Input((4,)), layers.Dense(3)])
    for link in (h5py.SoftLink("/model_weights"), h5py.ExternalLink("b.h5", "/a")):
        model.save(tmp_path / "a.h5")
        with h5py.File(tmp_path / "a.h5", "r+") as file:
            del file["model_weights/dense/dense"]
            file["model_weights/dense/dense"] = link
        refused(tmp_path / "a.h5", "a link")


@pytest.mark.parametrize("shape", [(1 << 20, 1 << 20), (1 << 14, 1 << 14)])
@pytest.mark.parametrize("place", ["layers/dense/vars/0", "optimizer/vars/2"])
def test_cve_2026_0897_a_shape_bomb(place, shape, path, tmp_path):
    model = onefit.load_model(path)
    model.save_weights(tmp_path / "a.weights.h5")
    with h5py.File(tmp_path / "a.weights.h5", "r+") as file:
        bomb(file, place, shape)
    bytes_ = (tmp_path / "a.weights.h5").read_bytes()
    refused(tmp_path / "a.weights.h5", "bytes declared at", model.load_weights)
    with zipfile.ZipFile(path) as old:
        pairs = {name: old.read(name) for name in old.namelist()}
    pairs["model.weights.h5"] = bytes_
    # The config may ask for the very same shape.
    config = json.loads(pairs["config.json"])
    config["config"]["layers"][0]["config"]["batch_shape"] = [None, shape[0]]
    config["config"]["layers"][1]["config"]["units"] = shape[1]
    for told in (pairs["config.json"], json.dumps(config).encode()):
        pairs["config.json"] = told
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, data in pairs.items():
                file.writestr(name, data)
        refused(path, "declared|expected|many")


def test_cve_2026_0897_many_names_for_one_array(path, tmp_path):
    """Small on the disk, and linked a thousand times."""
    wide = Sequential([Input((512,))] + [layers.Dense(512) for _ in range(300)])
    config = wide.to_json()
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        for number in range(300):
            at = f"layers/dense{f'_{number}' if number else ''}/vars"
            file.create_group(at)
            if not number:
                kernel = file[at].create_dataset("0", data=np.ones((512, 512), "f4"))
                bias = file[at].create_dataset("1", data=np.ones(512, "f4"))
            else:
                file[at]["0"], file[at]["1"] = kernel, bias
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("config.json", config)
        file.writestr("metadata.json", "{}")
        file.writestr("model.weights.h5", weights.getvalue())
    refused(path, "1,048,576 bytes declared at .layers/dense_1/")


@pytest.mark.parametrize("ending", [".weights.h5", ".safetensors", ".keras"])
@pytest.mark.parametrize("kind", ["pickle", "torch", "torch old", "npz"])
def test_cve_2025_32434_and_2026_24747_pickles_of_torch(kind, ending, path, tmp_path):
    """`torch.load` ran code even with weights_only=True: no pickle is ever read."""
    model = onefit.load_model(path)
    bytes_ = pickle.dumps({"weight": Evil()})
    if kind == "torch":  # a zip with a pickle in it
        whole = io.BytesIO()
        with zipfile.ZipFile(whole, "w") as file:
            file.writestr("archive/data.pkl", bytes_)
            file.writestr("archive/version", "3\n")
            file.writestr("archive/data/0", bytes(16))
        bytes_ = whole.getvalue()
    elif kind == "torch old":  # pickles one after another, of sizes and storages
        bytes_ = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + bytes_
    elif kind == "npz":
        whole = io.BytesIO()
        np.savez(whole, np.array([Evil()], object))
        bytes_ = whole.getvalue()
        SEEN.clear()
    file = tmp_path / f"weights{ending}"
    file.write_bytes(bytes_)
    refused(file, "received", model.load_weights)
    if ending == ".keras":
        refused(file, "received")


def test_a_name_of_torch_is_refused_unread(path, tmp_path):
    model = onefit.load_model(path)
    for name in ("model.pt", "model.pth", "model.pkl", "model.bin", "model.npz"):
        (tmp_path / name).write_bytes(pickle.dumps(Evil()))
        refused(tmp_path / name, r"a name that ends in \.weights", model.load_weights)
        refused(tmp_path / name, r"a name that ends in \.keras")
