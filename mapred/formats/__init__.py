"""Input and output formats by name. A format's module is imported when it is used.

InputFormat     whether files can be cut, and a reader of one split
OutputFormat    a writer of one part file
"""

from importlib import import_module
from typing import Final, cast

from mapred.errors import JobDefinitionError
from mapred.formats.port import InputFormat, OutputFormat

# Name → (module, attribute).
_INPUTS: Final = {
    "text": ("mapred.formats.text", "TextInput"),
    "jsonl": ("mapred.formats.jsonl", "JsonLinesInput"),
    "matrix": ("mapred.formats.matrix", "MatrixInput"),
}
_OUTPUTS: Final = {
    "text": ("mapred.formats.text", "TextOutput"),
    "jsonl": ("mapred.formats.jsonl", "JsonLinesOutput"),
    "packed": ("mapred.formats.packed", "PackedOutput"),
}


def check_formats(input_format: str, output_format: str) -> None:
    """Raises JobDefinitionError for a name that is no format; imports nothing."""
    for word, known in ((input_format, _INPUTS), (output_format, _OUTPUTS)):
        if word not in known:
            side = "input" if known is _INPUTS else "output"
            raise JobDefinitionError(
                f"there is no {side} format '{word}'. There are: {', '.join(sorted(known))}"
            )


def input_format(name: str) -> InputFormat:
    return cast("InputFormat", _made(_INPUTS[name]))


def output_format(name: str) -> OutputFormat:
    return cast("OutputFormat", _made(_OUTPUTS[name]))


def _made(home: tuple[str, str]) -> object:
    module, attribute = home
    return getattr(import_module(module), attribute)()
