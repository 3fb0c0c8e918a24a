"""The JobTracker that commands about jobs ask."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from . import addresses
from .addresses import JOBTRACKER
from .errors import hear_clients

if TYPE_CHECKING:
    from mapred.client import ClusterEngine


@contextlib.contextmanager
def job_engine(jobtracker: str | None) -> Iterator["ClusterEngine"]:
    """`jobtracker`: what the command was told; else what its group was told, or the usual one."""
    with engine_at(jobtracker or click.get_current_context().obj) as engine:
        yield engine


@contextlib.contextmanager
def engine_at(jobtracker: str | None) -> Iterator["ClusterEngine"]:
    """For a command whose group was told of something else."""
    address = addresses.find_or_default(JOBTRACKER, jobtracker)
    addresses.check_reachable(address)
    addresses.announce(address)

    hear_clients()
    from mapred.client import ClusterEngine

    with ClusterEngine(str(address), first_contact=addresses.FIRST_CONTACT) as engine:
        yield engine
