# Scikit-learn's digits, split and scaled there, learned here.
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tensorflow import keras

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
scaler = StandardScaler()
X_train, X_test = scaler.fit_transform(X_train), scaler.transform(X_test)
model = keras.Sequential(
    [
        keras.layers.Dense(32, activation="relu", input_shape=(64,)),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
model.compile(
    optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"]
)
model.fit(X_train, y_train, epochs=10, verbose=0)
y_pred = np.argmax(model.predict(X_test, verbose=0), axis=1)
final = float(model.evaluate(X_test, y_test, verbose=0)[0])
assert accuracy_score(y_test, y_pred) > 0.9
