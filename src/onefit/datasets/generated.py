"""Data made on the spot: the same seed gives the same numbers on every machine."""

import numpy as np

from onefit import config
from onefit.errors import invalid, is_whole

__all__ = ["coffee", "houses", "xor"]


def _uniform(
    rng: np.random.Generator, n: int, low: float, high: float, where: str
) -> np.ndarray:
    if not is_whole(n, 1):
        raise invalid(where, f"n={n!r}", "a positive integer")
    return rng.uniform(low, high, (int(n), 1))


def xor() -> tuple[np.ndarray, np.ndarray]:
    """The four cases of exclusive or, which no linear classifier separates.

    y = 1 when exactly one of x₁, x₂ is 1.

    Returns:
        x, float32 of shape (4, 2), and y, float32 of shape (4, 1).

    Example:
        >>> x, y = onefit.datasets.xor()
        >>> np.column_stack([x, y]).astype(int).tolist()
        [[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]
    """
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    return x, np.array([[0], [1], [1], [0]], np.float32)


def coffee(n: int = 200_000, seed: int | None = 0) -> tuple[np.ndarray, np.ndarray]:
    """Coffee beans, roasted well or badly, by temperature and duration.

    A roast is good inside a triangle: 175 < T < 260, 12 < D < 15, and
    D ≤ -3/(260 - 175)·T + 21, since hotter beans need less time. T is uniform over
    150..285 degrees Celsius, D over 11.5..15.5 minutes. The two columns differ in
    scale twentyfold: normalise them before training.

    Args:
        n: How many roasts.
        seed: The draw; None takes the next of `utils.set_random_seed`'s stream.

    Returns:
        x, float32 of shape (n, 2), columns T and D; y, float32 of shape (n, 1), 1 for
        a good roast (about one in five).

    Raises:
        ValueError: n is not a positive integer.

    Example:
        >>> x, y = onefit.datasets.coffee(1000)
        >>> x.shape, y.shape, x.min(axis=0).round().tolist()
        ((1000, 2), (1000, 1), [150.0, 12.0])

    Source: the coffee roasting example of the lectures.
    """
    rng = config.generator(seed)
    t = _uniform(rng, n, 150.0, 285.0, "coffee")
    d = _uniform(rng, n, 11.5, 15.5, "coffee")
    x = np.concatenate([t, d], axis=1).astype(np.float32)
    # Judged on the rounded numbers, so that x alone decides y.
    t, d = x[:, :1], x[:, 1:]
    good = (t > 175) & (t < 260) & (d > 12) & (d < 15) & (d <= -3 / 85 * t + 21)
    return x, good.astype(np.float32)


def houses(
    n: int = 100, noise: float = 0.1, seed: int | None = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Sizes and prices of houses, for a regression with one neuron.

    price = (β₀ + β₁·size)·exp(noise·ε), with β₀ = 0.5, β₁ = 2 and ε standard normal:
    a line whose scatter grows with the price, and a price is never negative.

    Args:
        n: How many houses.
        noise: The relative scatter of the prices; 0 puts them all on the line.
        seed: The draw; None takes the next of `utils.set_random_seed`'s stream.

    Returns:
        x, float32 of shape (n, 1), sizes of 0.4 to 2.5 in hundreds of square metres;
        y, float32 of shape (n, 1), prices in hundreds of thousands, all above 0.

    Raises:
        ValueError: n is not a positive integer, or noise is not 0 or more.

    Example:
        >>> size, price = onefit.datasets.houses(3, noise=0)
        >>> np.allclose(price, 0.5 + 2 * size)
        True

    Source: the house price example of the lectures.
    """
    if not noise >= 0:
        raise invalid("houses", f"noise={noise!r}", "0 or more")
    rng = config.generator(seed)
    x = _uniform(rng, n, 0.4, 2.5, "houses").astype(np.float32)
    y = (0.5 + 2.0 * x) * np.exp(noise * rng.standard_normal(x.shape))
    return x, y.astype(np.float32)
