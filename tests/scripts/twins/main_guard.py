# A script with arguments and a main function.
import argparse
import sys

import numpy as np
import tensorflow as tf


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=3)
    return parser.parse_args()


def main():
    args = parse()
    model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(np.ones((8, 2)), np.ones(8), epochs=args.epochs, verbose=0)
    assert len(history.epoch) == args.epochs
    print(sys.argv[0].endswith("main_guard.py"), __file__.endswith("main_guard.py"))


if __name__ == "__main__":
    main()
