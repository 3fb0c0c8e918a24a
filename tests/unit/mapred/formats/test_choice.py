import pytest

from mapred import Format
from mapred.errors import JobDefinitionError
from mapred.formats import check_input, check_output
from mapred.formats.choice import parsed


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
        (Format("matrix", header=True), "has no option 'header'. It has none"),
        (Format("csv", delimiter=";;"), "delimiter is one letter"),
        (Format("csv", types={"a": "date"}), "can't be of type 'date'. There are: int"),
        (Format("csv", header=False, types={"a": "int"}), "Name the columns"),
        (Format("csv", types=object()), "can't travel as JSON"),
        ("fixed", "must be told record_bytes"),
        (Format("fixed", record_bytes=10, key_bytes=11), "isn't part of a record"),
        (Format("nline", lines=0), "make no sense"),
        (Format("parquet", filter=[["a", "~", 1]]), "no .column, comparison, value."),
        (Format("whole", encoding="utf-9"), "unknown encoding"),
        (Format("csv", types=[1]), "an option is of the wrong type"),
        ("csv {", "JSON object"),
        ("csv [1]", "must be a JSON object"),
    ],
)
def test_options_that_make_no_sense_are_refused_at_once(word, message):
    with pytest.raises(JobDefinitionError, match=message):
        check_input(word)
