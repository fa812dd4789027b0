"""Layers that make one array of several."""

from layer_rows.row import Row

TIMES = ((4, 3, 2), (4, 3, 2))

ROWS = [
    Row("Add", {}, ((4, 3), (4, 3), (4, 3))),
    Row("Add", {}, ((4, 1, 3), (4, 2, 1))),
    Row("Add", {}, ((4, 3), (4, 2, 3))),
    Row("Add", {}, ((4,), (4, 3))),
    Row("Add", {}, TIMES, mask=True),
    Row("Subtract", {}, ((4, 2, 3), (4, 1))),
    Row("Average", {}, ((4, 3), (4, 3), (4, 1))),
    Row("Multiply", {}, ((4, 3), (4, 2, 3), (4, 1, 1))),
    Row("Multiply", {}, TIMES, mask=True, oracle=False),  # Keras' mask: test_merging
    Row("Maximum", {}, ((4, 3), (4, 3), (4, 2, 3))),
    Row("Maximum", {}, TIMES, mask=True, oracle=False),
    Row("Minimum", {}, ((4, 3), (4, 3))),
    Row("Minimum", {}, TIMES, mask=True, oracle=False),
    Row("Concatenate", {}, ((4, 3), (4, 1), (4, 2))),
    Row("Concatenate", {"axis": 1}, ((4, 3, 2), (4, 1, 2)), mask=True),
    Row("Concatenate", {"axis": -1}, ((4, 3, 2), (4, 3, 1)), mask=True),
    Row("Concatenate", {"axis": -2}, ((4, 3, 2, 1), (4, 3, 1, 1))),
    Row("Dot", {"axes": 1}, ((4, 3), (4, 3))),
    Row("Dot", {"axes": -1, "normalize": True}, ((4, 3), (4, 3))),
    Row("Dot", {"axes": [1, 2]}, ((4, 3, 5), (4, 2, 3))),
    Row("Dot", {"axes": [-1, 1], "normalize": True}, ((4, 2, 3), (4, 3))),
    Row("Dot", {"axes": [1, 3]}, ((4, 2), (4, 3, 1, 2))),
    Row("Dot", {"axes": [2, 1]}, ((4, 2, 3, 2), (4, 3, 2, 2))),
]
