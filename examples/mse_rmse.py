"""Mean squared error and its root: by hand, by onefit and by scikit-learn.

Lecture 003, "Feedback (1/5)" and "(2/5)", with its four numbers. Needs scikit-learn.
"""

from sklearn import metrics as sklearn_metrics

from onefit.losses import MeanSquaredError
from onefit.metrics import RootMeanSquaredError

Y_TRUE = [3, -0.5, 2, 7]
Y_PRED = [2.5, 0.0, 2, 8]


def mse_by_hand(y_true, y_pred):
    pairs = zip(y_true, y_pred, strict=True)
    return sum((y - a) ** 2 for y, a in pairs) / len(y_true)


def main():
    mse = {
        "by hand": mse_by_hand(Y_TRUE, Y_PRED),
        "onefit": float(MeanSquaredError()(Y_TRUE, Y_PRED)),
        "scikit-learn": sklearn_metrics.mean_squared_error(Y_TRUE, Y_PRED),
    }
    root = RootMeanSquaredError()
    root.update_state(Y_TRUE, Y_PRED)
    rmse = {
        "by hand": mse["by hand"] ** 0.5,
        "onefit": float(root.result()),
        "scikit-learn": sklearn_metrics.root_mean_squared_error(Y_TRUE, Y_PRED),
    }
    print(f"{'':14s}     MSE    RMSE")
    for name, value in mse.items():
        print(f"{name:14s} {value:7.4f} {rmse[name]:7.4f}")
    return {"mse": list(mse.values()), "rmse": list(rmse.values())}


if __name__ == "__main__":
    main()
