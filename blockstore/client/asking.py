"""How a client's requests reach the NameNode: in a stream, as a call, in a batch; and for how long
they are repeated.

- First contact: seconds, so that a wrong address is told at once. After it a NameNode that
  doesn't answer is restarting: it is waited for (MASTER_RESTART).
- Safe mode of a start is waited out, for a while; an administrator's is told at once.
- What takes longer than a second says what it waits for (patience.py).
- What goes down a stream and isn't answered there is asked for as a call (callstreams.py).
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import grpc

from blockstore.client.callstreams import CallStreams
from blockstore.client.callways import CallWays
from blockstore.client.patience import Patience
from blockstore.errors import (
    ManualSafeModeException,
    SafeModeException,
    StoreError,
    UnreachableException,
)
from blockstore.runtime import rpc
from blockstore.runtime.clock import SYSTEM_CLOCK
from blockstore.runtime.identity import words_of
from blockstore.runtime.retry import MASTER_RESTART, NO_RETRY, RetryPolicy, retry
from blockstore.wire import namenode_pb2, namenode_pb2_grpc

# Long enough for DataNodes to report after a restart.
SAFE_MODE: Final = RetryPolicy(deadline_s=30.0, cap_s=0.5)
# What the NameNode takes in one call.
BATCH_CALLS: Final = 256
# Requests that a stream takes: the fields of a BatchCall, and of its outcome.
_STREAMED: Final = {
    "Create": ("create", "file"),
    "AddBlock": ("add_block", "located"),
    "Complete": ("complete", "complete"),
    "Stat": ("stat", "file"),
    "Mkdirs": ("mkdirs", "done"),
    "Rename": ("rename", "done"),
    "Delete": ("delete", "delete"),
}


class Asking:
    """One client's way to one NameNode. Thread-safe."""

    def __init__(
        self,
        channel: grpc.Channel,
        address: str,
        secret: str | None,
        first_contact: RetryPolicy,
        user: str,
    ) -> None:
        self._to = f"the NameNode at {address}"
        self._stub = namenode_pb2_grpc.NameNodeStub(channel)
        self._first_contact = first_contact
        self._metadata = words_of(user)
        self._reached = False
        self._patience = Patience(SYSTEM_CLOCK)
        ways = CallWays(self._stub, self._metadata, address, secret, user, SYSTEM_CLOCK)
        self._streams = CallStreams(ways.open, SYSTEM_CLOCK)

    def call(self, name: str, request: Any, timeout_s: float = rpc.CALL_TIMEOUT_S) -> Any:
        """One request, repeated until it is answered.

        Raises:
            StoreError: what the NameNode refused it with, or that it doesn't answer.
        """

        def attempt(_: float) -> Any:
            answer = self._streamed(name, request)
            if answer is not None:
                return answer
            if not self._reached and timeout_s > rpc.CALL_TIMEOUT_S:
                # A long answer isn't what tells whether anybody is there.
                root = namenode_pb2.PathRequest(path="/")
                self.reach("Stat", root, rpc.CALL_TIMEOUT_S, self._first_contact)
            policy = MASTER_RESTART if self._reached else self._first_contact
            return self.reach(name, request, timeout_s, policy)

        return retry(attempt, policy=SAFE_MODE, again=self._safe_mode_again())

    def once(self, name: str, request: Any) -> Any:
        """One try, as a call."""
        return self.reach(name, request, rpc.CALL_TIMEOUT_S, NO_RETRY)

    def reach(self, name: str, request: Any, timeout_s: float, policy: RetryPolicy) -> Any:
        """A call, with that patience."""
        again: Callable[[Exception], bool] = rpc.unreached
        if policy is MASTER_RESTART:
            again = self._patience.with_words(again, policy.deadline_s)
        try:
            reply = rpc.call(
                getattr(self._stub, name),
                request,
                to=self._to,
                timeout_s=timeout_s,
                policy=policy,
                again=again,
                metadata=self._metadata,
            )
        except UnreachableException:
            raise
        except StoreError:
            # A refusal is an answer.
            self._reached = True
            raise
        self._reached = True
        return reply

    def batch(self, calls: Sequence[Any]) -> list[Any]:
        """An outcome (a BatchOutcome, or what it was refused with) for each BatchCall."""
        outcomes: list[Any] = []
        for start in range(0, len(calls), BATCH_CALLS):
            outcomes += self._batch(calls[start : start + BATCH_CALLS])
        return outcomes

    def close(self) -> None:
        """Ends its streams; the channel is its maker's."""
        self._streams.close()

    # --- inside ------------------------------------------------------------------------

    def _streamed(self, name: str, request: Any) -> Any:
        """The reply, if a stream could bring it."""
        fields = _STREAMED.get(name)
        if fields is None or not self._reached:
            return None
        asked, answered = fields
        outcome = self._streams.ask(namenode_pb2.BatchCall(**{asked: request}))
        if outcome is None:
            return None
        if outcome.HasField("refusal"):
            raise rpc.named(outcome.refusal.kind, outcome.refusal.message)
        return getattr(outcome, answered)

    def _streamed_alone(self, calls: Sequence[Any]) -> list[Any]:
        """The outcome of a batch of one, if a stream could bring it."""
        outcome = self._streams.ask(calls[0]) if len(calls) == 1 and self._reached else None
        return [] if outcome is None else [outcome]

    def _batch(self, calls: Sequence[Any]) -> list[Any]:
        request = namenode_pb2.BatchRequest(calls=calls)

        def attempt(_: float) -> list[Any]:
            answers = self._streamed_alone(calls) or self.call("Batch", request).outcomes
            outcomes = [
                rpc.named(outcome.refusal.kind, outcome.refusal.message)
                if outcome.HasField("refusal")
                else outcome
                for outcome in answers
            ]
            for outcome in outcomes:
                # Repeated with the same ids, so that what was done isn't done again.
                if isinstance(outcome, SafeModeException):
                    raise outcome
            return outcomes

        return retry(attempt, policy=SAFE_MODE, again=self._safe_mode_again())

    def _safe_mode_again(self) -> Callable[[Exception], bool]:
        return self._patience.with_words(_is_safe_mode, SAFE_MODE.deadline_s)


def _is_safe_mode(error: Exception) -> bool:
    """Of a start: it ends by itself."""
    return isinstance(error, SafeModeException) and not isinstance(error, ManualSafeModeException)
