"""From a float model as its framework wrote it to integers: everything that happens before the
first bit that matters. Floats end here."""
