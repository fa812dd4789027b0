"""Data: rows are read, checked, converted, split, weighed and put in order here.

What users give (arrays, lists, pandas, torch tensors) becomes a `Batch` of arrays,
once. `rows.py` does it, `orders.py` draws the order of an epoch. Data uses networks,
for the names of inputs and outputs and how they are arranged, and types, config and
errors; it knows nothing of training.
"""
