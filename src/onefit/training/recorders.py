"""Recorders: callbacks that write the numbers of a fit to files."""

import csv
import json
import os
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import jax
import numpy as np

from onefit.errors import OnefitWarning, invalid, is_whole
from onefit.packages import package
from onefit.training.callback import Callback, Logs

if TYPE_CHECKING:
    from tensorboardX import SummaryWriter

__all__ = ["CSVLogger", "RemoteMonitor", "TensorBoard"]

Epochs = Sequence[int]
Table = Sequence[dict[str, float]]

MISSING = "NA"
"""What a CSV file has where an epoch has no such log."""


class CSVLogger(Callback):
    """Writes a row of logs for each epoch to a CSV file.

    It writes after each stretch of epochs, so it does not slow a fit down. The first
    column is the epoch, counted from 0; the others follow in the order of the alphabet.

    Args:
        filename: The file.
        separator: What stands between two columns.
        append: Whether to go on with a file that exists, rather than replace it.

    Example:
        >>> import tempfile
        >>> path = tempfile.mkdtemp() + "/log.csv"
        >>> logger = CSVLogger(path)
        >>> logger.on_train_begin()
        >>> logger.on_stretch_end(range(2), [{"loss": 0.5}, {"loss": 0.25}])
        >>> np.genfromtxt(path, names=True, delimiter=",")["loss"]
        array([0.5 , 0.25])

    Differs from Keras: columns for the validation only if there is one, and a file that
    goes on keeps its columns; an epoch without a log has NA there.
    """

    writes_for_all = True

    def __init__(
        self, filename: str | os.PathLike, separator: str = ",", append: bool = False
    ) -> None:
        super().__init__()
        self.filename, self.separator, self.append = filename, separator, append
        self.columns: list[str] = []

    def on_train_begin(self, logs: Logs = None) -> None:  # noqa: D102
        path = Path(self.filename)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.columns = []
        if self.append and path.exists():
            self.columns = next(iter(self._read()), [])
        else:
            path.write_text("")

    def on_stretch_end(self, epochs: Epochs, logs: Table) -> None:  # noqa: D102
        rows = [
            {"epoch": epoch} | dict(log)
            for epoch, log in zip(epochs, logs, strict=True)
        ]
        names = {name for row in rows for name in row} - {"epoch"} - {*self.columns}
        if names:
            self._widen(sorted(names))
        self._write("a", [[row.get(c, MISSING) for c in self.columns] for row in rows])

    def _widen(self, names: list[str]) -> None:
        """Adds columns: the first ones, or those of a validation that begins later."""
        _, *old = self._read() or [[]]
        old = [row + [MISSING] * len(names) for row in old]
        self.columns = [*(self.columns or ["epoch"]), *names]
        self._write("w", [self.columns, *old])

    def _read(self) -> list[list[str]]:
        with open(self.filename, newline="") as file:
            return list(csv.reader(file, delimiter=self.separator))

    def _write(self, mode: str, rows: Sequence[Sequence[object]]) -> None:
        with open(self.filename, mode, newline="") as file:
            csv.writer(file, delimiter=self.separator).writerows(rows)


class RemoteMonitor(Callback):
    """Sends the logs of each epoch to a server, by POST.

    It sends after each stretch of epochs, so it does not slow a fit down. A server
    that does not answer is warned of once in a fit.

    Args:
        root: The server's address.
        path: What follows it.
        field: The field of the form that holds the logs, as JSON.
        headers: Headers of one's own.
        send_as_json: Whether the logs are the whole body, as JSON, rather than a form.

    Example:
        >>> monitor = RemoteMonitor("http://localhost:9000")

    Source: Keras' callback of this name.
    """

    writes_for_all = True

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: Mapping[str, str] | None = None,
        send_as_json: bool = False,
    ) -> None:
        super().__init__()
        self.root, self.path, self.field = root, path, field
        self.headers, self.send_as_json = headers, send_as_json
        self._warned = False

    def on_train_begin(self, logs: Logs = None) -> None:  # noqa: D102
        self._warned = False

    def on_stretch_end(self, epochs: Epochs, logs: Table) -> None:  # noqa: D102
        for epoch, log in zip(epochs, logs, strict=True):
            self._send({"epoch": epoch, **{k: float(v) for k, v in log.items()}})

    def _send(self, row: dict[str, float]) -> None:
        from urllib import parse, request

        text, kind = json.dumps(row), "application/json"
        if not self.send_as_json:
            text = parse.urlencode({self.field: text})
            kind = "application/x-www-form-urlencoded"
        headers = {"Content-Type": kind, **(self.headers or {})}
        url = self.root + self.path
        try:
            asked = request.Request(url, text.encode(), headers, method="POST")
            with request.urlopen(asked, timeout=10):
                pass
        except OSError as error:
            if not self._warned:
                warnings.warn(
                    f"RemoteMonitor: {url} was not reached ({error}). Start the server "
                    "or leave the callback out.",
                    OnefitWarning,
                    stacklevel=2,
                )
            self._warned = True


