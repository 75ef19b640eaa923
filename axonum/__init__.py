"""The command line. It may use every package; no package uses it."""
