"""Distribution: several devices give the numbers of one, whatever is spread over them.

Made-up CPU devices have to be asked for before JAX begins, so each number of devices is
a process of its own, which runs all of `WORKS` and writes what they gave.
"""

import functools
import os
import subprocess
import sys
import tempfile
from typing import Any

import jax
import numpy as np
import pytest
from jax.sharding import PartitionSpec

import onefit
from onefit import Input, Sequential, distribution, layers
from onefit.distribution import DataParallel, DeviceMesh, LayoutMap, ModelParallel

RNG = np.random.default_rng(0)
X = RNG.normal(size=(310, 6)).astype("float32")
Y = (X[:, :1] * X[:, 1:2]).astype("float32")


ROWS = 1 << 14
"""Of an embedding: with more than 32,768 weights a network's are no one vector."""


def network(*more, **compiling):
    onefit.config.set_random_seed(3)
    model = Sequential([Input((6,)), layers.Dense(16, "relu"), *more, layers.Dense(1)])
    settings = {"optimizer": "adam", "loss": "mse", "metrics": ["mae"], "check": False}
    model.compile(**settings | compiling)
    return model


def gives(model, history=None):
    found = {f"weight {i}": w for i, w in enumerate(model.get_weights())}
    for name, values in (history.history if history else {}).items():
        found[name] = np.array(values)
    return found


def spread():
    distribution.set_distribution(DataParallel(always=True))


def fits(**options):
    spread()
    model = network(layers.Dropout(0.2))
    settings = {"epochs": 3, "validation_split": 0.2, "verbose": 0} | options
    return gives(model, model.fit(X, Y, **settings))


def stops_early():
    """All stop at the same epoch, and have the best weights."""
    stop = onefit.callbacks.EarlyStopping(
        "loss", patience=0, min_delta=0.5, restore_best_weights=True
    )
    found = fits(epochs=30, callbacks=[stop])
    assert len(found["loss"]) < 30
    return found


def by_batch_statistics():
    """The statistics are those of the whole batch, not of a device's share."""
    spread()
    model = network(layers.BatchNormalization())
    return gives(model, model.fit(X, Y, epochs=2, batch_size=40, verbose=0))


def from_disk():
    spread()
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/rows.npy", np.column_stack([X, Y]))
        table = onefit.data.Table(
            f"{folder}/rows.npy", -1, folder=folder, memory="3 kB", verbose=0
        )
        model = network()
        return gives(model, model.fit(table, epochs=2, verbose=0))


def goes_on():
    """A fit that was stopped goes on with what it had."""
    spread()
    with tempfile.TemporaryDirectory() as folder:

        def fit(epochs):
            onefit.config.set_random_seed(7)
            backup = onefit.callbacks.BackupAndRestore(folder, delete_checkpoint=False)
            model = network()
            history = model.fit(X, Y, epochs=epochs, callbacks=[backup], verbose=0)
            return model, history

        fit(2)
        model, history = fit(5)
        assert history.epoch == [2, 3, 4]
        return gives(model, history)


