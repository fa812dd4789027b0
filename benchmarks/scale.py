"""More than one machine's memory and cores: `python -m benchmarks.scale`.

    python -m benchmarks.scale rows --rows 40000000     the issue's size: 40 GB of disk
    python -m benchmarks.scale                          all, at a tenth of that

Each contestant runs in a process of its own. The machine should be quiet meanwhile.
What was measured, and on what, stands in `benchmarks/SCALE.md`.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

COLUMNS, SHARDS, BATCH = 30, 8, 1024


def network(batch: int = BATCH) -> Any:
    """30-64-32-1, Adam."""
    import onefit

    onefit.config.set_random_seed(0)
    layers = onefit.layers
    model = onefit.Sequential(
        [
            onefit.Input((COLUMNS,)),
            layers.Dense(64, "relu"),
            layers.Dense(32, "relu"),
            layers.Dense(1),
        ]
    )
    model.compile("adam", "mse")
    return model


def rows_of(count: int, seed: int) -> np.ndarray:
    """Rows of 30 columns, and the target after them."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count, COLUMNS), "float32")
    return np.column_stack([x, x[:, 0] * x[:, 1] + x[:, 2]])


def peak() -> float:
    """The most memory that this process had, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


# Contestants: each is run in a process of its own -------------------------------------


def write(folder: str, kind: str, rows: int) -> dict[str, float]:
    """Writes the shards."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    each, size = rows // SHARDS, 0
    names = [*(f"c{i}" for i in range(COLUMNS)), "y"]
    for shard in range(SHARDS):
        path = f"{folder}/rows-{shard}.{kind}"
        writer = None
        for at in range(0, each, 1 << 17):
            some = rows_of(min(1 << 17, each - at), shard * 1000 + at)
            table = pa.table({n: some[:, i] for i, n in enumerate(names)})
            if writer is None and kind == "csv":
                writer = pyarrow.csv.CSVWriter(path, table.schema)
            elif writer is None:
                writer = pyarrow.parquet.ParquetWriter(path, table.schema)
            writer.write_table(table)
        writer.close()
        size += os.path.getsize(path)
    return {"bytes": size}


def convert(folder: str, kind: str, memory: str) -> dict[str, float]:
    """Converts the shards to a table on disk."""
    from onefit.data import Table

    begun = time.perf_counter()
    table = Table(f"{folder}/*.{kind}", "y", folder=f"{folder}/{kind}", memory=memory)
    seconds = time.perf_counter() - begun
    return {"seconds": seconds, "peak": peak(), "bytes": table.size}


def read(folder: str, kind: str) -> dict[str, float]:
    """The reader alone: pyarrow over the same shards, to columns of float64."""
    import pyarrow as pa
    import pyarrow.csv

    begun = time.perf_counter()
    for shard in range(SHARDS):
        options = pyarrow.csv.ReadOptions(block_size=1 << 23)
        kinds = pyarrow.csv.ConvertOptions(
            column_types={f"c{i}": pa.float64() for i in range(COLUMNS)}
        )
        path = f"{folder}/rows-{shard}.{kind}"
        for _ in pyarrow.csv.open_csv(path, options, convert_options=kinds):
            pass
    return {"seconds": time.perf_counter() - begun}


def on_disk(folder: str, kind: str, memory: str) -> dict[str, float]:
    """One epoch over the table on disk; the first one, which compiles, is not timed."""
    from onefit.data import Table

    table = Table(
        f"{folder}/*.{kind}", "y", folder=f"{folder}/{kind}", memory=memory, verbose=0
    )
    assert not table.fits
    model = network()
    history = model.fit(table, epochs=1, batch_size=BATCH, verbose=0)
    begun = time.perf_counter()
    history = model.fit(table, epochs=1, batch_size=BATCH, verbose=0)
    seconds = time.perf_counter() - begun
    loss = history.history["loss"][-1]
    return {"ns_a_row": 1e9 * seconds / table.rows, "peak": peak(), "loss": loss}


