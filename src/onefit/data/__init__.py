"""Data: rows are read, checked, converted, split, weighed and put in order here.

It knows the names of a network's inputs and outputs, and nothing of training.
"""
