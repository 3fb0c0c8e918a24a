"""What requests that changed nothing were told, so that a copy of one is told the same.

A request may arrive twice: the client has asked again, or the network was slow with the first.
What a request changed is in the journal under its id (state.py). But one that was refused, or
had nothing to do, leaves no entry; its copy, later, might be granted, after its client has been
told otherwise and has gone on. So its outcome is kept, in memory: a copy that crosses a restart
of the NameNode would have to come out of a connection that broke with the old one.
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from blockstore.errors import (
    AccessControlException,
    AlreadyBeingCreatedException,
    FileAlreadyExistsException,
    FileNotFoundException,
    InvalidPathException,
    InvalidRequestException,
    IsADirectoryException,
    ParentNotDirectoryException,
    PathIsNotEmptyDirectoryException,
    StoreError,
)
from blockstore.namenode.ready import Ready

if TYPE_CHECKING:
    from blockstore.namenode.parts import Parts

# Minutes of refusals at the rate that one NameNode takes requests at.
OUTCOMES_MAX: Final = 20_000

# Answers to the request. The others are of the moment: asking again may help, and clients do.
_FINAL: Final = (
    AccessControlException,
    AlreadyBeingCreatedException,
    FileAlreadyExistsException,
    FileNotFoundException,
    InvalidPathException,
    InvalidRequestException,
    IsADirectoryException,
    ParentNotDirectoryException,
    PathIsNotEmptyDirectoryException,
)

Arguments = ParamSpec("Arguments")
Reply = TypeVar("Reply")


class Outcomes:
    """By request id; the oldest are forgotten."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Callable[[], Ready[Any]]] = OrderedDict()

    def known(self, request_id: str) -> Callable[[], Ready[Any]] | None:
        """Tells again what was told."""
        return self._known.get(request_id)

    def refused(self, request_id: str, error: StoreError) -> None:
        kind, words = type(error), str(error)

        def again() -> Ready[Any]:
            raise kind(words)

        self._keep(request_id, again)

    def answered(self, request_id: str, reply: Any) -> None:
        self._keep(request_id, lambda: Ready(reply))

    def _keep(self, request_id: str, outcome: Callable[[], Ready[Any]]) -> None:
        self._known[request_id] = outcome
        if len(self._known) > OUTCOMES_MAX:
            self._known.popitem(last=False)


def once(method: Callable[Arguments, Ready[Reply]]) -> Callable[Arguments, Ready[Reply]]:
    """For requests to the core, or a part of it, that carry an id as `request_id`."""

    @wraps(method)
    def answer(*args: Arguments.args, **named: Arguments.kwargs) -> Ready[Reply]:
        asked: Any = args[0]
        parts: Parts = asked._parts
        request_id = str(named.get("request_id", ""))
        outcomes = parts.outcomes
        known = outcomes.known(request_id)
        if known is not None:
            return known()
        try:
            ready = method(*args, **named)
        except _FINAL as error:
            if request_id:
                outcomes.refused(request_id, error)
            raise
        if request_id and not ready.entries and request_id not in parts.state.requests:
            outcomes.answered(request_id, ready.reply)
        return ready

    return answer
