# Networks as estimators of scikit-learn, as in Keras 2.
import numpy as np
from keras.layers import Dense
from keras.models import Sequential
from keras.wrappers.scikit_learn import KerasClassifier, KerasRegressor
from sklearn.model_selection import cross_val_score

rng = np.random.default_rng(0)
x = rng.normal(size=(90, 3))
y = (x[:, 0] > 0).astype(int)


def create():
    model = Sequential()
    model.add(Dense(8, input_dim=3, activation="relu"))
    model.add(Dense(1, activation="sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def line():
    model = Sequential([Dense(1, input_dim=3)])
    model.compile(loss="mse", optimizer="sgd")
    return model


classifier = KerasClassifier(build_fn=create, epochs=15, batch_size=8, verbose=0)
scores = cross_val_score(classifier, x, y, cv=3)
assert scores.mean() > 0.5
regressor = KerasRegressor(build_fn=line, epochs=20, verbose=0)
regressor.fit(x, x.sum(1))
assert regressor.predict(x).shape == (90,)
