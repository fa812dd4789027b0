"""scikit-learn: networks as estimators, and a search that is one program.

Estimators choose head, loss, scale and penalty by the data, and are built on what
`import onefit` shows, on training and on populations; nothing else knows them. This
room derives from scikit-learn's classes, so importing it imports scikit-learn.

>>> from sklearn.datasets import load_iris
>>> from onefit.sklearn import NNClassifier
>>> x, y = load_iris(return_X_y=True)
>>> model = NNClassifier(max_iter=500, random_state=0).fit(x, y)
>>> model.score(x, y) > 0.9
True
"""

from onefit.packages import absent

try:
    import sklearn as _package  # noqa: F401
except ImportError as error:
    raise absent("sklearn", "onefit.sklearn") from error

from onefit.sklearn.classifier import NNClassifier
from onefit.sklearn.regressor import NNRegressor
from onefit.sklearn.search import search

__all__ = ["NNClassifier", "NNRegressor", "search"]