def weights_over_devices():
    """An embedding that is cut into as many parts as there are devices."""
    count = jax.device_count()
    mesh = DeviceMesh((1, count), ("batch", "model"))
    layouts = LayoutMap(mesh)
    layouts["embedding/embeddings"] = ("model", None)
    onefit.config.set_random_seed(3)
    table = layers.Embedding(ROWS, 4, name="embedding")
    model = Sequential([Input((5,), dtype="int32"), table, layers.Flatten()])
    model.add(layers.Dense(1))
    model.compile("adam", "mse", check=False)
    ids = np.random.default_rng(1).integers(ROWS, size=(200, 5)).astype("int32")
    found = {}

    class Looks(onefit.callbacks.Callback):
        def set_state(self, state):
            self.state = state

        def on_stretch_end(self, epochs, logs):
            for leaf in jax.tree.leaves((self.state.params, self.state.train)):
                if np.shape(leaf) == (ROWS, 4):
                    rows = {shard.data.shape[0] for shard in leaf.addressable_shards}
                    found["rows"] = rows

    distribution.set_distribution(ModelParallel(layout_map=layouts))
    history = model.fit(
        ids, ids.mean(1) / ROWS, epochs=3, batch_size=32, verbose=0, callbacks=[Looks()]
    )
    assert found["rows"] == {ROWS // count}
    return gives(model, history)


def members():
    from onefit import population

    found = population.fit(network(), X, Y, seeds=64, epochs=2, verbose=0)
    settings = population.fit(
        network(), X, Y, vary={"learning_rate": [0.1, 0.01, 0.001]}, epochs=2, verbose=0
    )
    return {
        "losses": found.history["loss"],
        "weights": found.best().get_weights()[0],
        "settings": settings.history["loss"],
    }


def refused():
    """What is refused is said alike; the devices are counted."""
    distribution.set_distribution(DataParallel())
    count = distribution.get_device_count()
    if count > 1:
        with pytest.raises(ValueError, match="measured to take"):
            network().fit(X, Y, verbose=0)
        with pytest.raises(ValueError, match=f"batches of 33 rows for {count} devices"):
            network().fit(X, Y, batch_size=33, verbose=0)
    distribution.set_distribution(None)
    assert distribution.list_devices() == [f"cpu:{i}" for i in range(count)]
    return gives(network())


WORKS = {
    "fits": fits,
    "as they lie": functools.partial(fits, shuffle=False, batch_size=24),
    "by batch": functools.partial(fits, callbacks=[onefit.callbacks.LambdaCallback()]),
    "stops early": stops_early,
    "batch statistics": by_batch_statistics,
    "from disk": from_disk,
    "goes on": goes_on,
    "weights over devices": weights_over_devices,
    "members": members,
    "refused": refused,
}


def results():
    """What each work gives here."""
    found = {}
    for title, work in WORKS.items():
        found |= {f"{title}/{what}": value for what, value in work().items()}
        distribution.set_distribution(None)
    return found


@functools.cache
def numbers(devices):
    """What each work gives on so many devices; what went wrong as a text."""
    flags = f"--xla_force_host_platform_device_count={devices}"
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, __file__, f"{folder}/numbers.npz"],
            env=os.environ | {"XLA_FLAGS": flags},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            return done.stderr
        with np.load(f"{folder}/numbers.npz") as file:
            return {name: file[name] for name in file.files}


@pytest.mark.parametrize("work", WORKS)
@pytest.mark.parametrize("devices", [2, 8])
def test_several_devices_give_the_numbers_of_one(devices, work):
    one, several = numbers(1), numbers(devices)
    assert isinstance(one, dict), one
    assert isinstance(several, dict), several
    names = [name for name in one if name.startswith(f"{work}/")]
    assert names
    assert names == [name for name in several if name.startswith(f"{work}/")]
    for name in names:
        np.testing.assert_allclose(several[name], one[name], atol=1e-5, err_msg=name)


def test_members_over_two_devices_are_those_of_one_to_the_bit():
    one, several = numbers(1), numbers(2)
    for name in ("members/losses", "members/weights"):
        np.testing.assert_array_equal(several[name], one[name])


# Names of Keras -----------------------------------------------------------------------


def test_what_cannot_be_meant_is_refused():
    with pytest.raises(ValueError, match="as many devices as the shape has"):
        DeviceMesh((3, 5), ("batch", "model"))
    with pytest.raises(ValueError, match="'cpu:99'; expected"):
        DataParallel(devices=["cpu:99"])
    with pytest.raises(ValueError, match="Write ModelParallel"):
        DataParallel(DeviceMesh((1, 1), ("batch", "model")))
    with pytest.raises(TypeError, match="DataParallel"):
        distribution.set_distribution("two devices")
    mesh = DeviceMesh((1,), ("model",))
    with pytest.raises(ValueError, match="axis 'rows'; expected one of the mesh"):
        distribution.distribute_tensor(
            np.ones(3), distribution.TensorLayout(["rows"], mesh)
        )
    layouts = LayoutMap(mesh)
    layouts["kernel"] = layouts["dense"] = ("model",)
    with pytest.raises(ValueError, match="'dense/kernel', which"):
        layouts["dense/kernel"]
    with pytest.raises(TypeError, match="a LayoutMap"):
        ModelParallel(layout_map={"kernel": ("model",)})


def test_an_array_lies_as_its_layout_says():
    mesh = DeviceMesh((1,), ("model",))
    layout = distribution.TensorLayout(("model", None), mesh)
    array: Any = distribution.distribute_tensor(np.ones((4, 2)), layout)
    assert array.sharding.spec == PartitionSpec("model", None)


if __name__ == "__main__":
    np.savez(sys.argv[1], **results())
