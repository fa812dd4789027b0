# The backend of Keras 2.
import numpy as np
import tensorflow as tf
import tensorflow.keras.backend as K

K.clear_session()
print(K.backend(), K.floatx(), K.epsilon())


def mean_pred(y_true, y_pred):
    return tf.reduce_mean(y_pred)


model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
model.compile("sgd", "mse", metrics=[mean_pred])
model.fit(np.ones((8, 2)), np.ones(8), epochs=1, verbose=0)
