"""Proofs on a real cluster; `nox -s cluster` runs them where one answers."""
