"""Whether another JobTracker works with the same history: started by mistake, a second one
would take it over, and every TaskTracker and client would be left with the first.

The file `ADDRESS` beside the history says where the last JobTracker listened, and which one it
was. If that one answers there, the newcomer gives up. A dead one answers nothing; one that can't be
reached, such as one on another machine that named itself 127.0.0.1, is fenced by the history
(segments.py), and stops at its next entry.
"""

import json
from typing import Final

from blockstore import BlockStore
from blockstore.errors import ConfigException, StoreError
from blockstore.runtime import rpc
from blockstore.runtime.retry import RetryPolicy
from mapred.errors import MapredError
from mapred.jobtracker.segments import HISTORY_DIRECTORY
from mapred.wire import jobtracker_pb2 as pb
from mapred.wire import jobtracker_pb2_grpc

ADDRESS: Final = f"{HISTORY_DIRECTORY}/address"
# A JobTracker that lives answers within milliseconds; a restart shouldn't wait long for a dead one.
ANSWER_S: Final = 2.0


def refuse_second(namenode: str, address: str, secret: str | None) -> None:
    """Raises ConfigException when another JobTracker answers; StoreError."""
    with BlockStore(namenode) as store:
        try:
            with store.open(ADDRESS, "rb") as file:
                signed = json.loads(file.read())
                last, instance = str(signed["address"]), str(signed["instance"])
        except (FileNotFoundError, ValueError, KeyError):
            return
    if last != address and _answers(last, instance, secret):
        raise ConfigException(
            f"a JobTracker of the block store at {namenode} runs at {last}; two can't share its "
            "jobs. End that one first, or use it"
        )


def sign(namenode: str, address: str, instance: str) -> None:
    """Says where this JobTracker listens, and which one it is."""
    with BlockStore(namenode) as store, store.open(ADDRESS, "wb") as file:
        file.write(json.dumps({"address": address, "instance": instance}).encode())


def _answers(address: str, instance: str, secret: str | None) -> bool:
    channel = rpc.channel(address, secret=secret)
    try:
        reply = rpc.call(
            jobtracker_pb2_grpc.JobTrackerStub(channel).ClusterStatus,
            pb.ClusterStatusRequest(),
            to=f"JobTracker at {address}",
            timeout_s=ANSWER_S,
            policy=RetryPolicy(deadline_s=ANSWER_S),
        )
    except (StoreError, MapredError):
        return False
    finally:
        channel.close()
    # The port may have been given to another JobTracker since.
    return bool(reply.instance == instance)
