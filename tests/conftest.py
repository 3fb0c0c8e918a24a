"""What holds for every test."""

import os

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says something of the machine's other work, not of the code.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One more than there are cores: tests of clusters wait for clocks, deaths and disks, a third
    of their time."""
    return len(os.sched_getaffinity(0)) + 1
