"""Texts and series made on the spot, in which the order of things decides."""

import numpy as np

from onefit import config
from onefit.errors import invalid, is_whole

__all__ = ["reviews", "rides"]

_PARTS = ("film", "plot", "cast", "music", "ending", "dialogue")
_WORDS = {
    True: ("good", "great", "funny", "moving", "clever", "fresh"),
    False: ("bad", "weak", "dull", "flat", "slow", "silly"),
}
_WEEK = np.array([6.0, 8.0, 9.0, 8.0, 4.0, -15.0, -20.0])  # from Monday; the sum is 0


def _check(where: str, name: str, n: int) -> None:
    if not is_whole(n, 1):
        raise invalid(where, f"{name}={n!r}", "a positive integer")


def reviews(n: int = 2000, seed: int | None = 0) -> tuple[list[str], np.ndarray]:
    """Short verdicts on films, whose sense lies in the order of their words.

    A verdict is two or three clauses such as "the plot was not very good". A clause
    says yes or no; "not" turns its one adjective round; "but" stands where the sense
    turns, "and" where it stays. What the last clause says counts. So "good but not
    clever" and "not good but clever" have the same words and opposite senses: no count
    of words can tell them apart.

    Args:
        n: How many texts.
        seed: The draw; None takes the next of `utils.set_random_seed`'s stream.

    Returns:
        n texts of 9 to 20 words from a vocabulary of 24, lower case, without
        punctuation; y, float32 of shape (n, 1), 1 for a yes (about half).

    Raises:
        ValueError: n is not a positive integer.

    Example:
        >>> texts, y = onefit.datasets.reviews(3)
        >>> texts[2], y[2]
        ('the plot was not great and the film was flat', array([0.], dtype=float32))
    """
    _check("reviews", "n", n)
    rng = config.generator(seed)
    texts, senses = [], []
    for clauses in rng.integers(2, 4, int(n)):
        words: list[str] = []
        before = None
        for sense, negated, stressed in rng.random((clauses, 3)) < (0.5, 0.4, 0.3):
            if before is not None:
                words.append("and" if sense == before else "but")
            part, word = rng.integers(6, size=2)
            words += ["the", _PARTS[part], "was"]
            words += ["not"] * int(negated) + ["very"] * int(stressed)
            words.append(_WORDS[bool(sense != negated)][word])
            before = sense
        texts.append(" ".join(words))
        senses.append([before])
    return texts, np.array(senses, np.float32)


def rides(days: int = 1461, noise: float = 8.0, seed: int | None = 0) -> np.ndarray:
    """The rides of a bicycle rental a day: growth, seasons, and weather that lingers.

    y_t = 100 + 20·t/365 - 30·cos(2π·t/365.25) + week(t) + u_t, where a Sunday has
    27 rides less than a workday, and the weather u_t = 0.7·u_{t-1} + noise·ε with ε
    standard normal. Whoever knows all that and the days before is still wrong by
    `noise`, as the root of the mean square: no forecast of the next day is better.

    Args:
        days: How many days, from a Monday in January; 1461 are four years.
        noise: The part of the weather that is new each day.
        seed: The draw; None takes the next of `utils.set_random_seed`'s stream.

    Returns:
        y, float32 of shape (days,).

    Raises:
        ValueError: days is not a positive integer, or noise is not 0 or more.

    Example:
        >>> onefit.datasets.rides(14, noise=0).round().astype(int)
        array([76, 78, 79, 78, 74, 55, 50, 77, 79, 80, 79, 75, 56, 51])
    """
    _check("rides", "days", days)
    if not noise >= 0:
        raise invalid("rides", f"noise={noise!r}", "0 or more")
    rng = config.generator(seed)
    t = np.arange(int(days))
    weather = np.empty(t.size)
    last = noise / np.sqrt(1 - 0.7**2) * rng.standard_normal()  # already going on
    for i, new in enumerate(noise * rng.standard_normal(t.size)):
        weather[i] = last = 0.7 * last + new
    season = -30 * np.cos(2 * np.pi * t / 365.25)
    y = 100 + 20 * t / 365 + season + _WEEK[t % 7] + weather
    return y.astype(np.float32)
