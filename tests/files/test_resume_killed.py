"""Processes killed at any moment: files are old or new, and fits go on to the bit.

ONEFIT_KILLS=100 kills more often than a test run has time for.
"""

import os
import random
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

import onefit
from onefit import Input, Sequential, layers
from onefit.callbacks import BackupAndRestore, LambdaCallback, ModelCheckpoint

# What a network of noise is told of itself does not matter here.
pytestmark = pytest.mark.filterwarnings("ignore::onefit.OnefitWarning")

KILLS = int(os.environ.get("ONEFIT_KILLS", "0"))
EPOCHS, BATCH = 30, 8

RNG = np.random.default_rng(0)
X = RNG.normal(size=(21, 3)).astype("float32")  # the last batch has 5 rows
Y = (X @ [[1.0], [2.0], [-1.0]]).astype("float32")


def network(dropout):
    rest = [layers.BatchNormalization(), layers.Dropout(dropout), layers.Dense(1)]
    model = Sequential([Input((3,)), layers.Dense(8, "tanh"), *rest])
    model.compile(onefit.optimizers.Adam(0.01), "mse")
    return model


def slowly(_epoch, _logs):
    if __name__ == "__main__":
        print("epoch", flush=True)
        time.sleep(0.003)


def backed_up(folder, kill):
    """A fit with all that is random, which goes on from its backup."""
    onefit.config.set_random_seed(3 if not kill else random.randrange(99))
    model = network(0.3)
    told = [LambdaCallback(on_epoch_end=slowly)]
    told += [BackupAndRestore(folder / "backup", delete_checkpoint=False)]
    if not (folder / "backup").exists():
        onefit.config.set_random_seed(3)
        model = network(0.3)
    model.fit(
        X, Y, batch_size=BATCH, epochs=EPOCHS, shuffle=True, verbose=0, callbacks=told
    )
    return model


def checkpointed(folder, kill):
    """A fit without a random thing, which goes on from its last model's file."""
    onefit.config.set_random_seed(3)
    path, first = folder / "model.keras", 0
    model = network(0.0)
    if kill and path.exists():
        model = onefit.load_model(path)
        steps = int(model.optimizer_state["iterations"])
        first = steps // -(-len(X) // BATCH)
    told = [LambdaCallback(on_epoch_end=slowly), ModelCheckpoint(path)]
    if first < EPOCHS:
        model.fit(
            X,
            Y,
            batch_size=BATCH,
            epochs=EPOCHS,
            initial_epoch=first,
            shuffle=False,
            verbose=0,
            callbacks=told,
        )
    return model


FITS = {"backed_up": backed_up, "checkpointed": checkpointed}


def run(kind, folder, kill):
    """The fit in a process of its own; killed after so many epochs, if it is told."""
    command = [sys.executable, __file__, kind, str(folder), str(int(kill is not None))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for count, _ in enumerate(process.stdout):
            if count == kill:
                time.sleep(random.random() * 0.006)
                process.send_signal(signal.SIGKILL)
                break
        process.wait()
    return process.returncode


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such kill")
@pytest.mark.parametrize(("kind", "kills"), [("backed_up", 2), ("checkpointed", 1)])
def test_a_killed_fit_ends_as_if_nothing_had_been(kind, kills, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    wanted = FITS[kind](whole, False).get_weights()
    random.seed(0 if not KILLS else None)
    for _ in range(KILLS or kills):
        # What is left is never broken: each process goes on.
        assert run(kind, parts, random.randrange(0, 12)) in (0, -signal.SIGKILL)
    assert run(kind, parts, EPOCHS + 1) == 0
    found = np.load(parts / "end.npz")
    for name, array in zip(found.files, wanted, strict=True):
        np.testing.assert_array_equal(found[name], array)


# Files --------------------------------------------------------------------------------


def saving(folder):
    """Forks processes that save two models in turn, kills each, and looks."""
    models = [network(0.0), network(0.0)]
    paths = [
        folder / f"model{end}" for end in (".keras", ".weights.h5", ".safetensors")
    ]
    for path in paths:
        save(models[0], path)
    wanted = [model.get_weights() for model in models]
    random.seed(0 if not KILLS else None)
    for _ in range(KILLS or 25):
        if child := os.fork():
            time.sleep(random.random() * 0.03)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            for path in paths:
                found = loaded(path)
                assert any(same(found, weights) for weights in wanted), path
        else:
            while True:
                for model in models[::-1]:
                    for path in paths:
                        save(model, path)


def save(model, path):
    (model.save if path.name.endswith(".keras") else model.save_weights)(path)


def loaded(path):
    if path.name.endswith(".keras"):
        return onefit.load_model(path).get_weights()
    model = network(0.0)
    model.load_weights(path)
    return model.get_weights()


def same(ours, theirs):
    return all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_killed_save_leaves_the_old_file_or_the_new(tmp_path):
    command = [sys.executable, __file__, "saving", str(tmp_path), "0"]
    subprocess.run(command, check=True, timeout=60 + KILLS)


def main(kind, folder, kill):
    warnings.simplefilter("ignore")
    folder = Path(folder)
    if kind == "saving":
        saving(folder)
        return
    model = FITS[kind](folder, kill == "1")
    np.savez(folder / "end.npz", *model.get_weights())


if __name__ == "__main__":
    main(*sys.argv[1:])
