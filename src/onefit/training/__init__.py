"""Training: the task, the program that trains it, and the loop around the program."""
