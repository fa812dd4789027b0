"""Products in half the digits, weights in all: the names of `keras.mixed_precision`.

Written before the model is made, this line is all that a program needs:

    onefit.mixed_precision.set_global_policy("mixed_bfloat16")

Layers then compute in bfloat16; weights, sums of products, losses and the optimizer
stay in float32. float16 has so few exponents that small gradients vanish, so `compile`
puts a `LossScaleOptimizer` around the optimizer of a "mixed_float16" model.
"""

from onefit.config import DTypePolicy, dtype_policy, set_dtype_policy
from onefit.optimizers import LossScaleOptimizer

__all__ = [
    "DTypePolicy",
    "LossScaleOptimizer",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]

Policy = DTypePolicy
global_policy = dtype_policy
set_global_policy = set_dtype_policy
