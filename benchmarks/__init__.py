"""Measurements for anyone to repeat: each prints a ratio to a baseline of the same run."""
