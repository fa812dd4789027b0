"""Networks: what is computed, its weights, what goes in and what comes out.

It stands on layers. How a network is trained, saved or explained is not known here.
"""
