"""History as people hold it: the numbers of a fit, which can be asked for reasons."""

from typing import TYPE_CHECKING

from onefit.training import history
from onefit.types import Data

if TYPE_CHECKING:
    from onefit.guide.by_layer import Layers
    from onefit.guide.finding import Report
    from onefit.guide.improve import Advice

__all__ = ["History"]


class History(history.History):
    """What `fit` returns: a number an epoch for each log, and a diagnosis.

    See `onefit.training.history.History` for its attributes.
    """

    def diagnose(self) -> "Report":
        """What kept the network from learning, or from learning more.

        It looks at the curves, and measures a step before and after the fit: dead,
        saturated and equal units, the sizes of gradients and updates by layer.

        Returns:
            A Report of findings, errors first: each with its layer, what was seen, why
            it matters, what to write instead, and the curve that shows it.

        Raises:
            ValueError: A fit of no epochs, or one that was not watched.

        Example:
            >>> x, y = onefit.datasets.load_digits()
            >>> dense = onefit.layers.Dense(10, activation="softmax")
            >>> model = onefit.Sequential([onefit.Input((64,)), dense], name="digits")
            >>> model.compile("adam", "sparse_categorical_crossentropy")
            >>> history = model.fit(x / 16, y, epochs=20, verbose=0)
            >>> print(history.diagnose())
            diagnosis of 'digits': nothing found.
        """
        from onefit.guide.diagnose import diagnose

        return diagnose(self)

    @property
    def layers(self) -> "Layers":
        """Numbers by layer over the epochs, of `fit(..., watch="layers")`.

        `history.layers["dense"]["update/weight"]` has one for each of
        `history.layers.epochs`; printed, it is the last of them as a table; `.plot()`
        draws them.

        Raises:
            ValueError: A fit that was not asked for them.

        Example:
            >>> x, y = onefit.datasets.load_digits()
            >>> dense = onefit.layers.Dense(10, activation="softmax", name="classes")
            >>> model = onefit.Sequential([onefit.Input((64,)), dense])
            >>> model.compile("adam", "sparse_categorical_crossentropy")
            >>> history = model.fit(x / 16, y, epochs=3, watch="layers", verbose=0)
            >>> history.layers.epochs.tolist(), list(history.layers)
            ([0, 1, 2, 3], ['classes'])
            >>> bool((history.layers["classes"]["update/weight"] > 0).all())
            True
        """
        from onefit.errors import invalid
        from onefit.guide.by_layer import Layers

        record = getattr(self.evidence, "record", None)
        if not record:
            raise invalid(
                "history.layers",
                "a fit that kept no numbers by layer",
                "one that was asked to",
                'write model.fit(..., watch="layers")',
            )
        return Layers(record)

    def remedies(
        self, x: Data = None, y: Data = None, *, seconds: float = 60.0, seeds: int = 3
    ) -> "Advice":
        """What would have made this fit better: remedies that have been tried.

        Those of what `diagnose` and `check` find come first, then the usual suspects;
        see `Model.improve`, of which this is the same for the rows and the arguments of
        this fit.

        Args:
            x, y: The rows, where the history does not hold them: streams, and arrays of
                more than 64 MiB.
            seconds: How long it may take, about.
            seeds: From how many initial weights each change is trained.

        Raises:
            ValueError: A fit that was not watched, or rows that are to be given.
        """
        from onefit.errors import invalid
        from onefit.guide.improve import improve

        program = getattr(self.evidence, "program", None)
        if program is None or (x is None and not self.evidence.kept):
            raise invalid(
                "remedies",
                "a history without its rows",
                "a fit that was watched, of arrays up to 64 MiB, or x and y",
                "write history.remedies(x, y), or model.improve(x, y)",
            )
        if x is not None:
            program = program.replace(x=x, y=y)
        return improve(program, seconds=seconds, seeds=seeds)
