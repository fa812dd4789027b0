# Metrics, class weights and thresholds.
import numpy as np
import tensorflow as tf
from tensorflow.keras.metrics import AUC, Precision, Recall

rng = np.random.default_rng(0)
x = rng.normal(size=(200, 3)).astype("float32")
y = (x[:, 0] + 0.3 * rng.normal(size=200) > 0.8).astype("float32")
model = tf.keras.Sequential(
    [
        tf.keras.layers.Dense(
            8, activation="relu", kernel_regularizer=tf.keras.regularizers.l1_l2(1e-4, 1e-4)
        ),
        tf.keras.layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(
    optimizer=tf.keras.optimizers.Adam(0.02),
    loss="binary_crossentropy",
    metrics=["accuracy", Precision(name="precision"), Recall(name="recall"), AUC(name="auc")],
)
model.fit(x, y, epochs=12, class_weight={0: 1.0, 1: 3.0}, verbose=0)
results = model.evaluate(x, y, return_dict=True, verbose=0)
assert {"loss", "accuracy", "precision", "recall", "auc"} <= set(results)
final = results["loss"]
pred = (model.predict(x, verbose=0) > 0.5).astype(int).ravel()
print(tf.math.confusion_matrix(y, pred).numpy())
m = tf.keras.metrics.MeanSquaredError()
m.update_state([1.0, 2.0], [1.0, 4.0])
assert m.result().numpy() == 2.0
