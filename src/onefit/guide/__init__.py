"""The guide: checks before, watching during, and diagnosing after a fit."""
