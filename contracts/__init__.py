"""The contracts on L1, and the Python side that builds them, runs them and talks to them."""
