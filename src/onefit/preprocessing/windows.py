"""Windows of sequences and pairs of words, by the names of older books and scripts.

What new programs write for a series is `onefit.utils.timeseries_dataset_from_array`.
"""

import json
import random
from collections import abc
from typing import Any

import numpy as np

from onefit import config
from onefit.errors import invalid, is_whole
from onefit.types import Config

__all__ = ["TimeseriesGenerator", "make_sampling_table", "skipgrams"]


class TimeseriesGenerator:
    """Windows of a series with the target of the step after each, batch by batch.

    x_i = (s_{t-n}, s_{t-n+r}, ..., s_{t-1}), y_i = target_t, for every stride-th t.

    Args:
        data: The steps of the series, (steps, ...).
        targets: A target for each step.
        length: n, how far back a window reaches.
        sampling_rate: r.
        stride: How far the next window is.
        start_index, end_index: The first and the last step that is used.
        shuffle: Whether each batch has windows drawn at random.
        reverse: Whether the latest step comes first.
        batch_size: Windows in a batch; the last may have fewer.
        **kwargs: workers, use_multiprocessing, max_queue_size, which change nothing.

    Raises:
        ValueError: Targets of another length, no window, or sizes that are no positive
            whole numbers.

    Example:
        >>> batches = TimeseriesGenerator(np.arange(5), np.arange(5), 2, batch_size=2)
        >>> x, y = batches[0]
        >>> len(batches), x.tolist(), y.tolist()
        (2, [[0, 1], [1, 2]], [2, 3])

    Source: Keras 2, `keras.preprocessing.sequence.TimeseriesGenerator`.
    """

    def __init__(
        self,
        data: abc.Sequence[Any],
        targets: abc.Sequence[Any],
        length: int,
        sampling_rate: int = 1,
        stride: int = 1,
        start_index: int = 0,
        end_index: int | None = None,
        shuffle: bool = False,
        reverse: bool = False,
        batch_size: int = 128,
        **kwargs: Any,
    ) -> None:
        del kwargs
        where = "TimeseriesGenerator"
        if len(data) != len(targets):
            raise invalid(
                where,
                f"{len(data)} steps and {len(targets)} targets",
                "a target for each step",
            )
        for name, value in (
            ("length", length),
            ("sampling_rate", sampling_rate),
            ("stride", stride),
            ("batch_size", batch_size),
        ):
            if not is_whole(value, 1):
                raise invalid(where, f"{name}={value!r}", "a positive whole number")
        self.data, self.targets, self.length = data, targets, length
        self.sampling_rate, self.stride = sampling_rate, stride
        self.start_index = start_index + length
        self.end_index = len(data) - 1 if end_index is None else end_index
        self.shuffle, self.reverse, self.batch_size = shuffle, reverse, batch_size
        if self.start_index > self.end_index:
            raise invalid(
                where,
                f"length={length} for steps {start_index} to {self.end_index}",
                "a step after the first window, as its target",
                "give a longer series, or a smaller length",
            )

    def __len__(self) -> int:
        wide = self.batch_size * self.stride
        return (self.end_index - self.start_index + wide) // wide

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"batch {index} of {len(self)}")
        wide = self.batch_size * self.stride
        first = self.start_index + wide * (index % len(self))
        after = self.end_index + 1
        if self.shuffle:
            draw = config.generator(None)
            at = draw.integers(self.start_index, after, self.batch_size)
        else:
            at = np.arange(first, min(first + wide, after), self.stride)
        steps = slice(None, None, self.sampling_rate)
        x = np.array([self.data[t - self.length : t][steps] for t in at.tolist()])
        return x[:, :: -1 if self.reverse else 1], np.array(
            [self.targets[t] for t in at.tolist()]
        )

    def get_config(self) -> Config:
        """The settings, with the series as JSON."""
        series = {
            name: json.dumps(np.asarray(getattr(self, name)).tolist())
            for name in ("data", "targets")
        }
        return vars(self) | series

    def to_json(self, **kwargs: Any) -> str:
        """The settings as JSON; kwargs go to `json.dumps`."""
        whole = {"class_name": type(self).__name__, "config": self.get_config()}
        return json.dumps(whole, **kwargs)


def make_sampling_table(size: int, sampling_factor: float = 1e-5) -> np.ndarray:
    """How likely the i-th most frequent word is kept: the more frequent, the less.

    p_i = min(1, √(s / f_i)), with word frequencies by Zipf's law,
    1 / f_i ≈ i · (log i + γ) + 1/2 − 1 / (12 i).

    Args:
        size: How many words there are.
        sampling_factor: s.

    Example:
        >>> make_sampling_table(3).round(4).tolist()
        [0.0032, 0.0032, 0.0055]

    Source: Mikolov et al. 2013, "Distributed representations of words"; Keras 2,
    `keras.preprocessing.sequence.make_sampling_table`.
    """
    rank = np.maximum(np.arange(size), 1)
    rarity = rank * (np.log(rank) + 0.577) + 0.5 - 1.0 / (12.0 * rank)
    return np.minimum(1.0, np.sqrt(sampling_factor * rarity))


def skipgrams(
    sequence: abc.Sequence[int],
    vocabulary_size: int,
    window_size: int = 4,
    negative_samples: float = 1.0,
    shuffle: bool = True,
    categorical: bool = False,
    sampling_table: Any = None,
    seed: int | None = None,
) -> tuple[list[list[int]], list[Any]]:
    """Pairs of words that stand near each other, and pairs of a word and any other.

    Args:
        sequence: A text as the numbers of its words; 0 is none.
        vocabulary_size: The largest number and one.
        window_size: How far away a near word is at most.
        negative_samples: How many pairs with any word come to a pair of near ones.
        shuffle: Whether the pairs are put in a random order.
        categorical: Whether labels are [0, 1] and [1, 0], not 1 and 0.
        sampling_table: How likely each word is kept, as `make_sampling_table` gives it.
        seed: Names the order.

    Returns:
        The pairs, and their labels: 1 for near words.

    Differs from Keras: the seed is that of the order alone; Python's stream of random
    numbers, from which the rest is drawn, goes on.

    Example:
        >>> pairs, labels = skipgrams([1, 2, 3], 4, window_size=1, negative_samples=0,
        ...                           shuffle=False)
        >>> pairs, labels
        ([[1, 2], [2, 1], [2, 3], [3, 2]], [1, 1, 1, 1])

    Source: Mikolov et al. 2013, arXiv:1301.3781; Keras 2,
    `keras.preprocessing.sequence.skipgrams`.
    """
    near, far = ([0, 1], [1, 0]) if categorical else (1, 0)
    pairs: list[list[int]] = []
    for i, word in enumerate(sequence):
        kept = word and (
            sampling_table is None or sampling_table[word] >= random.random()
        )
        around = range(max(0, i - window_size), min(len(sequence), i + window_size + 1))
        others = [sequence[j] for j in around if j != i and kept]
        pairs += [[word, other] for other in others if other]
    labels = [near] * len(pairs)
    if negative_samples > 0:
        words = [word for word, _ in pairs]
        random.shuffle(words)
        many = int(len(pairs) * negative_samples)
        pairs += [
            [words[i % len(words)], random.randint(1, vocabulary_size - 1)]
            for i in range(many)
        ]
        labels += [far] * many
    if shuffle:
        order = random.randint(0, 10**7) if seed is None else seed
        for values in (pairs, labels):
            random.Random(order).shuffle(values)
    return pairs, labels
