"""Deterministic quantised inference: fast natively, refutable on the VM. docs/mlvm.md tells it."""
