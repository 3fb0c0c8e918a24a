"""A format with its options, as a job names it and as it travels in splits and specs.

    input_format = "csv"
    input_format = Format("csv", delimiter=";", types={"age": "int"})

In words it is the name, or the name and a JSON object:  csv {"delimiter": ";"}. Options are
the fields of the format's class; the module of each format says what they mean.
"""

import json
from typing import Any

from mapred.errors import JobDefinitionError


class Format:
    """The name of a format and what it is told."""

    def __init__(self, name: str, **options: Any) -> None:
        self.name = name
        self.options = options

    def __str__(self) -> str:
        if not self.options:
            return self.name
        try:
            return f"{self.name} {json.dumps(self.options, sort_keys=True)}"
        except (TypeError, ValueError) as error:
            raise JobDefinitionError(
                f"an option of format '{self.name}' can't travel as JSON: {error}"
            ) from None

    def __repr__(self) -> str:
        options = "".join(f", {name}={value!r}" for name, value in self.options.items())
        return f"Format({self.name!r}{options})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Format) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


def parsed(word: "str | Format") -> Format:
    """The format that a word means.

    Raises:
        JobDefinitionError: what follows the name is no JSON object.
    """
    if isinstance(word, Format):
        return word
    name, _, rest = word.strip().partition(" ")
    if not rest.strip():
        return Format(name)
    try:
        options = json.loads(rest)
    except ValueError as error:
        raise JobDefinitionError(
            f"format '{word}': after the name comes a JSON object of options: {error}"
        ) from None
    if not isinstance(options, dict):
        raise JobDefinitionError(f"format '{word}': its options must be a JSON object")
    return Format(name, **options)
