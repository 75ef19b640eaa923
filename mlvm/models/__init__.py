"""Models that are here to be tried: where their files come from, what goes in, what an answer of
theirs means."""