class TensorBoard(Callback):
    """Writes logs for TensorBoard, below `log_dir/train` and `log_dir/validation`.

    Numbers of epochs are written after each stretch of them and cost nothing.
    Histograms stop the program after every epoch, numbers of batches after every batch.
    Needs `pip install "onefit[tensorboard]"`; look at them by
    `tensorboard --logdir logs`.

    Args:
        log_dir: The directory.
        histogram_freq: Write histograms of all weights every so many epochs; 0 never.
        write_graph: Accepted for Keras' scripts; no graph is written.
        write_images: Must be False.
        write_steps_per_second: Whether to write how many steps ran in a second.
        update_freq: 'epoch', 'batch', or every how many batches to write the logs of
            the epoch so far, beside those of the epochs.
        profile_batch: The number of a batch, counted from 1, or the first and the last
            of several, (2, 4) or "2,4": a profile of these is written to `log_dir`.
            Such a fit runs batch by batch. 0 is none.
        embeddings_freq, embeddings_metadata: Must be 0 and None.

    Raises:
        ValueError: What is not supported, or a frequency that cannot be meant.
        ImportError: tensorboardX is not installed.

    Example:
        >>> board = TensorBoard("logs", histogram_freq=10)
    """

    writes_for_all = True

    writes = ()

    def __init__(
        self,
        log_dir: str | os.PathLike = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: int | str | Sequence[int] = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: object = None,
    ) -> None:
        super().__init__()
        del write_graph
        refused = {
            "write_images": write_images,
            "embeddings_freq": embeddings_freq,
            "embeddings_metadata": embeddings_metadata,
        }
        for name, value in refused.items():
            if value:
                raise invalid(
                    "TensorBoard",
                    f"{name}={value!r}",
                    "none: it is not supported",
                    f"leave out {name}",
                )
        self.log_dir, self.histogram_freq = os.fspath(log_dir), histogram_freq
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        check_frequency("TensorBoard", "update_freq", self.update_freq)
        self.profile_batch = _profiled(profile_batch)
        self._profiles = False
        self.skips = set()
        if not self.profile_batch:
            self.skips.add("on_train_batch_begin")
            if self.update_freq == "epoch":
                self.skips.add("on_train_batch_end")
        if not histogram_freq:
            self.skips.add("on_epoch_end")
        self._writers: dict[str, SummaryWriter] = {}
        self._batches = 0

    def on_train_begin(self, logs: Logs = None) -> None:  # noqa: D102
        summary_writer()  # so that the error comes before anything is compiled
        self._batches, self._time = 0, time.perf_counter()

    def on_stretch_end(self, epochs: Epochs, logs: Table) -> None:  # noqa: D102
        for epoch, log in zip(epochs, logs, strict=True):
            for name, value in log.items():
                self._scalar(name, value, epoch, "epoch")
        now = time.perf_counter()
        if self.write_steps_per_second and len(epochs):
            steps = len(epochs) * (self.params["steps"] or 1)
            self._scalar(
                "steps_per_second", steps / (now - self._time), epochs[-1], "epoch"
            )
        self._time = now

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:  # noqa: D102
        if self.profile_batch and self._batches + 1 == self.profile_batch[0]:
            jax.profiler.start_trace(os.path.join(self.log_dir, "train"))
            self._profiles = True

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:  # noqa: D102
        self._batches += 1
        ends = self.profile_batch
        if ends and self._profiles and self._batches == ends[1]:
            self._end_profile()
        if self.update_freq == "epoch":
            return
        if self._batches % int(self.update_freq) == 0:
            for name, value in (logs or {}).items():
                self._scalar(name, value, self._batches - 1, "batch")

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:  # noqa: D102
        if not self.histogram_freq or epoch % self.histogram_freq:
            return
        writer = self._writer("train")
        for layer in self.model.layers:
            for weights in (layer.slot.params, layer.slot.state):
                for path, weight in jax.tree_util.tree_leaves_with_path(weights):
                    name = jax.tree_util.keystr(path, simple=True, separator="/")
                    tag = f"{layer.name}/{name}/histogram"
                    writer.add_histogram(tag, np.asarray(weight), epoch)

    def on_train_end(self, logs: Logs = None) -> None:  # noqa: D102
        self.on_train_abort()

    def on_train_abort(self) -> None:
        """Closes the files, after an exception too."""
        self._end_profile()
        while self._writers:
            self._writers.popitem()[1].close()

    def _end_profile(self) -> None:
        if self._profiles:
            jax.profiler.stop_trace()
            self._profiles = False

    def _scalar(self, name: str, value: float, step: int, per: str) -> None:
        where = "validation" if name.startswith("val_") else "train"
        tag = f"{per}_{name.removeprefix('val_')}"
        self._writer(where).add_scalar(tag, float(value), step)

    def _writer(self, where: str) -> "SummaryWriter":
        if where not in self._writers:
            self._writers[where] = summary_writer()(os.path.join(self.log_dir, where))
        return self._writers[where]


def _profiled(value: int | str | Sequence[int]) -> tuple[int, int] | None:
    """The first and the last batch of a profile, or None."""
    parts = value.split(",") if isinstance(value, str) else value
    try:
        ends = [int(n) for n in (parts if isinstance(parts, Sequence) else [parts])]
    except (TypeError, ValueError):
        ends = []
    if ends == [0]:
        return None
    if len(ends) not in (1, 2) or not 1 <= ends[0] <= ends[-1]:
        raise invalid(
            "TensorBoard",
            f"profile_batch={value!r}",
            "the number of a batch, or the first and the last of several",
            "write profile_batch=2 or profile_batch=(2, 4)",
        )
    return ends[0], ends[-1]


def check_frequency(place: str, name: str, value: object) -> None:
    """Refuses all but 'epoch' and a number of batches."""
    if value != "epoch" and not is_whole(value, 1):
        raise invalid(
            place, f"{name}={value!r}", "'epoch' or a number of batches, 1 or more"
        )


def summary_writer() -> "type[SummaryWriter]":
    """The class that writes for TensorBoard, of the package that has one."""
    return package("tensorboardX", "TensorBoard").SummaryWriter