def in_memory(rows: int) -> dict[str, float]:
    """One epoch over arrays."""
    some = rows_of(rows, 0)
    x, y = np.ascontiguousarray(some[:, :-1]), some[:, -1].copy()
    del some
    model = network()
    model.fit(x, y, epochs=1, batch_size=BATCH, verbose=0)
    begun = time.perf_counter()
    model.fit(x, y, epochs=1, batch_size=BATCH, verbose=0)
    seconds = time.perf_counter() - begun
    return {"ns_a_row": 1e9 * seconds / rows, "peak": peak()}


def torch_loader(folder: str, limit: float) -> dict[str, float]:
    """A DataLoader of torch over the same Parquet, for some seconds.

    As people write it: an IterableDataset that gives the rows of a shard one by one.
    """
    import pyarrow.parquet
    import torch

    class Rows(torch.utils.data.IterableDataset):
        def __iter__(self):
            for shard in range(SHARDS):
                file = pyarrow.parquet.ParquetFile(f"{folder}/rows-{shard}.parquet")
                for batch in file.iter_batches(1 << 16):
                    some = np.column_stack([c.to_numpy() for c in batch.columns])
                    some = torch.from_numpy(some)
                    for row in some:
                        yield row[:-1], row[-1:]

    nn = torch.nn
    model = nn.Sequential(
        nn.Linear(COLUMNS, 64),
        nn.ReLU(),
        nn.Linear(64, 32),
        nn.ReLU(),
        nn.Linear(32, 1),
    )
    adam, loss_of = torch.optim.Adam(model.parameters()), nn.MSELoss()
    begun, rows = time.perf_counter(), 0
    for x, y in torch.utils.data.DataLoader(Rows(), batch_size=BATCH):
        adam.zero_grad()
        loss_of(model(x), y).backward()
        adam.step()
        rows += len(x)
        if time.perf_counter() - begun > limit:
            break
    return {"ns_a_row": 1e9 * (time.perf_counter() - begun) / rows, "peak": peak()}


def members(
    folder: str, part: int, of: int, core: int, networks: int
) -> dict[str, float]:
    """A part of a population 30-16-1 on one core; the program is compiled before."""
    os.sched_setaffinity(0, {core})
    import onefit
    from onefit import population

    some = rows_of(256, 0)
    chain = [onefit.layers.Dense(16, "relu"), onefit.layers.Dense(1)]
    model = onefit.Sequential([onefit.Input((COLUMNS,)), *chain])
    model.compile("adam", "mse", check=False)

    def fit(epochs: int, **where: Any) -> None:
        x, y = some[:, :-1], some[:, -1]
        population.fit(model, x, y, seeds=networks, epochs=epochs, verbose=0, **where)

    fit(50, part=(part, of), output=f"{folder}/warm-{of}")
    begun = time.perf_counter()
    fit(50, part=(part, of), output=f"{folder}/runs-{of}")
    return {"seconds": time.perf_counter() - begun}


def steps(devices: int, folder: str, batch: int) -> dict[str, float]:
    """100 steps of 784-1024-1024-10, spread over so many CPU devices."""
    import onefit
    from onefit import distribution

    if devices > 1:
        over = distribution.DataParallel(always=True)
        distribution.set_distribution(over)
    onefit.config.set_random_seed(0)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((5 * batch, 784), "float32")
    y = rng.integers(10, size=5 * batch)
    chain = [onefit.layers.Dense(1024, "relu"), onefit.layers.Dense(1024, "relu")]
    last = onefit.layers.Dense(10, "softmax")
    model = onefit.Sequential([onefit.Input((784,)), *chain, last])
    model.compile("sgd", "sparse_categorical_crossentropy", check=False)
    model.fit(x, y, batch_size=batch, epochs=20, verbose=0)
    np.savez(f"{folder}/weights-{devices}.npz", *model.get_weights())
    begun = time.perf_counter()
    model.fit(x, y, batch_size=batch, epochs=4, verbose=0)
    exchange = over.exchange(1_863_690) if devices > 1 else 0.0
    return {"ms": 1e3 * (time.perf_counter() - begun) / 20, "exchange": 1e3 * exchange}


