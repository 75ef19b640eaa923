"""The dispute protocol: its model, the honest agent, adversaries. docs/dispute.md tells it."""
