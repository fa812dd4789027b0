"""Layers before the program: text and categories become numbers on the host, once.

A host layer stands where only inputs and other host layers lead to. `look` is what it
computes, with numpy; a network runs it over all rows before its program sees them
(`networks/host.py`). `texts.py` reads columns of text, `hashes.py` has the hashes.
CategoryEncoding and Discretization, which know numbers alone, are ordinary layers.
"""
