"""Ours against the peers: whole processes, in one run, as ratios. `python -m benchmarks --help`."""
