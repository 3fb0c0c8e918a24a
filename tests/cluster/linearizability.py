"""Whether a recorded history could have happened one operation at a time.

Each operation has a call and a return; those that overlap may have happened in either order.
A history is linearizable (Herlihy and Wing, "Linearizability", 1990) if there is an order that
agrees with the calls and returns, and in which each operation answers as the specification says.

The search is Wing and Gong's ("Testing and Verifying Concurrent Objects", 1993) with the memory
of Lowe ("Testing for linearizability", 2017): a state that was reached with the same operations
done is not searched twice. The list that operations are lifted out of and put back into is as
Athalye describes it for Porcupine (2017).

An operation whose outcome nobody knows has no return: it may happen at any time after its call,
or never, which is the same as after everything that could have seen it.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

# A history that takes more is too concurrent to be checked: that is told, never passed over.
BUDGET_STEPS = 2_000_000
_TOLD = 12


@dataclass(frozen=True)
class Operation:
    """`call` and `returned` order events; `returned` None: the outcome isn't known."""

    call: int
    returned: int | None
    action: tuple[Any, ...]
    result: Any = None

    @property
    def is_known(self) -> bool:
        return self.returned is not None

    def __str__(self) -> str:
        name, *arguments = self.action
        words = ", ".join(map(str, arguments))
        return f"{self.call:>5}..{self.returned or '?':<5} {name}({words}) → {self.result}"


class NotLinearizable(AssertionError):
    """No order explains what was answered."""


class BudgetExceeded(AssertionError):
    """The search was given up: the history is neither good nor bad."""


# The next state, or None: the operation can't have answered so in this state.
Step = Callable[[Any, Operation], Hashable | None]


class _Event:
    """A call or a return in the list; a call knows its return."""

    __slots__ = ("bit", "end", "next", "operation", "previous")

    def __init__(self, operation: Operation | None, bit: int) -> None:
        self.operation = operation
        self.bit = bit
        self.end: _Event | None = None
        self.next: _Event | None = None
        self.previous: _Event | None = None

    def lift(self) -> None:
        for event in (self, self.end):
            event.previous.next = event.next
            if event.next is not None:
                event.next.previous = event.previous

    def put_back(self) -> None:
        for event in (self.end, self):
            event.previous.next = event
            if event.next is not None:
                event.next.previous = event


def _linked(history: Sequence[Operation]) -> _Event:
    """The head of the list of events in their order; what never returned does so at the end."""
    timed = []
    for number, operation in enumerate(history):
        call, end = _Event(operation, 1 << number), _Event(operation, 0)
        call.end = end
        at = operation.returned if operation.returned is not None else float("inf")
        timed += [(operation.call, number, call), (at, number, end)]
    head = last = _Event(None, 0)
    for _, _, event in sorted(timed, key=lambda item: item[:2]):
        last.next, event.previous = event, last
        last = event
    return head


def check(
    history: Sequence[Operation], step: Step, start: Hashable, budget: int = BUDGET_STEPS
) -> list[Operation]:
    """An order that explains the history, without what is unknown and may never have happened.

    Raises:
        NotLinearizable: there is none; tells how far the search came, and what it was stuck at.
        BudgetExceeded
    """
    head = _linked(history)
    state, done = start, 0
    seen = {(done, state)}
    path: list[tuple[_Event, Hashable]] = []
    best: list[Operation] = []
    stuck: Operation | None = None
    event = head.next
    known = sum(1 << number for number, operation in enumerate(history) if operation.is_known)
    for _ in range(budget):
        if done & known == known:
            return [call.operation for call, _ in path]
        if event.end is not None:
            after = step(state, event.operation)
            # An unknown operation that changes nothing here may as well be later, or never.
            idle = after == state and not event.operation.is_known
            if after is not None and not idle and (done | event.bit, after) not in seen:
                seen.add((done | event.bit, after))
                path.append((event, state))
                state, done = after, done | event.bit
                event.lift()
                event = head.next
            else:
                event = event.next
            continue
        if len(path) >= len(best):
            best, stuck = [call.operation for call, _ in path], event.operation
        if not path:
            raise NotLinearizable(_story(best, stuck))
        event, state = path.pop()
        done ^= event.bit
        event.put_back()
        event = event.next
    raise BudgetExceeded(f"{len(history)} operations, and {budget} steps were not enough")


def _story(done: list[Operation], stuck: Operation) -> str:
    lines = [f"{len(done)} operations have an order; the last of them:"]
    lines += [f"  {operation}" for operation in done[-_TOLD:]]
    return "\n".join([*lines, "but then nothing explains", f"  {stuck}"])
