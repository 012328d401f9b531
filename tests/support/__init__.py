"""Real servers for tests, started from packages on this machine and removed afterwards."""
