"""Which cluster a command talks to.

The first that says something counts:

    1. the command's option          --namenode, --jobtracker
    2. the environment               MAPRED_NAMENODE, MAPRED_JOBTRACKER
    3. the cluster of `mapred cluster up`, while a process of it runs
    4. `submit`: none, the job runs on this machine; others: the default port on this machine

What wasn't said on the command line is told on stderr.
"""

import os
import socket
import threading
from dataclasses import dataclass
from typing import Final

import click

from blockstore.errors import UnreachableException
from blockstore.runtime.config import (
    JOBTRACKER_VARIABLE,
    NAMENODE_PORT,
    NAMENODE_VARIABLE,
    parse_address,
)
from blockstore.runtime.retry import RetryPolicy

from .errors import say

JOBTRACKER_PORT: Final = 8021
TASKTRACKER_PORT: Final = 9868

# A person waits: from the command to "not reachable". The promise is 5 s, start-up included.
REACH_DEADLINE_S: Final = 3.5
# Somebody listens there; whether he speaks our language must show in the time that is left.
FIRST_CONTACT: Final = RetryPolicy(deadline_s=2.5, cap_s=0.5)


@dataclass(frozen=True, slots=True)
class Role:
    """A master and how users name it."""

    title: str
    key: str
    option: str
    variable: str
    port: int


NAMENODE: Final = Role("NameNode", "namenode", "--namenode", NAMENODE_VARIABLE, NAMENODE_PORT)
JOBTRACKER: Final = Role(
    "JobTracker", "jobtracker", "--jobtracker", JOBTRACKER_VARIABLE, JOBTRACKER_PORT
)


@dataclass(frozen=True, slots=True)
class Address:
    """A master's address and who said it."""

    role: Role
    host: str
    port: int
    # In words: "--namenode", "MAPRED_NAMENODE", "the local cluster in …", "the default".
    source: str

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def find(role: Role, option: str | None) -> Address | None:
    """The address by rules 1 to 3; None when nobody said any.

    Raises:
        ConfigException: what was said is no address.
    """
    said = (
        (option, role.option),
        (os.environ.get(role.variable), role.variable),
        _of_local_cluster(role),
    )
    for text, source in said:
        if text:
            return Address(role, *parse_address(text, role.port), source)
    return None


def find_or_default(role: Role, option: str | None) -> Address:
    """The address by rules 1 to 4."""
    return find(role, option) or Address(role, "127.0.0.1", role.port, "the default")


def _of_local_cluster(role: Role) -> tuple[str | None, str]:
    # Only here: its format costs a tenth of a listing's start-up.
    from . import clusterfile

    running = clusterfile.running()
    if running is None:
        return None, ""
    member = running.member(role.key)
    return member.address if member else None, f"the local cluster in {running.directory}"


def announce(*addresses: Address, quiet: bool = False) -> None:
    """One line that says which cluster is used, unless the command line said it all."""
    told = [address for address in addresses if not address.source.startswith("--")]
    if not told or quiet:
        return
    masters = ", ".join(f"{address.role.title} {address}" for address in told)
    sources = " and ".join(dict.fromkeys(address.source for address in told))
    say(f"using {masters} ({sources})")


def check_reachable(address: Address) -> None:
    """Whether anybody listens there, so that a wrong address is told at once.

    Raises:
        UnreachableException: nobody does, with the address tried and how to start one.
    """
    if error := _dialled(address, REACH_DEADLINE_S):
        raise UnreachableException(not_reachable(address, error))


def is_reachable(address: Address, deadline_s: float) -> bool:
    return _dialled(address, deadline_s) is None


def _dialled(address: Address, deadline_s: float) -> OSError | None:
    """Why nobody could be reached there, or None."""
    outcome: list[OSError | None] = []

    def dial() -> None:
        try:
            socket.create_connection((address.host, address.port), deadline_s).close()
            outcome.append(None)
        except OSError as error:
            outcome.append(error)

    # On a thread of its own, because resolving a name has no deadline.
    dialler = threading.Thread(target=dial, daemon=True)
    dialler.start()
    dialler.join(deadline_s)
    return outcome[0] if outcome else TimeoutError()


def not_reachable(address: Address, error: OSError) -> str:
    """The message for an address where nobody answers."""
    role = address.role
    reason = error.strerror or str(error)
    if isinstance(error, TimeoutError):
        reason = f"no answer in {REACH_DEADLINE_S} s"
    lines = [f"no {role.title} at {address} (from {address.source}): {reason}."]
    if address.source.startswith("the local cluster"):
        lines.append("  Start what is missing of it:  mapred cluster up")
        lines.append("  See what runs:                mapred cluster status")
    else:
        lines.append("  Start a cluster on this machine:  mapred cluster up")
        lines.append(
            f"  or say where one is:              {role.option} HOST:PORT, "
            f"or {role.variable}=HOST:PORT"
        )
    return "\n".join(lines)


namenode_option = click.option(
    "--namenode",
    metavar="HOST:PORT",
    help="The block store to use [default: $MAPRED_NAMENODE, then the local cluster, "
    f"then 127.0.0.1:{NAMENODE_PORT}].",
)
jobtracker_option = click.option(
    "--jobtracker",
    metavar="HOST:PORT",
    help="The JobTracker to use [default: $MAPRED_JOBTRACKER, then the local cluster, "
    f"then 127.0.0.1:{JOBTRACKER_PORT}].",
)
