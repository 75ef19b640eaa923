"""Guest programs and what builds them."""
