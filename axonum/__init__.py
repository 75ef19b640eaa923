"""The command line. It may use every package; no package uses it."""

#: The exit code of a command that SIGINT ended, as shells report it.
INTERRUPTED = 130
