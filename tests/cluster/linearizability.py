"""Whether a recorded history could have happened one operation at a time.

Each operation has a call and a return; those that overlap may have happened in either order.
A history is linearizable (Herlihy and Wing, "Linearizability", 1990) if there is an order that
agrees with the calls and returns, and in which each operation answers as the specification says.

The search is Wing and Gong's ("Testing and Verifying Concurrent Objects", 1993) with the memory
of Lowe ("Testing for linearizability", 2017): a state that was reached with the same operations
done is not searched twice. Nor is one that was reached before with the same known ones done, and
with fewer of those whose outcome is unknown: all that could follow could have followed then.

An operation whose outcome nobody knows has no return: it may happen at any time after its call,
or never, which is the same as after everything that could have seen it.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

# A history that takes more is too concurrent to be checked: that is told, never passed over.
BUDGET_STEPS = 200_000
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


@dataclass(frozen=True)
class _Node:
    """`done`: the known operations that were, `guessed`: the unknown ones, as bits."""

    done: int
    guessed: int
    state: Hashable
    last: Operation | None = None
    before: "_Node | None" = None

    def order(self) -> list[Operation]:
        node, found = self, []
        while node.before is not None:
            found.append(node.last)
            node = node.before
        return found[::-1]


class _Memory:
    """Where the search has been."""

    def __init__(self) -> None:
        # Of the known ones done, and a state: the smallest sets of unknown ones.
        self._been: dict[tuple[int, Hashable], list[int]] = {}

    def is_new(self, node: _Node) -> bool:
        sets = self._been.setdefault((node.done, node.state), [])
        if any(guessed & ~node.guessed == 0 for guessed in sets):
            return False
        sets[:] = [guessed for guessed in sets if node.guessed & ~guessed]
        sets.append(node.guessed)
        return True


class _Search:
    def __init__(self, history: Sequence[Operation], step: Step) -> None:
        self._step = step
        in_order = sorted(history, key=lambda operation: operation.call)
        self.known = [operation for operation in in_order if operation.is_known]
        # By action: of those that do the same, the first that isn't taken yet is as good as any.
        alike: dict[tuple[Any, ...], list[tuple[int, Operation]]] = {}
        for bit, operation in enumerate(op for op in in_order if not op.is_known):
            alike.setdefault(operation.action, []).append((1 << bit, operation))
        self._alike = list(alike.values())

    def is_left(self, node: _Node, number: int) -> bool:
        return not node.done >> number & 1

    def next_return(self, node: _Node) -> Operation:
        """Of those known that are left, the one that returned first: what is next was called
        before that."""
        first = None
        lowest = (~node.done & node.done + 1).bit_length() - 1
        for number in range(lowest, len(self.known)):
            operation = self.known[number]
            if first is not None and operation.call > first.returned:
                break
            if self.is_left(node, number) and (
                first is None or operation.returned < first.returned
            ):
                first = operation
        assert first is not None
        return first

    def after(self, node: _Node, before: int) -> Iterator[_Node]:
        """What may follow, the likeliest last: those that are known to have happened."""
        for group in self._alike:
            for bit, operation in group:
                if node.guessed & bit:
                    continue
                if operation.call < before:
                    state = self._step(node.state, operation)
                    # One that changes nothing here may as well be later, or never.
                    if state is not None and state != node.state:
                        yield _Node(node.done, node.guessed | bit, state, operation, node)
                break
        for number in reversed(range(len(self.known))):
            operation = self.known[number]
            if self.is_left(node, number) and operation.call < before:
                state = self._step(node.state, operation)
                if state is not None:
                    yield _Node(node.done | 1 << number, node.guessed, state, operation, node)


def check(
    history: Sequence[Operation], step: Step, start: Hashable, budget: int = BUDGET_STEPS
) -> list[Operation]:
    """An order that explains the history, without what is unknown and may never have happened.

    Raises:
        NotLinearizable: there is none; tells how far the search came, and what it was stuck at.
        BudgetExceeded
    """
    search, memory = _Search(history, step), _Memory()
    everything = (1 << len(search.known)) - 1
    furthest = _Node(0, 0, start)
    ahead = [furthest]
    for _ in range(budget):
        if not ahead:
            raise NotLinearizable(_story(furthest.order(), search.next_return(furthest)))
        node = ahead.pop()
        if not memory.is_new(node):
            continue
        if node.done == everything:
            return node.order()
        if node.done.bit_count() > furthest.done.bit_count():
            furthest = node
        ahead += search.after(node, search.next_return(node).returned)
    raise BudgetExceeded(f"{len(history)} operations, and {budget} steps were not enough")


def _story(done: list[Operation], stuck: Operation) -> str:
    lines = [f"{len(done)} operations have an order; the last of them:"]
    lines += [f"  {operation}" for operation in done[-_TOLD:]]
    return "\n".join([*lines, "but then nothing explains", f"  {stuck}"])
