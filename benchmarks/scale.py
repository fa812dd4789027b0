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


def run(function: Callable[..., dict[str, float]], *args: Any) -> dict[str, float]:
    """What a contestant answers, run in a process of its own."""
    call = json.dumps([function.__name__, args])
    line = [sys.executable, "-m", "benchmarks.scale", "--call", call]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])


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


WORKS = {"rows": rows}


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
