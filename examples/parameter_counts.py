"""How many numbers a network holds, spelled out.

Lecture 004, section 2.2: a layer of n neurons on d inputs has d*n weights and n biases.
The 6-9-4 network has 103 parameters; the 8-9-9-9-4 network, whose count the lecture
leaves as an exercise, has 301.
"""

from onefit import Input, Sequential
from onefit.layers import Dense


def main():
    counts = {}
    for sizes in ((6, 9, 4), (8, 9, 9, 9, 4)):
        name = "-".join(map(str, sizes))
        inputs, *units = sizes
        model = Sequential([Input((inputs,)), *map(Dense, units)], name=name)
        model.summary(detail=True)
        print()
        counts[name] = [layer.count_params() for layer in model.layers]
        assert sum(counts[name]) == model.count_params()
    return counts


if __name__ == "__main__":
    main()
