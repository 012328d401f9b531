"""Proofs on a real cluster; `nox -s cluster_tests` runs them where one answers."""
