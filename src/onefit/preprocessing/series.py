"""Windows of a series in time, as a data set."""

from typing import Any

import numpy as np

from onefit import config
from onefit.data import Dataset
from onefit.errors import invalid, is_whole, unknown

__all__ = ["timeseries_dataset_from_array"]


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> Dataset:
    """Windows of a series as a data set: x_i = (s_i, s_{i+r}, ..., s_{i+(n-1)r}).

    The windows are views of the series: no step is copied.

    Args:
        data: The series, (steps, ...).
        targets: y_i for the window that begins at step i; None for none.
        sequence_length: n, how many steps a window has.
        sequence_stride: From the beginning of a window to that of the next.
        sampling_rate: r, from one step of a window to its next.
        batch_size: Windows in a batch; None gives one after another.
        shuffle: Whether the order is drawn anew for each pass.
        seed: Names the order.
        start_index, end_index: The first step, and the one after the last; None for all
            steps.
        format: "tf" or "grain": both give the same here.

    Raises:
        ValueError: A number below 1, indices outside the series, or a series that is
            shorter than a window.

    Differs from Keras: end_index may be the number of steps, and settings that leave no
    window are refused.

    Example:
        >>> s = np.arange(6.0)
        >>> for x, y in timeseries_dataset_from_array(s[:-1], s[2:], 2, batch_size=3):
        ...     print(x.tolist(), y.tolist())
        [[0.0, 1.0], [1.0, 2.0], [2.0, 3.0]] [2.0, 3.0, 4.0]
        [[3.0, 4.0]] [5.0]

    Source: Keras, `keras.utils.timeseries_dataset_from_array`.
    """
    where = "timeseries_dataset_from_array"
    for name, value in (
        ("sequence_length", sequence_length),
        ("sequence_stride", sequence_stride),
        ("sampling_rate", sampling_rate),
        ("batch_size", 1 if batch_size is None else batch_size),
    ):
        if not is_whole(value, 1):
            raise invalid(where, f"{name}={value!r}", "a positive whole number")
    if format not in ("tf", "grain"):
        raise unknown(f"format of {where}", format, ["tf", "grain"])
    series = np.asarray(data)
    steps = len(series) if series.ndim else 0
    start = 0 if start_index is None else start_index
    end = steps if end_index is None else end_index
    if not (is_whole(start) and is_whole(end) and start < end <= steps):
        raise invalid(
            where,
            f"start_index={start_index!r}, end_index={end_index!r} for {steps} steps",
            f"whole numbers, 0 ≤ start_index < end_index ≤ {steps}",
        )
    reach = (sequence_length - 1) * sampling_rate + 1
    count = end - start - reach + 1
    wanted = None if targets is None else np.asarray(targets)[start:end]
    if wanted is not None:
        count = min(count, len(wanted))
    if count < 1:
        raise invalid(
            where,
            f"{end - start} steps"
            + ("" if wanted is None else f" and {len(wanted)} targets")
            + f" for windows that reach over {reach}",
            "one window at least",
            "give a longer series, or a smaller sequence_length or sampling_rate",
        )
    views = np.lib.stride_tricks.sliding_window_view(series[start:end], reach, 0)
    views = np.moveaxis(views[..., ::sampling_rate], -1, 1)
    first = slice(0, count, sequence_stride)
    rows = views[first] if wanted is None else (views[first], wanted[first])
    made = Dataset.from_tensor_slices(rows)
    if shuffle:
        seed = config.new_seed() if seed is None else seed
        made = made.shuffle(max(len(made), 1), seed)
    return made if batch_size is None else made.batch(batch_size)
