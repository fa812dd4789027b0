"""Training as an explicit loop, without compile and fit.

Lecture 002's PyTorch run of XOR: Adam at the rate 0.01, 1,000 epochs, the loss every
100. `model.apply` and `optimizer.update` are pure functions, so `jax.jit` makes a step
of forward pass, loss, gradients and update one compiled call.
"""

import jax

from onefit import Input, Sequential, datasets
from onefit.layers import Dense
from onefit.losses import BinaryCrossentropy
from onefit.optimizers import Adam
from onefit.utils import set_random_seed


def main(weights=None, epochs=1000):
    set_random_seed(1)
    x, y = datasets.xor()
    model = Sequential(
        [Input((2,)), Dense(2, activation="sigmoid"), Dense(1, activation="sigmoid")]
    )
    if weights is not None:
        model.set_weights(weights)
    loss_function = BinaryCrossentropy()
    optimizer = Adam(0.01, epsilon=1e-8)  # PyTorch's epsilon; Keras' is 1e-7

    def cost(params):
        return loss_function(y, model.apply(params, x))

    @jax.jit
    def step(params, state):
        loss, grads = jax.value_and_grad(cost)(params)
        params, state = optimizer.update(grads, state, params)
        return params, state, loss

    params, losses = model.params, []
    state = optimizer.init(params)
    for epoch in range(epochs):
        params, state, loss = step(params, state)
        if epoch % 100 == 0:
            losses.append(float(loss))
            print(f"epoch {epoch:4d}  loss {loss:.6f}")

    model.params = params  # from here on the model predicts with what was learned
    outputs = model.predict(x)
    print(outputs)
    return {"losses": losses, "outputs": outputs}


if __name__ == "__main__":
    main()
