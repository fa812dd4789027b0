"""Explanations, of models whose explanation is known."""

import itertools

import numpy as np
import pytest

from onefit.tables.explaining import importance, response, shapley

RNG = np.random.default_rng(0)
TABLE = {name: RNG.normal(size=200) for name in "abc"}
TABLE["d"] = np.array(list("xyz"), object)[RNG.integers(0, 3, 200)]


def model(t):
    return 3 * t["a"] + t["a"] * t["b"] + 2.0 * (t["d"] == "x")


def test_importance_is_what_is_lost():
    said = model(TABLE)
    lines = importance(model, TABLE, lambda p: -np.square(p - said).mean(), repeats=9)
    assert (lines[0].name, lines[-1].name) == ("a", "c")
    assert {line.name for line in lines if line.matters} == {"a", "b", "d"}
    # Mixing a doubles the variance of what it makes: 2·(3² + 1) of a unit column.
    assert lines[0].mean == pytest.approx(20, rel=0.3)
    assert lines[-1].mean == 0


def test_a_response_of_numbers_and_of_categories():
    found = response(model, TABLE, "a", points=7, rows=200)
    slope = np.diff(found.mean) / np.diff(found.values)
    np.testing.assert_allclose(slope, 3 + TABLE["b"].mean(), rtol=1e-6)
    assert found.count.sum() == 200
    assert len(found.values) == 7
    found = response(model, TABLE, "d", rows=200)
    at = dict(zip(found.values.tolist(), found.mean, strict=True))
    assert at["x"] - at["y"] == pytest.approx(2)
    assert found.count.tolist() == sorted(found.count, reverse=True)
    with pytest.raises(ValueError, match="column"):
        response(model, TABLE, "e")


def test_parts_are_the_mean_over_all_orders():
    row = {"a": 1.0, "b": -2.0, "c": 9.0, "d": "x"}
    found = shapley(model, TABLE, row, rows=200)

    def value(known):
        given = {
            k: np.full(200, row[k], v.dtype) if k in known else v
            for k, v in TABLE.items()
        }
        return model(given).mean()

    for name, part in found.parts.items():
        gains = [
            value(order[: order.index(name) + 1]) - value(order[: order.index(name)])
            for order in itertools.permutations("abcd")
        ]
        assert part == pytest.approx(np.mean(gains))
    assert found.parts["c"] == 0
    assert found.base + sum(found.parts.values()) == pytest.approx(found.prediction)


def test_many_columns_are_sampled_and_still_sum_up():
    wide = {f"x{i}": RNG.normal(size=50) for i in range(12)}

    def two(t):  # of two classes
        p = 1 / (1 + np.exp(-sum(i * t[f"x{i}"] for i in range(12)) / 9))
        return np.column_stack([1 - p, p])

    row = dict.fromkeys(wide, 1.0)
    found = shapley(two, wide, row, orders=40)
    total = found.base + sum(found.parts.values())
    np.testing.assert_allclose(total, found.prediction)
    np.testing.assert_allclose(found.prediction, two({k: np.ones(1) for k in wide})[0])
    assert found.parts["x11"][1] > found.parts["x3"][1] > found.parts["x0"][1] - 1e-9
    assert (found.error["x11"] > 0).all()


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: importance(model, {}, float), "no columns"),
        (lambda: importance(model, TABLE, float, repeats=1), "2 or more"),
        (lambda: importance(model, {**TABLE, "a": np.ones(3)}, float), r"\[3, 200\]"),
        (lambda: shapley(model, TABLE, {"a": 1.0}), "those of the background"),
    ],
)
def test_what_is_no_table_is_refused(call, text):
    with pytest.raises(ValueError, match=text):
        call()
