"""A loop's state in a task: of this process, this machine, others at the loop, or the store."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from mapred.iterative.broadcast import RECEIVER, RoundSettings
from mapred.iterative.gather import Peer, Traffic
from mapred.iterative.nodecopy import Node

# A group of counters.
STATE_GROUP: Final = "state"
FROM_STORE: Final = "bytes_from_store"
FROM_PEERS: Final = "bytes_from_peers"
WRONG: Final = "wrong_chunks"
GIVEN_UP: Final = "peers_given_up"


def received(
    loop: RoundSettings,
    folder: Path | None,
    tracker_id: str,
    count: Callable[[str, str, int], None],
) -> Any:
    """`folder` is the loop's on this machine; None: there is none. What it cost is counted.

    Raises:
        StateError: a file has other bytes than were sent.
    """
    traffic = Traffic()
    node = _node(folder, tracker_id, loop.peers) if folder else None
    state = RECEIVER.receive(loop.state, node, traffic)
    if node:
        node.peers.close()
    for name, amount in (
        (FROM_STORE, traffic.from_store),
        (FROM_PEERS, traffic.from_peers),
        (WRONG, traffic.wrong),
        (GIVEN_UP, traffic.given_up),
    ):
        if amount:
            count(STATE_GROUP, name, amount)
    return state


def _node(folder: Path, tracker_id: str, peers: tuple[Peer, ...]) -> Node:
    if not peers:
        return Node(folder, tracker_id)
    from mapred.task.remotestates import RemotePeers

    return Node(folder, tracker_id, peers, RemotePeers(folder.name))
