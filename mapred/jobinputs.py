"""Several inputs with a mapper each: what Hadoop's MultipleInputs is for.

    class Orders(Job):
        inputs = (
            Input("users", format=Format("csv"), mapper=Users),
            Input("orders", format="jsonl", mapper=Purchases),
        )
        reducer = Joined

    mapred submit orders.py users=people.csv orders='logs/*.jsonl' -o joined
    mapred submit orders.py people.csv logs -o joined          (in the order of `inputs`)

Words are bound by name when each of them begins with NAME= of an input; a name may come several
times. Otherwise they are bound by position, and there must be as many as inputs. The mappers'
pairs meet in the one reducer; their values come in order of the inputs as they are declared.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mapred.errors import InputError, JobDefinitionError
from mapred.formats.choice import Format
from mapred.records import Mapper

if TYPE_CHECKING:
    from mapred.job import Job


class Input:
    """One of a job's inputs. `mapper` None: the job's own."""

    def __init__(
        self,
        name: str,
        *,
        format: str | Format = "text",  # noqa: A002
        mapper: type[Mapper] | None = None,
    ) -> None:
        self.name = name
        self.format = format
        self.mapper = mapper

    def __repr__(self) -> str:
        return f"Input({self.name!r}, format={self.format!r}, mapper={self.mapper!r})"


def check_inputs(job: "type[Job]") -> None:
    """Raises JobDefinitionError for names that can't be told apart, or no mapper."""
    names = [one.name for one in job.inputs]
    for name in names:
        if not name.isidentifier() or names.count(name) > 1:
            raise JobDefinitionError(
                f"{job.__name__}.inputs: '{name}' is no name, or one of two. "
                "Names of inputs are words, each its own"
            )
    for one in job.inputs:
        if mapper_of(job, one.name) is None:
            raise JobDefinitionError(
                f"{job.__name__}: input '{one.name}' has no mapper. Give it one:  "
                f'Input("{one.name}", mapper=YourMapper)'
            )


def mapper_of(job: "type[Job]", name: str) -> type[Mapper] | None:
    """The mapper of an input; "" is the input of a job that has just one."""
    own = next((one.mapper for one in job.inputs if one.name == name), None)
    return own or getattr(job, "mapper", None)


def bound(job: "type[Job]", words: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Of every input by name the words that mean it.

    Raises:
        InputError: too few or too many, or an input without any.
    """
    if not job.inputs:
        return {"": words}
    names = [one.name for one in job.inputs]
    usage = " ".join(f"{name}=PATH" for name in names)
    parts = [word.partition("=") for word in words]
    if all(equals and name in names for name, equals, _ in parts):
        found = {name: [path for one, _, path in parts if one == name] for name in names}
        if missing := [name for name, paths in found.items() if not paths]:
            raise InputError(f"{job.__name__} has no input for {', '.join(missing)}. Say {usage}")
        return found
    if len(words) != len(names):
        raise InputError(
            f"{job.__name__} has {len(names)} inputs, and there are {len(words)} words. "
            f"Say {usage}, or a path for each in this order"
        )
    return {name: [word] for name, word in zip(names, words, strict=True)}
