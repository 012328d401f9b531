"""Tests on a real cluster; `nox -s cluster_tests` runs them where a cluster answers."""
