"""Input and output formats by name. A format's module is imported when it is used.

InputFormat     a reader of one split, and where files can be cut if not anywhere
OutputFormat    a writer of one part file

A format's class is a dataclass: its fields are the options (choice.py). What mappers see:

    name      key                     value
    text      byte offset             line
    keyvalue  the line up to a tab    the rest of it
    nline     byte offset             line; N lines a split
    whole     the file's URI          all its bytes
    jsonl     byte offset             what the line holds
    csv       byte offset             dict by column, or list of fields
    parquet   number of the row       dict by column, or tuple
    arrow     number of the row       dict by column, or tuple
    fixed     byte offset, or bytes   bytes
    npy       number of the row       row of the array
    matrix    place of the block      a block of rows of float64, or float32
    packed    whatever was written    whatever was written

Outputs are text, bytelines, jsonl, csv, parquet, arrow, fixed, and packed: pairs with their types,
arrays included.
"""

import dataclasses
from functools import cache
from importlib import import_module
from typing import Any, Final, cast

from mapred.errors import JobDefinitionError
from mapred.formats.choice import Format as Format
from mapred.formats.choice import parsed
from mapred.formats.options import check_options
from mapred.formats.port import InputFormat, OutputFormat

# Name → (module, attribute).
_INPUTS: Final = {
    "text": ("mapred.formats.text", "TextInput"),
    "keyvalue": ("mapred.formats.keyvalue", "KeyValueInput"),
    "nline": ("mapred.formats.nline", "NLineInput"),
    "whole": ("mapred.formats.whole", "WholeFileInput"),
    "jsonl": ("mapred.formats.jsonl", "JsonLinesInput"),
    "csv": ("mapred.formats.csv_input", "CsvInput"),
    "parquet": ("mapred.formats.parquet", "ParquetInput"),
    "arrow": ("mapred.formats.arrow", "ArrowInput"),
    "fixed": ("mapred.formats.fixed", "FixedInput"),
    "npy": ("mapred.formats.npy", "NpyInput"),
    "matrix": ("mapred.formats.matrix", "MatrixInput"),
    "packed": ("mapred.formats.packed", "PackedInput"),
}
_OUTPUTS: Final = {
    "text": ("mapred.formats.text", "TextOutput"),
    "bytelines": ("mapred.formats.bytelines", "ByteLinesOutput"),
    "jsonl": ("mapred.formats.jsonl", "JsonLinesOutput"),
    "csv": ("mapred.formats.csv_output", "CsvOutput"),
    "parquet": ("mapred.formats.table_output", "ParquetOutput"),
    "arrow": ("mapred.formats.table_output", "ArrowOutput"),
    "fixed": ("mapred.formats.fixed", "FixedOutput"),
    "packed": ("mapred.formats.packed", "PackedOutput"),
}
# Files of these can be cut at any byte, and so a job is planned without their modules.
_CUT_ANYWHERE: Final = {"text", "keyvalue", "jsonl", "fixed", "npy", "matrix"}


def check_input(word: str | Format) -> str:
    """The input format as it travels.

    Raises:
        JobDefinitionError: no such format, or an option that it doesn't have or can't take.
    """
    return _checked(word, _INPUTS, "input")


def check_output(word: str | Format) -> str:
    """The output format as it travels; raises as `check_input` does."""
    return _checked(word, _OUTPUTS, "output")


def _checked(word: str | Format, known: dict[str, tuple[str, str]], side: str) -> str:
    form = parsed(word)
    if form.name not in known:
        raise JobDefinitionError(
            f"there is no {side} format '{form.name}'. There are: {', '.join(sorted(known))}"
        )
    word = str(form)
    # Without options there's nothing to look at, unless some must be said.
    if form.options or form.name == "fixed":
        _made(known[form.name], form)
    return word


def cut_anywhere(word: str) -> bool:
    return parsed(word).name in _CUT_ANYWHERE


def may_be_combined(word: str) -> bool:
    """Whether small files may share a split."""
    return parsed(word).name != "nline"


@cache
def input_format(word: str) -> InputFormat:
    form = parsed(word)
    return cast("InputFormat", _made(_INPUTS[form.name], form))


@cache
def output_format(word: str) -> OutputFormat:
    form = parsed(word)
    return cast("OutputFormat", _made(_OUTPUTS[form.name], form))


def _made(home: tuple[str, str], form: Format) -> object:
    module, attribute = home
    kind: Any = getattr(import_module(module), attribute)
    fields = dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ()
    known = [field.name for field in fields]
    for name in form.options:
        if name not in known:
            listing = f"Its options are: {', '.join(known)}" if known else "It has none"
            raise JobDefinitionError(f"format '{form.name}' has no option '{name}'. {listing}")
    missing = [
        field.name
        for field in fields
        if field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
        and field.name not in form.options
    ]
    if missing:
        raise JobDefinitionError(
            f"format '{form.name}' must be told {', '.join(missing)}: "
            f"Format({form.name!r}, {missing[0]}=…)"
        )
    check_options(form.name, kind, form.options)
    try:
        return kind(**form.options)
    except (TypeError, ValueError, AttributeError) as error:
        raise JobDefinitionError(f"{form!r}: an option is of the wrong type: {error}") from None
