"""Benchmarks of the VM: ``python -m bench``. What each figure is and how it is made: README.md."""
