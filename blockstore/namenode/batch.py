"""Many requests of one client in one call.

Rules
- Requests begin in their order, in one turn of the event loop: each sees what those before
  it have changed, and nobody else comes between them. It isn't a transaction: one that is
  refused doesn't stop the others.
- Replies wait for the same sync, once for all: a task and a future for each request would cost
  as much as what most of them ask for.
- The methods are the servicer's own, so a request means the same alone and in a batch.
"""

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any, Final

from blockstore.errors import InvalidRequestException
from blockstore.namenode.commit import GroupCommit
from blockstore.runtime import failpoint, rpc
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


# Those that wait for others, with timers of their own: each is a task from its beginning.
_WAITING: Final = {"complete"}


async def perform(
    servicer: object, commit: GroupCommit, request: pb.BatchRequest, context: Any
) -> pb.BatchReply:
    """Raises:
    InvalidRequestException: too many calls, or one of a kind that isn't known.
    """
    calls = request.calls
    if len(calls) > CALLS_MAX:
        raise InvalidRequestException(f"{len(calls)} calls in a batch, the limit is {CALLS_MAX}")
    kinds = {_kind(call) for call in calls}
    outcomes = [outcome(servicer, call, context) for call in calls]
    if kinds & _WAITING:
        return pb.BatchReply(outcomes=await asyncio.gather(*outcomes))
    with commit.once_for_all():
        begun = [_Begun(each) for each in outcomes]
    failpoint.hit("batch.perform.before_durable")
    await commit.durable()
    failpoint.hit("batch.perform.after_durable")
    rest = [each.end() for each in begun if each.outcome is None]
    await asyncio.gather(*rest)
    return pb.BatchReply(outcomes=[each.outcome for each in begun if each.outcome is not None])


class _Begun:
    """A coroutine that has come to its first wait, or to its end, outside of any task."""

    def __init__(self, coroutine: Coroutine[Any, None, pb.BatchOutcome]) -> None:
        self._coroutine = coroutine
        self._waits_for: Any = None
        self.outcome: pb.BatchOutcome | None = None
        self._send(None)

    async def end(self) -> None:
        await self

    def __await__(self) -> Generator[Any, Any, None]:
        while self.outcome is None:
            self._send((yield self._waits_for))

    def _send(self, what: Any) -> None:
        try:
            self._waits_for = self._coroutine.send(what)
        except StopIteration as end:
            self.outcome = end.value


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
