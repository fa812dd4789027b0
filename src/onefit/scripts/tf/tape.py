"""tf.GradientTape: the library's, which says once that `fit` would be faster."""

import sys
from collections import Counter

from onefit import tape

__all__ = ["GradientTape"]

COUNTED: Counter[str] = Counter()
"""How many tapes the script has made."""

MANY = 50


class GradientTape(tape.GradientTape):
    """Writes down what is computed inside a `with` block, to differentiate it.

    See `onefit.GradientTape`. The first time that a script makes many tapes, one for
    each step of a loop, it is told that `fit` runs such a loop in one program.
    """

    def __init__(
        self, persistent: bool = False, watch_accessed_variables: bool = True
    ) -> None:
        super().__init__(persistent, watch_accessed_variables)
        COUNTED["tapes"] += 1
        if COUNTED["tapes"] == MANY:
            print(
                "onefit: a tape for each step keeps Python in the loop. "
                "model.compile(optimizer, loss) and model.fit(x, y) run all steps in "
                "one program; @tf.function makes one step a program.",
                file=sys.stderr,
            )
