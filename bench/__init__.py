"""Benchmarks of the VM and its contracts: ``python -m bench``. What each figure is: README.md."""
