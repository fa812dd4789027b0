"""Several processes that train one network: the numbers of one; none waits for ever."""

import os
import re
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from onefit import distribution
from onefit.callbacks import BackupAndRestore

PROGRAM = """
import os, sys, time
import numpy as np
import onefit
from onefit import distribution, layers

rank, count, port, folder, what = sys.argv[1:]
rank, count = int(rank), int(count)
if count > 1:
    timeout = 60 if what in ("fit", "other rows") else 4
    distribution.initialize(f"127.0.0.1:{port}", count, rank, timeout=timeout)
    distribution.set_distribution(distribution.DataParallel(always=True))
rng = np.random.default_rng(0)
x = rng.normal(size=(230, 6)).astype("float32")
y = x[:, :1] * x[:, 1:2]
if what == "other rows" and rank == 1:
    x[0] += 1
if rank == 0:  # the others begin with other weights and another seed, and take these
    onefit.config.set_random_seed(3)
chain = [layers.Dense(16, "relu"), layers.Dense(1)]
model = onefit.Sequential([onefit.Input((6,)), *chain])
model.compile("adam", "mse", check=False)

class Told(onefit.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        print("epoch", epoch, flush=True)
        if what == "slow":
            time.sleep(0.2)
        if what == "stuck" and rank == 1 and epoch == 2:
            time.sleep(1000)

callbacks = [Told(), onefit.callbacks.CSVLogger(f"{folder}/log-{rank}.csv")]
if what in ("slow", "go on"):
    backup = onefit.callbacks.BackupAndRestore(folder, delete_checkpoint=False)
    callbacks.append(backup)
history = model.fit(x, y, epochs=12, callbacks=callbacks, verbose=0)
losses = history.history["loss"]
np.savez(f"{folder}/result-{rank}.npz", *model.get_weights(), loss=losses)
"""


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def start(folder, what, count=2, ranks=None):
    """Processes that train together."""
    port = free_port()
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "PYTHONUNBUFFERED": "1"}
    environment.pop("XLA_FLAGS", None)
    return [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                PROGRAM,
                f"{rank}",
                f"{count}",
                f"{port}",
                folder,
                what,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for rank in (range(count) if ranks is None else ranks)
    ]


def ended(processes, seconds=100):
    """The exit status of each, and what it said; none of them is left behind."""
    try:
        said = [process.communicate(timeout=seconds) for process in processes]
        return [process.returncode for process in processes], said
    finally:
        for process in processes:
            process.kill()


def result(folder, rank):
    with np.load(folder / f"result-{rank}.npz") as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What one process on one device gives."""
    folder = tmp_path_factory.mktemp("alone")
    codes, said = ended(start(folder, "fit", count=1))
    assert codes == [0], said
    return result(folder, 0)


def test_two_processes_give_the_numbers_of_one_and_the_first_one_writes(
    alone, tmp_path
):
    codes, said = ended(start(tmp_path, "fit"))
    assert codes == [0, 0], said
    for rank in (0, 1):
        for name, values in result(tmp_path, rank).items():
            np.testing.assert_allclose(values, alone[name], atol=1e-5)
    assert (tmp_path / "log-0.csv").exists()
    assert not (tmp_path / "log-1.csv").exists()


def test_a_process_that_is_killed_is_named_and_the_fit_goes_on(alone, tmp_path):
    processes = start(tmp_path, "slow")
    for line in processes[1].stdout:
        if line.startswith("epoch 4"):
            break
    processes[1].send_signal(signal.SIGKILL)
    begun = time.monotonic()
    codes, said = ended(processes)
    assert codes[0] not in (0, None)
    assert "process 1 of 2 has given no sign of life for 4 s" in said[0][1]
    assert time.monotonic() - begun < 60
    assert not (tmp_path / "result-0.npz").exists()
    assert (tmp_path / BackupAndRestore(tmp_path).latest.name).exists()
    codes, said = ended(start(tmp_path, "go on"))
    assert codes == [0, 0], said
    epochs = [int(n) for n in re.findall(r"epoch (\d+)", said[0][0])]
    assert epochs[0] >= 4  # at most one stretch was lost
    for rank in (0, 1):
        found = result(tmp_path, rank)
        for name, values in found.items():
            wanted = alone[name]
            if name == "loss":
                wanted = wanted[-len(values) :]
            np.testing.assert_allclose(values, wanted, atol=1e-5)


def test_a_process_that_is_stuck_is_named_and_all_end(tmp_path):
    codes, said = ended(start(tmp_path, "stuck"))
    assert codes[0] == 75, said
    assert codes[1] != 0
    wanted = "process 1 of 2 has not come to where the others wait for 4 s"
    assert wanted in said[0][1]


def test_other_rows_are_refused_in_all_processes(tmp_path):
    codes, said = ended(start(tmp_path, "other rows"))
    assert codes == [1, 1], said
    for _, error in said:
        assert "received another x in process 1 than in process 0" in error


def test_a_host_that_never_comes_is_not_waited_for(tmp_path):
    codes, said = ended(start(tmp_path, "never", ranks=[0]))
    assert codes == [75], said
    assert "process 0 of 2 has waited 4 s" in said[0][1]


def test_a_port_in_use_is_refused():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        address = f"127.0.0.1:{one.getsockname()[1]}"
        with pytest.raises(ValueError, match="where this process cannot listen"):
            distribution.initialize(address, 2, 0)
    with pytest.raises(ValueError, match="'host:port' of process 0"):
        distribution.initialize("somewhere", 2, 0)
