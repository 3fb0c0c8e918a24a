"""Which engine runs a submitted job, and where its unqualified paths lie.

    --local                               this machine alone
    a JobTracker is known (addresses.py)  that cluster
    otherwise                             this machine alone, said in one line

On a cluster unqualified paths lie in its block store, as its JobTracker names it; on this
machine alone they are local files, or lie in the block store that --namenode or
MAPRED_NAMENODE names.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .errors import REFUSED, CommandError, hear_clients

if TYPE_CHECKING:
    from mapred.engine import Engine

    from .addresses import Address

LOCAL_FILES: Final = "file://"
# Whether the cluster's own name for its NameNode means something here.
OTHER_NAME_DEADLINE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a job will run; `engine` starts it (an embedded one starts processes)."""

    engine: Callable[[], "Engine"]
    default_filesystem: str
    on_cluster: bool
    # Processes of this machine; None on a cluster.
    workers: int | None = None
    # Said when the job is about to run.
    notice: str = ""
    # What the default file system is called here, where that isn't its name on the cluster.
    alias: str = ""

    def canonical(self, word: str) -> str:
        """A path as the cluster knows it."""
        if self.alias and (word == self.alias or word.startswith(f"{self.alias}/")):
            return self.default_filesystem + word.removeprefix(self.alias)
        return word


def choose(
    *,
    jobtracker: str | None,
    namenode: str | None,
    local: bool,
    workers: int | None,
    quiet: bool,
) -> Place:
    """The place by the rules above, announced on stderr.

    Raises:
        UnreachableException: the cluster that is meant doesn't answer.
        CommandError: the options contradict each other.
    """
    if local and jobtracker:
        raise CommandError("--local and --jobtracker contradict each other", REFUSED)
    if local and not namenode:
        return _this_machine(None, local=True, workers=workers)
    from . import addresses

    master = None if local else addresses.find(addresses.JOBTRACKER, jobtracker)
    if master is None:
        return _this_machine(_named_store(namenode), local=local, workers=workers)
    if workers is not None:
        raise CommandError(
            "--workers is for jobs on this machine alone; on a cluster the TaskTrackers' --slots "
            "say how many tasks run at once. Leave it out, or give --local",
            REFUSED,
        )
    return _cluster(master, namenode, quiet=quiet)


def _cluster(master: "Address", namenode: str | None, *, quiet: bool) -> Place:
    from blockstore.runtime.config import parse_address
    from mapred.client import ClusterEngine
    from mapred.storage import dial

    from . import addresses
    from .addresses import NAMENODE, Address

    addresses.check_reachable(master)
    hear_clients()
    engine = ClusterEngine(str(master), first_contact=addresses.FIRST_CONTACT)
    own = Address(NAMENODE, *parse_address(engine.namenode(), NAMENODE.port), str(master))
    named = addresses.find(NAMENODE, namenode) or own
    addresses.check_reachable(named)
    addresses.announce(master, named, quiet=quiet)
    store = named
    if str(named) != str(own) and not addresses.is_reachable(own, OTHER_NAME_DEADLINE_S):
        # The same NameNode under another address: through a published port, or a tunnel.
        # What goes into the job is the one that its tasks can dial.
        dial(str(own), str(named))
        store = own
    return Place(lambda: engine, f"bs://{store}", on_cluster=True, alias=f"bs://{named}")


def _this_machine(store: "Address | None", *, local: bool, workers: int | None) -> Place:
    where = f", on the block store {store}" if store else ""
    hint = "" if local else " (for a cluster: mapred cluster up)"
    notice = f"running on this machine alone, with the embedded engine{where}{hint}"

    count = workers or os.cpu_count() or 1

    def engine() -> "Engine":
        from mapred.embedded import EmbeddedEngine

        return EmbeddedEngine(workers=count)

    default = f"bs://{store}" if store else LOCAL_FILES
    return Place(engine, default, on_cluster=False, workers=count, notice=notice)


def _named_store(namenode: str | None) -> "Address | None":
    from . import addresses

    found = addresses.find(addresses.NAMENODE, namenode)
    # A local cluster without a JobTracker is broken, not meant.
    if found is None or found.source.startswith("the local cluster"):
        return None
    addresses.check_reachable(found)
    return found
