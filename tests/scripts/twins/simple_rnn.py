# A recurrent network foretells a wave.
import numpy as np
from tensorflow.keras.layers import Dense, SimpleRNN
from tensorflow.keras.models import Sequential

t = np.linspace(0, 20, 220)
wave = np.sin(t)
X = np.array([wave[i : i + 10] for i in range(200)]).reshape(-1, 10, 1)
y = wave[10:210]
model = Sequential()
model.add(SimpleRNN(12, input_shape=(10, 1)))
model.add(Dense(1))
model.compile(optimizer="adam", loss="mean_squared_error")
model.fit(X, y, epochs=12, batch_size=32, verbose=0)
final = float(model.evaluate(X, y, verbose=0))
assert final < 0.3
