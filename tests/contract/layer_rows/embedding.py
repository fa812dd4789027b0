"""Layers of token ids and of masked steps."""

from layer_rows.row import Row


def backwards(layer, x, **told):
    return layer(x, **told)


ROWS = [
    Row("Embedding", {"input_dim": 5, "output_dim": 2}, (4, 3), ids=5),
    Row("Embedding", {"input_dim": 5, "output_dim": 2, "mask_zero": True}, (4,), ids=5),
    Row(
        "Embedding",
        {
            "input_dim": 3,
            "output_dim": 2,
            "mask_zero": True,
            "embeddings_initializer": "ones",
            "embeddings_regularizer": "l2",
            "embeddings_constraint": "non_neg",
        },
        (4, 2, 3),
        ids=3,
    ),
    Row("ReversibleEmbedding", {"input_dim": 5, "output_dim": 2}, (4, 3), ids=5),
    Row(
        "ReversibleEmbedding",
        {"input_dim": 5, "output_dim": 3, "logit_soft_cap": 0.7},
        (4, 2, 3),
        options={"reverse": True},
        call=backwards,
    ),
    Row(
        "ReversibleEmbedding",
        {"input_dim": 5, "output_dim": 3, "tie_weights": False},
        (4, 2, 3),
        options={"reverse": True},
        call=backwards,
    ),
    Row("Masking", {}, (4, 3, 2), mask=True),
    Row("Masking", {"mask_value": 0.5}, (4, 3)),
]
