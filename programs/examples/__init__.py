"""Example guests, and what the host prepares for them."""
