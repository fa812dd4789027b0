"""Layers for rows of a table."""

from layer_rows.row import Row

ROWS = [
    Row("RobustScaling", {}, oracle=False),
    Row("RobustScaling", {"limit": None}, (4, 2, 3), oracle=False),
    Row("PeriodicEmbedding", {}, oracle=False),
    Row("PeriodicEmbedding", {"units": 2, "frequencies": 3}, oracle=False),
    Row("CategoryOneHot", {"sizes": [3, 2, 5]}, ids=3, oracle=False, smooth=False),
    Row("CategoryVectors", {"sizes": [3, 2, 5], "units": 2}, ids=3, oracle=False),
    Row("FeatureScale", {}, oracle=False),
    Row("NTPDense", {"units": 2, "activation": "tanh"}, oracle=False),
    Row("NTPDense", {"units": 2, "use_bias": False}, (4, 2, 3), oracle=False),
    Row("ParametricActivation", {}, oracle=False),
    Row("ParametricActivation", {"activation": "mish"}, (4, 2, 3), oracle=False),
    Row("FadingDropout", {"rate": 0.4, "steps": 10}, oracle=False),
    Row("EnsembleDense", {"units": 2, "members": 5}, oracle=False),
    Row(
        "EnsembleDense",
        {"units": 2, "members": 5, "activation": "relu", "use_bias": False},
        (4, 5, 3),
        oracle=False,
    ),
]
