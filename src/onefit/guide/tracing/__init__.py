"""The glass box: forward and backward propagation, number by number."""
