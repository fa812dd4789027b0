"""Attention, and the dense layers by equation that it is made of."""

from layer_rows.row import Row

NAMES = (
    "query",
    "value",
    "key",
    "query_mask",
    "value_mask",
    "key_mask",
    "attention_mask",
)


def by_name(layer, x, **told):
    """Many heads: Keras takes each input by its name."""
    given = {name: a for name, a in zip(NAMES, x, strict=False) if a is not None}
    return layer(**given, **told)


def plainly(layer, x, **told):
    return layer(x, **told)


PAIR = ((4, 3, 5), (4, 2, 5))
TRIPLE = ((4, 3, 5), (4, 2, 6), (4, 2, 5))
KEYED = ((4, 3, 5), (4, 2, 6), (4, 2, 7))
SCORES = {"return_attention_scores": True}
HEADS = {"num_heads": 2, "key_dim": 3}
GROUPS = {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}

ROWS = [
    Row("EinsumDense", {"equation": "ab,bc->ac", "output_shape": 2}),
    Row(
        "EinsumDense",
        {
            "equation": "abc,cd->abd",
            "output_shape": [None, 2],
            "activation": "tanh",
            "bias_axes": "d",
        },
        (4, 2, 3),
        call=plainly,  # Keras leaves the known size open
    ),
    Row(
        "EinsumDense",
        {"equation": "...x,xyz->...yz", "output_shape": [2, 5], "bias_axes": "y"},
        (4, 2, 2, 3),
    ),
    Row(
        "EinsumDense",
        {"equation": "...xy,xyz->...z", "output_shape": 2, "bias_axes": "z"},
        (4, 2, 3),
    ),
    Row(
        "EinsumDense",
        {"equation": "ab...,bc->ac...", "output_shape": 2, "bias_axes": "c"},
        (4, 3, 2, 2),
    ),
    Row(
        "EinsumDense",
        {"equation": "abc,bd->adc", "output_shape": [2, 3], "bias_axes": "dc"},
        (4, 2, 3),
    ),
    Row(
        "EinsumDense",
        {"equation": "abc,bcd->abd", "output_shape": [2, 5], "bias_axes": "bd"},
        (4, 2, 3),
    ),
    Row("Attention", {}, PAIR),
    Row("Attention", {"use_scale": True}, TRIPLE, options=SCORES),
    Row("Attention", {}, ((4, 3, 5),) * 2, options={"use_causal_mask": True}),
    Row("Attention", {"score_mode": "concat"}, PAIR, mask=True),
    Row("Attention", {"score_mode": "concat", "use_scale": True}, TRIPLE),
    Row("Attention", {"dropout": 0.4, "seed": 3}, PAIR),
    Row("AdditiveAttention", {}, TRIPLE, mask=True),
    Row("AdditiveAttention", {"use_scale": False}, PAIR, options=SCORES),
    Row(
        "AdditiveAttention",
        {"dropout": 0.4},
        PAIR,
        options=SCORES | {"use_causal_mask": True},
    ),
    Row("MultiHeadAttention", HEADS, PAIR, call=by_name),
    Row("MultiHeadAttention", HEADS | {"use_bias": False}, KEYED, call=by_name),
    Row(
        "MultiHeadAttention",
        HEADS | {"value_dim": 2, "output_shape": 4, "use_gate": True, "dropout": 0.4},
        PAIR,
        options=SCORES,
        call=by_name,
    ),
    Row(
        "MultiHeadAttention",
        HEADS | {"output_shape": [2, 3], "sliding_window": 2},
        ((4, 3, 5),) * 2,
        options={"use_causal_mask": True},
        call=by_name,
    ),
    Row(
        "MultiHeadAttention",
        HEADS | {"attention_axes": 2},
        ((4, 2, 3, 5), (4, 2, 2, 5)),
        options=SCORES,
        call=by_name,
        tolerance=2e-4,
    ),
    Row(
        "MultiHeadAttention",
        HEADS,
        ((4, 2, 3, 5), (4, 3, 2, 5)),
        call=by_name,
        tolerance=2e-4,  # of gradients up to 50, which cancel
    ),
    Row("GroupQueryAttention", GROUPS, PAIR, call=by_name),
    Row(
        "GroupQueryAttention",
        GROUPS | {"use_gate": True, "use_bias": False, "sliding_window": 1},
        PAIR,
        options=SCORES,
        call=by_name,
    ),
    Row(
        "GroupQueryAttention",
        GROUPS | {"dropout": 0.4, "num_key_value_heads": 1},
        PAIR,
        options={"use_causal_mask": True},
        call=by_name,
    ),
]