def trains(folder: str, rank: int, count: int, port: int) -> dict[str, float]:
    """One of several processes that train a network; it goes on where it was."""
    import onefit
    from onefit import distribution

    if count > 1:
        distribution.initialize(f"127.0.0.1:{port}", count, rank, timeout=5)
    distribution.set_distribution(distribution.DataParallel(always=True))
    onefit.config.set_random_seed(0)
    some, model = rows_of(3200, 0), network()
    backup = onefit.callbacks.BackupAndRestore(
        f"{folder}/backup", double_checkpoint=True
    )
    note = onefit.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: time.sleep(0.1)
    )
    model.fit(
        some[:, :-1],
        some[:, -1],
        epochs=100,
        batch_size=320,
        callbacks=[backup, note],
        verbose=0,
    )
    if rank == 0:
        os.makedirs(folder, exist_ok=True)
        np.savez(f"{folder}/weights.npz", *model.get_weights())
    return {}


def begin(
    function: Callable[..., dict[str, float]], *args: Any, **environment: str
) -> subprocess.Popen[str]:
    """Starts a contestant in a process of its own."""
    call = json.dumps([function.__name__, args])
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.scale", "--call", call],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )


def answer(process: subprocess.Popen[str]) -> dict[str, float]:
    """What a contestant answers."""
    said, error = process.communicate()
    if process.returncode:
        raise RuntimeError(error[-2000:])
    return json.loads(said.splitlines()[-1])


def run(function: Callable[..., dict[str, float]], *args: Any) -> dict[str, float]:
    """What a contestant answers that runs alone."""
    return answer(begin(function, *args))


# What is measured ---------------------------------------------------------------------


def rows(options: argparse.Namespace) -> None:
    """An epoch over rows on disk against arrays and torch; the conversion of CSV."""
    count, memory = options.rows // SHARDS * SHARDS, options.memory
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        written = run(write, folder, "parquet", count)
        made = run(convert, folder, "parquet", memory)
        print(
            f"{count:,} rows: {written['bytes'] / 1e9:.2f} GB of Parquet converted in "
            f"{made['seconds']:.1f} s, {made['peak']:.2f} GB of memory"
        )
        fits = [
            (run(on_disk, folder, "parquet", memory), run(in_memory, options.held))
            for _ in range(options.samples)
        ]
        disk = min((one for one, _ in fits), key=lambda r: r["ns_a_row"])
        held = min((one for _, one in fits), key=lambda r: r["ns_a_row"])
        torch = run(torch_loader, folder, options.seconds)
        print(
            f"an epoch, nanoseconds a row: on disk {disk['ns_a_row']:.0f} "
            f"({disk['peak']:.2f} GB, budget {memory}), in memory "
            f"{held['ns_a_row']:.0f} ({options.held:,} rows), ratio "
            f"{disk['ns_a_row'] / held['ns_a_row']:.2f}; torch's DataLoader "
            f"{torch['ns_a_row']:.0f}, ratio {torch['ns_a_row'] / disk['ns_a_row']:.1f}"
        )
        shutil.rmtree(f"{folder}/parquet")
        for path in Path(folder).glob("*.parquet"):
            path.unlink()
        count = options.csv_rows // SHARDS * SHARDS
        written = run(write, folder, "csv", count)
        alone, made = run(read, folder, "csv"), run(convert, folder, "csv", memory)
        print(
            f"{written['bytes'] / 1e9:.2f} GB of CSV: pyarrow reads it in "
            f"{alone['seconds']:.1f} s, converted in {made['seconds']:.1f} s: "
            f"{100 * alone['seconds'] / made['seconds']:.0f} % of the reader's speed"
        )


