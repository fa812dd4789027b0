"""History as people hold it: the numbers of a fit, which can be asked for reasons."""

from typing import TYPE_CHECKING

from onefit.training import history

if TYPE_CHECKING:
    from onefit.guide.finding import Report

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
