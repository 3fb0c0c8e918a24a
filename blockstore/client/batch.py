"""Many requests on names in one call of the NameNode.

    with store.batch() as batch:
        batch.mkdir("/logs")
        size = batch.stat("/data/a")
    print(size.result().length)

Requests begin in their order, and each sees what those before it have changed. It isn't a
transaction: one that is refused doesn't stop the others.
"""

import secrets
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, TypeVar

from blockstore.client.namenode import NameNodeClient
from blockstore.codec import status_from_wire
from blockstore.errors import InvalidRequestException
from blockstore.model import FileStatus
from blockstore.wire import namenode_pb2 as pb

Result = TypeVar("Result")


class Pending(Generic[Result]):
    """What a request of a batch will have come to once the batch is sent."""

    def __init__(self, reply: Callable[[Any], Result]) -> None:
        self._reply = reply
        self._outcome: Any = None
        self.error: Exception | None = None

    def result(self) -> Result:
        """Raises what the NameNode refused the request with."""
        if self.error is not None:
            raise self.error
        if self._outcome is None:
            raise InvalidRequestException("this request's batch has not been sent yet")
        return self._reply(self._outcome)

    def settle(self, outcome: Any) -> None:
        if isinstance(outcome, Exception):
            self.error = outcome
        else:
            self._outcome = outcome


class Batch:
    """Requests that gather until `send`, or until the end of a `with` block."""

    def __init__(self, namenode: NameNodeClient) -> None:
        self._namenode = namenode
        self._calls: list[pb.BatchCall] = []
        self._pending: list[Pending[Any]] = []

    def __len__(self) -> int:
        return len(self._calls)

    def mkdir(self, path: str, parents: bool = True) -> Pending[None]:
        mode = self._namenode.identity.directory_mode
        request = pb.MkdirsRequest(
            path=path, parents=parents, mode=mode, mode_above=mode, request_id=_request_id()
        )
        return self._add(pb.BatchCall(mkdirs=request), _nothing)

    def stat(self, path: str) -> Pending[FileStatus]:
        call = pb.BatchCall(stat=pb.PathRequest(path=path))
        return self._add(call, lambda outcome: status_from_wire(outcome.file.status))

    def rename(self, source: str, target: str, overwrite: bool = False) -> Pending[None]:
        request = pb.RenameRequest(
            source=source, target=target, overwrite=overwrite, request_id=_request_id()
        )
        return self._add(pb.BatchCall(rename=request), _nothing)

    def delete(self, path: str, recursive: bool = False, skip_trash: bool = False) -> Pending[bool]:
        """False when there was nothing."""
        request = pb.DeleteRequest(
            path=path, recursive=recursive, skip_trash=skip_trash, request_id=_request_id()
        )
        call = pb.BatchCall(delete=request)
        return self._add(call, lambda outcome: bool(outcome.delete.deleted))

    def _add(self, call: pb.BatchCall, reply: Callable[[Any], Result]) -> Pending[Result]:
        pending = Pending(reply)
        self._calls.append(call)
        self._pending.append(pending)
        return pending

    def send(self) -> None:
        """Sends what has gathered; refusals are for each request's `result`.

        Raises:
            UnreachableException: the NameNode doesn't answer; what was done is unknown.
        """
        calls, self._calls = self._calls, []
        pending, self._pending = self._pending, []
        for waiting, outcome in zip(pending, self._namenode.batch(calls), strict=True):
            waiting.settle(outcome)

    def __enter__(self) -> "Batch":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Raises the first refusal; after an exception in the block nothing is sent."""
        if kind is not None:
            return
        pending = list(self._pending)
        self.send()
        for waiting in pending:
            if waiting.error is not None:
                raise waiting.error


def _nothing(outcome: object) -> None:
    return None


def _request_id() -> str:
    return secrets.token_hex(16)
