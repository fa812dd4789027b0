"""Rows of the layers for categories that are ordinary layers of a program.

Those before the program are held to their own contract, in tests/layers/test_host.py.
"""

from layer_rows.row import Row

EDGES = [-1.0, 0.0, 0.5]

ROWS = [
    *(
        Row(
            "CategoryEncoding",
            {"num_tokens": 5, "output_mode": mode},
            shape,
            ids=5,
            smooth=False,
        )
        for mode in ("multi_hot", "count", "one_hot")
        for shape in ((4, 3), (4, 1))
    ),
    *(
        Row(
            "Discretization",
            {"bin_boundaries": EDGES, "output_mode": mode},
            (4, 3),
            smooth=False,
        )
        for mode in ("int", "one_hot", "multi_hot", "count")
    ),
]