def population(options: argparse.Namespace) -> None:
    """Many networks in one process of one core, and in two of one core each."""
    from onefit.population import gather

    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        alone, both = [], []
        for turn in range(options.samples):
            place = f"{folder}/{turn}"
            one = run(members, place, 1, 1, 0, options.networks)
            two = [begin(members, place, i, 2, i - 1, options.networks) for i in (1, 2)]
            alone.append(one["seconds"])
            both.append(max(answer(process)["seconds"] for process in two))
        whole, parts = gather(f"{place}/runs-1"), gather(f"{place}/runs-2")
        same = np.array_equal(whole.history["loss"], parts.history["loss"])
        print(
            f"{options.networks:,} networks: {min(alone):.2f} s in one process of one "
            f"core, {min(both):.2f} s in two: {min(alone) / min(both):.2f} times as "
            f"fast; members equal bit for bit: {'yes' if same else 'no'}"
        )


def devices(options: argparse.Namespace) -> None:
    """One network on two CPU devices against one."""
    batch = options.batch
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        found = {}
        for count in (1, 2):
            flags = f"--xla_force_host_platform_device_count={count}"
            found[count] = answer(begin(steps, count, folder, batch, XLA_FLAGS=flags))
        one, two = (np.load(f"{folder}/weights-{n}.npz") for n in (1, 2))
        apart = max(np.abs(one[name] - two[name]).max() for name in one.files)
        print(
            f"784-1024-1024-10, batch {batch}: {found[1]['ms']:.1f} ms a step on one "
            f"device, {found[2]['ms']:.1f} on two, which share {os.cpu_count()} cores; "
            f"the exchange of 1,863,690 numbers {found[2]['exchange']:.1f} ms; weights "
            f"after 100 steps apart by {apart:.1e}"
        )


def kills(options: argparse.Namespace) -> None:
    """Kills at random moments of two processes that train one network."""
    rng = np.random.default_rng(os.getpid())
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        port = int(rng.integers(20_000, 30_000))
        whole = [begin(trains, f"{folder}/whole", rank, 2, port) for rank in (0, 1)]
        for process in whole:
            answer(process)
        done = left = 0
        place = f"{folder}/killed"
        while not os.path.exists(f"{place}/weights.npz"):
            port = int(rng.integers(20_000, 30_000))
            both = [begin(trains, place, rank, 2, port) for rank in (0, 1)]
            if done < options.kills:
                time.sleep(rng.uniform(*options.moments))
                both[rng.integers(2)].kill()
                done += 1
            for process in both:
                try:
                    process.communicate(timeout=60)
                except subprocess.TimeoutExpired:
                    left += 1
                    process.kill()
        one, two = (
            np.load(f"{folder}/whole/weights.npz"),
            np.load(f"{place}/weights.npz"),
        )
        same = all(np.array_equal(one[name], two[name]) for name in one.files)
        print(
            f"{done} kills of one of two processes: weights at the end equal bit for "
            f"bit to those of two that nobody killed: {'yes' if same else 'no'}; "
            f"processes left behind: {left}"
        )


WORKS = {"rows": rows, "population": population, "devices": devices, "kills": kills}


def main() -> None:
    """Runs what is asked for, one after another."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale")
    add = parser.add_argument
    add("works", nargs="*", choices=[*WORKS, []], help="what to measure; all")
    add("--rows", type=int, default=4_000_000, help="rows on the disk (4,000,000)")
    add("--csv-rows", type=int, default=500_000, help="rows of CSV (500,000)")
    add("--held", type=int, default=1_000_000, help="rows in memory (1,000,000)")
    add("--memory", default="100 MB", help="budget of rows in memory (100 MB)")
    add("--folder", default=None, help="where the shards are written")
    add("--seconds", type=float, default=10, help="how long torch is timed (10)")
    add("--samples", type=int, default=3, help="turns, of which the best counts (3)")
    add("--networks", type=int, default=1000, help="members of the population (1,000)")
    add("--batch", type=int, default=512, help="rows in a batch on devices (512)")
    add("--kills", type=int, default=5, help="how many processes are killed (5)")
    add("--moments", type=float, nargs=2, default=(3, 12), help="seconds from, to")
    add("--call", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.call:
        name, args = json.loads(options.call)
        print(json.dumps(globals()[name](*args)))
        return
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    for name in options.works or WORKS:
        print(f"\n## {name}")
        WORKS[name](options)


if __name__ == "__main__":
    main()
