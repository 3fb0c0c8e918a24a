"""What a built-in reducer is: values become partial results, which merge in order, then a result.

    lift(value)        → partial         in the map task, for every value
    merged(partials)   → partial         in map tasks and in the reduce, any number of times
    result(partial)    → value           in the reduce, once a key

A job whose reducer is a built-in combines with it in its maps by itself: partials travel,
not values. Values of a key merge in order of (map, emission), whatever the workers; and how they
fall into partials depends on the input and the job's settings alone. So do the last bits of floats.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

from mapred.records import Reducer
from mapred.shuffle.folds import AnyFold


class Builtin(Reducer):
    """Subclasses say what happens to values; the engine calls them, or does the same on columns."""

    # What columns do in its stead with values of the types they know; None: nothing.
    fold: ClassVar[AnyFold | None] = None
    # Whether partials and results are values again: then it can be any reducer's combiner.
    closed: ClassVar[bool] = False

    def lift(self, value: Any) -> Any:
        return value

    def merged(self, partials: Iterator[Any]) -> Any:
        """At least one; may be larger than memory."""
        raise NotImplementedError

    def result(self, partial: Any) -> Any:
        return partial

    def combine(self, key: Any, partials: Iterator[Any]) -> Iterator[tuple[Any, Any]]:
        """In a map task."""
        try:
            merged = self.merged(partials)
        except (TypeError, ValueError) as error:
            raise unsuited(self, f"the values of the key {key!r:.200}", error) from None
        yield key, merged

    def finish(self, key: Any, partials: Iterator[Any]) -> Iterator[tuple[Any, Any]]:
        """In a reduce task."""
        try:
            result = self.result(self.merged(partials))
        except (TypeError, ValueError) as error:
            raise unsuited(self, f"the values of the key {key!r:.200}", error) from None
        yield key, result

    def reduce(self, key: Any, values: Iterator[Any]) -> Iterator[tuple[Any, Any]]:
        """All in one, for who calls it himself."""
        yield from self.finish(key, map(self.lift, values))


def unsuited(builtin: Builtin, what: str, error: Exception) -> Exception:
    """Values that a built-in reducer can't do with: no code of the user's is in the traceback."""
    # The client of a job needs nothing of a task.
    from mapred.task.failure import RecordError

    return RecordError(f"{type(builtin).__name__} can't take {what}: {error}")
