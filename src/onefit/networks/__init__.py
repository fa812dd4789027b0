"""Networks: what is computed, its weights, what goes in and what comes out.

`Architecture` is the contract of what a network computes, `Graph` the one that is made
of layers, `Network` an architecture with its weights, its inputs and its outputs. Lists
of layers, copies and the summary are here too. Networks use layers and what those stand
on. They do not know how a network is trained, saved or explained.
"""
