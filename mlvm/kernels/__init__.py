"""Compiled kernels: what is slow in numpy."""
