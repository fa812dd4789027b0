"""tf.summary: numbers, pictures and texts for TensorBoard.

Needs `pip install "onefit[tensorboard]"`, as the callback TensorBoard does.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np

from onefit.scripts.noops import noop
from onefit.scripts.tf.arrays import Text
from onefit.scripts.tf.files import name_of
from onefit.training.recorders import summary_writer

__all__ = [
    "SummaryWriter",
    "create_file_writer",
    "create_noop_writer",
    "flush",
    "histogram",
    "image",
    "record_if",
    "scalar",
    "should_record_summaries",
    "text",
    "trace_export",
    "trace_off",
    "trace_on",
]


class SummaryWriter:
    """Writes to files of a folder; None is a writer that writes nothing."""

    def __init__(self, logdir: str | None) -> None:
        self._made: Any = None if logdir is None else summary_writer()(logdir)

    @contextlib.contextmanager
    def as_default(self, step: Any = None) -> Iterator[Self]:
        """A block whose summaries this one writes."""
        _defaults.append((self, step))
        try:
            yield self
        finally:
            _defaults.pop()

    def set_as_default(self, step: Any = None) -> None:
        """From here on this one writes."""
        _defaults.append((self, step))

    def flush(self) -> None:
        """Writes what waits."""
        if self._made is not None:
            self._made.flush()

    def close(self) -> None:
        """Ends the files."""
        if self._made is not None:
            self._made.close()

    def _write(self, method: str, name: str, value: Any, step: int) -> bool:
        if self._made is None:
            return False
        getattr(self._made, method)(name, value, step)
        return True


_defaults: list[tuple[SummaryWriter | None, Any]] = [(None, None)]
_recording: list[Any] = []


def create_file_writer(
    logdir: Any,
    max_queue: int | None = None,
    flush_millis: int | None = None,
    filename_suffix: str | None = None,
    name: str | None = None,
) -> SummaryWriter:
    """A writer to a folder."""
    return SummaryWriter(name_of(logdir))


def create_noop_writer() -> SummaryWriter:
    """A writer that writes nothing."""
    return SummaryWriter(None)


def should_record_summaries() -> bool:
    """Whether there is a writer, and `record_if` lets it write."""
    condition = _recording[-1] if _recording else True
    return _defaults[-1][0] is not None and bool(
        condition() if callable(condition) else condition
    )


@contextlib.contextmanager
def record_if(condition: Any) -> Iterator[None]:
    """A block that writes only where the condition holds."""
    _recording.append(condition)
    try:
        yield
    finally:
        _recording.pop()


def _written(method: str, name: str, step: Any, value: Callable[[], Any]) -> bool:
    writer, default = _defaults[-1]
    if writer is None or not should_record_summaries():
        return False
    step = default if step is None else step
    return writer._write(method, name, value(), 0 if step is None else int(step))


def scalar(name: str, data: Any, step: Any = None, description: Any = None) -> bool:
    """A number of a step; whether it was written."""
    return _written("add_scalar", name, step, lambda: float(np.asarray(data)))


def histogram(
    name: str,
    data: Any,
    step: Any = None,
    buckets: int | None = None,
    description: Any = None,
) -> bool:
    """How the numbers of a tensor are spread."""
    return _written("add_histogram", name, step, lambda: np.asarray(data).ravel())


def image(
    name: str,
    data: Any,
    step: Any = None,
    max_outputs: int = 3,
    description: Any = None,
) -> bool:
    """Pictures, (pictures, height, width, channels), up to `max_outputs` of them."""

    def pictures() -> np.ndarray:
        some = np.asarray(data)[:max_outputs]
        return np.moveaxis(some, -1, 1)

    return _written("add_images", name, step, pictures)


def text(name: str, data: Any, step: Any = None, description: Any = None) -> bool:
    """A text."""

    def words() -> str:
        return "\n".join(map(str, Text(data).strings().ravel()))

    return _written("add_text", name, step, words)


def flush(writer: SummaryWriter | None = None, name: str | None = None) -> None:
    """Writes what waits."""
    chosen = writer or _defaults[-1][0]
    if chosen is not None:
        chosen.flush()


_WHY = "there is no graph of TensorFlow's to show; TensorBoard(profile_batch=) profiles"


@noop("tf.summary.trace_on", _WHY)
def trace_on(graph: bool = True, profiler: bool = False, **kwargs: Any) -> None:
    """Does nothing: there is no graph to show."""


@noop("tf.summary.trace_export", _WHY)
def trace_export(name: str, step: Any = None, profiler_outdir: Any = None) -> None:
    """Does nothing: there is no graph to show."""


@noop("tf.summary.trace_off", _WHY)
def trace_off() -> None:
    """Does nothing: there is no graph to show."""
