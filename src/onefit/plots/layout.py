"""Boxes and arrows in layers: where each box goes, and each arrow along.

After Sugiyama: each box in the row below all that lead to it, long arrows passing rows
by places of their own, rows sorted so that few arrows cross, and boxes then moved
beside what they are joined to.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["Layout", "layered"]

BESIDE, BELOW, PASSING = 22.0, 34.0, 14.0
"""Between two boxes of a row; between two rows; the place of an arrow that passes."""

SWEEPS = 12


class Layout(NamedTuple):
    """A picture of boxes and arrows, y growing downwards from 0.

    Attributes:
        width, height: The size of the whole.
        places: The middle of each box, (box, 2).
        ways: For each arrow the points it goes through, (points, 2), from the lower
            edge of one box to the upper edge of another.
    """

    width: float
    height: float
    places: np.ndarray
    ways: list[np.ndarray]


def layered(
    sizes: Sequence[tuple[float, float]], arrows: Sequence[tuple[int, int]]
) -> Layout:
    """Places boxes of these sizes so that all arrows point downwards.

    Args:
        sizes: The width and height of each box.
        arrows: (from, to), without a cycle, every `from` before its `to`.

    >>> found = layered([(10, 4), (10, 4), (10, 4)], [(0, 1), (0, 2)])
    >>> found.places[:, 1].tolist()  # the first on top, the others side by side
    [2.0, 40.0, 40.0]
    >>> float(found.places[0, 0] - found.places[1:, 0].mean())
    0.0
    """
    count = len(sizes)
    if not count:
        return Layout(0.0, 0.0, np.empty((0, 2)), [])
    rank = _ranks(count, arrows)
    # A long arrow is a chain of short ones through places in the rows it passes.
    widths = [w for w, _ in sizes]
    chains, links = [], []
    for a, b in arrows:
        chain = [a]
        for row in range(rank[a] + 1, rank[b]):
            chain.append(len(widths))
            widths.append(PASSING)
            rank.append(row)
        chain.append(b)
        chains.append(chain)
        links += itertools.pairwise(chain)
    rows = _sorted_rows(rank, links)
    x = _across(rows, np.array(widths), links, count)
    heights = [max((sizes[i][1] for i in row if i < count), default=0) for row in rows]
    tops = np.concatenate([[0], np.cumsum(np.array(heights[:-1]) + BELOW)])
    middles = tops + np.array(heights) / 2
    half = np.array(widths) / 2
    x -= (x - half).min()
    places = np.column_stack([x[:count], middles[rank[:count]]])
    ways = _ways(arrows, chains, sizes, places, x, rank, tops, heights)
    total = float(tops[-1] + heights[-1])
    return Layout(float((x + half).max()), total, places, ways)


def _ranks(count: int, arrows: Sequence[tuple[int, int]]) -> list[int]:
    """The row of each box: below all that lead to it, yet near what it leads to."""
    rank = [0] * count
    for a, b in sorted(arrows, key=lambda arrow: arrow[1]):
        rank[b] = max(rank[b], rank[a] + 1)
    fed = {b for _, b in arrows}
    for box in reversed(range(count)):
        after = [rank[b] for a, b in arrows if a == box]
        if box not in fed and after:  # an input stands right above its first use
            rank[box] = min(after) - 1
    return rank


def _sorted_rows(rank: list[int], links: list[tuple[int, int]]) -> list[list[int]]:
    """The rows, each from left to right, with few crossings."""
    rows: list[list[int]] = [[] for _ in range(max(rank) + 1)]
    for box, row in enumerate(rank):
        rows[row].append(box)
    above: dict[int, list[int]] = {box: [] for box in range(len(rank))}
    below: dict[int, list[int]] = {box: [] for box in range(len(rank))}
    for a, b in links:
        above[b].append(a)
        below[a].append(b)
    best, fewest = [list(row) for row in rows], _crossings(rows, links)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        near = above if down else below
        order = range(1, len(rows)) if down else range(len(rows) - 2, -1, -1)
        for number in order:
            beside = rows[number - 1 if down else number + 1]
            at = {box: i / max(1, len(beside) - 1) for i, box in enumerate(beside)}
            own = {
                b: i / max(1, len(rows[number]) - 1) for i, b in enumerate(rows[number])
            }
            rows[number].sort(
                key=lambda box, at=at, own=own, near=near: float(
                    np.mean([at[n] for n in near[box]]) if near[box] else own[box]
                )
            )
        crossings = _crossings(rows, links)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
        if not fewest:
            break
    return best


def _crossings(rows: list[list[int]], links: list[tuple[int, int]]) -> int:
    at = {box: i for row in rows for i, box in enumerate(row)}
    row_of = {box: number for number, row in enumerate(rows) for box in row}
    total = 0
    for number in range(len(rows) - 1):
        own = [(at[a], at[b]) for a, b in links if row_of[a] == number]
        ends = np.array(own).reshape(-1, 2)
        one, other = ends[:, None], ends[None]
        total += int(np.sum((one - other).prod(axis=-1) < 0)) // 2
    return total


def _across(
    rows: list[list[int]], widths: np.ndarray, links: list[tuple[int, int]], count: int
) -> np.ndarray:
    """The middles of all places: near what they are joined to, none overlapping."""
    x = np.zeros(len(widths))
    gaps = []
    for row in rows:
        half = widths[row] / 2
        steps = half[:-1] + half[1:] + BESIDE
        gaps.append(np.concatenate([[0], np.cumsum(steps)]))
        x[row] = gaps[-1] - gaps[-1][-1] / 2
    near: dict[int, list[tuple[int, float]]] = {i: [] for i in range(len(widths))}
    for a, b in links:
        # An arrow that passes a row should pass it straight.
        weight = 1.0 + 3.0 * (a >= count) + 3.0 * (b >= count)
        near[a].append((b, weight))
        near[b].append((a, weight))
    for sweep in range(4 * SWEEPS):
        order = range(len(rows)) if sweep % 2 else reversed(range(len(rows)))
        for number in order:
            row = rows[number]
            wanted, weights = x[row].copy(), np.ones(len(row))
            for i, box in enumerate(row):
                if near[box]:
                    others, weight = zip(*near[box], strict=True)
                    wanted[i] = np.average(x[list(others)], weights=weight)
                    weights[i] = sum(weight)
            x[row] = _in_order(wanted - gaps[number], weights) + gaps[number]
    return x


def _in_order(wanted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The numbers nearest to these, in squares, of which none is below the last."""
    blocks: list[list[float]] = []  # mean, weight, how many
    for value, weight in zip(wanted, weights, strict=True):
        blocks.append([value, weight, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            mean, own, many = blocks.pop()
            last = blocks[-1]
            last[0] = (last[0] * last[1] + mean * own) / (last[1] + own)
            last[1] += own
            last[2] += many
    return np.repeat([b[0] for b in blocks], [int(b[2]) for b in blocks])


def _ways(
    arrows: Sequence[tuple[int, int]],
    chains: list[list[int]],
    sizes: Sequence[tuple[float, float]],
    places: np.ndarray,
    x: np.ndarray,
    rank: list[int],
    tops: np.ndarray,
    heights: list[float],
) -> list[np.ndarray]:
    """The arrows' points; those that end at one box do so side by side."""
    port = {}
    for box in {b for _, b in arrows}:
        into = [n for n, (_, b) in enumerate(arrows) if b == box]
        into.sort(key=lambda n: x[chains[n][-2]])
        width = 0.6 * sizes[box][0] * (1 - 1 / len(into))
        for n, shift in zip(into, np.linspace(-0.5, 0.5, len(into)), strict=True):
            port[n] = shift * width if len(into) > 1 else 0.0
    ways = []
    for n, (a, b) in enumerate(arrows):
        way = [(places[a, 0], places[a, 1] + sizes[a][1] / 2)]
        if sizes[a][1] < heights[rank[a]]:  # past the taller boxes beside it
            way.append((places[a, 0], tops[rank[a]] + heights[rank[a]]))
        for passing in chains[n][1:-1]:
            top = tops[rank[passing]]
            way += [(x[passing], top), (x[passing], top + heights[rank[passing]])]
        end = places[b, 0] + port[n]
        if sizes[b][1] < heights[rank[b]]:
            way.append((end, tops[rank[b]]))
        way.append((end, places[b, 1] - sizes[b][1] / 2))
        ways.append(np.array(way))
    return ways
