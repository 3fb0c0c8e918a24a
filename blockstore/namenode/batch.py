"""Many requests of one client in one call.

Rules
- Requests begin in their order, in one turn of the event loop: each sees what those before
  it have changed, and nobody else comes between them. It isn't a transaction: one that is
  refused doesn't stop the others.
- Replies wait for the same sync.
- The methods are the servicer's own, so a request means the same alone and in a batch.
"""

import asyncio
from typing import Any, Final

from blockstore.errors import InvalidRequestException
from blockstore.runtime import rpc
from blockstore.wire import namenode_pb2 as pb

# About 20 ms of the event loop: nobody else is served in that time.
CALLS_MAX: Final = 256

# The servicer's method of a call's kind, and where its reply goes.
_METHODS: Final = {
    "create": ("Create", "file"),
    "add_block": ("AddBlock", "located"),
    "abandon_block": ("AbandonBlock", "done"),
    "complete": ("Complete", "complete"),
    "stat": ("Stat", "file"),
    "mkdirs": ("Mkdirs", "done"),
    "rename": ("Rename", "done"),
    "delete": ("Delete", "delete"),
}


async def perform(servicer: object, request: pb.BatchRequest, context: Any) -> pb.BatchReply:
    """Raises:
    InvalidRequestException: too many calls, or one of a kind that isn't known.
    """
    calls = request.calls
    if len(calls) > CALLS_MAX:
        raise InvalidRequestException(f"{len(calls)} calls in a batch, the limit is {CALLS_MAX}")
    for call in calls:
        _kind(call)
    begun = [outcome(servicer, call, context) for call in calls]
    return pb.BatchReply(outcomes=await asyncio.gather(*begun))


def _kind(call: pb.BatchCall) -> str:
    kind = call.WhichOneof("request")
    if kind is None:
        raise InvalidRequestException("a call of a kind that this NameNode doesn't know")
    return kind


async def outcome(servicer: object, call: pb.BatchCall, context: Any) -> pb.BatchOutcome:
    """What one request of the batch has come to.

    Raises:
        InvalidRequestException: it is of a kind that isn't known.
    """
    kind = _kind(call)
    method, answer = _METHODS[kind]
    try:
        reply = await getattr(servicer, method)(getattr(call, kind), context)
    except Exception as error:
        name = rpc.name_of(error)
        if name is None:
            raise
        return pb.BatchOutcome(refusal=pb.BatchRefusal(kind=name, message=str(error)))
    return pb.BatchOutcome(**{answer: reply})
