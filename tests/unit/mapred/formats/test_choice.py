from dataclasses import MISSING, fields, is_dataclass
from importlib import import_module

import pytest

from mapred import Format
from mapred.errors import JobDefinitionError
from mapred.formats import _INPUTS, _OUTPUTS, check_input, check_output
from mapred.formats.choice import parsed
from mapred.formats.options import check_options


def test_a_format_travels_as_its_name_and_its_options():
    chosen = Format("csv", delimiter=";", types={"age": "int"})
    assert check_input(chosen) == 'csv {"delimiter": ";", "types": {"age": "int"}}'
    assert parsed(check_input(chosen)) == chosen
    assert check_input("text") == "text"


def test_a_format_that_there_is_not_is_refused_with_those_there_are():
    with pytest.raises(JobDefinitionError, match=r"no input format 'xml'. There are: arrow, csv"):
        check_input("xml")
    with pytest.raises(JobDefinitionError, match="no output format 'nline'"):
        check_output("nline")


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (Format("csv", seperator=";"), "has no option 'seperator'. Its options are: header"),
        (Format("matrix", header=True), "has no option 'header'. Its options are: dtype"),
        (Format("csv", delimiter=";;"), "delimiter is one letter"),
        (Format("csv", types={"a": "date"}), "can't be of type 'date'. There are: int"),
        (Format("csv", header=False, types={"a": "int"}), "Name the columns"),
        (Format("csv", types=object()), "can't travel as JSON"),
        ("fixed", "must be told record_bytes"),
        (Format("fixed", record_bytes=10, key_bytes=11), "isn't part of a record"),
        (Format("nline", lines=0), "make no sense"),
        (Format("parquet", filter=[["a", "~", 1]]), "no .column, comparison, value."),
        (Format("whole", encoding="utf-9"), "unknown encoding"),
        (Format("csv", types=[1]), "types is a dict"),
        ("csv {", "JSON object"),
        ("csv [1]", "must be a JSON object"),
    ],
)
def test_options_that_make_no_sense_are_refused_at_once(word, message):
    with pytest.raises(JobDefinitionError, match=message):
        check_input(word)


@pytest.mark.parametrize(
    ("check", "form", "words"),
    [
        (check_input, Format("csv", header="no"), "header is True or False, not 'no'"),
        (check_input, Format("csv", columns="ab"), "columns is a list, not 'ab'"),
        (check_input, Format("csv", types=["int"]), r"types is a dict, not \['int'\]"),
        (check_input, Format("fixed", record_bytes=True), "record_bytes is an int, not True"),
        (check_input, Format("parquet", filter="a>1"), "filter is a list, not 'a>1'"),
        (check_input, Format("parquet", filter=["a>1"]), r"filter: 'a>1' is no \[column"),
        (check_input, Format("arrow", filter=[["a", "in", 7]]), "after `in` comes a list"),
        (check_output, Format("text", compression=9), "compression is a str or None, not 9"),
        (check_output, Format("text", separator=9), "separator is a str, not 9"),
    ],
)
def test_an_option_of_another_type_is_refused_and_not_made_to_fit(check, form, words):
    with pytest.raises(JobDefinitionError, match=words):
        check(form)


@pytest.mark.parametrize("home", [*_INPUTS.values(), *_OUTPUTS.values()])
def test_all_options_have_types_that_can_be_told(home):
    kind = getattr(import_module(home[0]), home[1])
    for field in fields(kind) if is_dataclass(kind) else ():
        if field.default is not MISSING:
            check_options("it", kind, {field.name: field.default})
        with pytest.raises(JobDefinitionError, match=rf"{field.name} is (a|an|True or) "):
            check_options("it", kind, {field.name: object()})
