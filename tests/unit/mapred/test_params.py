import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapred import Job, Mapper, Param
from mapred.errors import JobDefinitionError, ParamError
from mapred.params import parameters, set_parameters, values_of


class Tuned(Job):
    mapper = Mapper
    number: int = Param(1, help="how many")
    share: float = Param(0.5)
    name: str = Param("x")
    strict: bool = Param(False)
    names: list[str] = Param([])
    sizes: list[int] = Param([1, 2])
    limit: int | None = Param(None)
    guessed = Param(7)


class Needy(Job):
    mapper = Mapper
    pattern: str = Param(help="what to look for")


def test_words_become_values_of_the_annotated_types():
    words = {
        "number": "-4",
        "share": "1e3",
        "name": "a=b, c",
        "strict": "Yes",
        "names": "a, b,c",
        "sizes": "3",
        "limit": "9",
        "guessed": "8",
    }
    assert set_parameters(Tuned, words) == {
        "number": -4,
        "share": 1000.0,
        "name": "a=b, c",
        "strict": True,
        "names": ["a", "b", "c"],
        "sizes": [3],
        "limit": 9,
        "guessed": 8,
    }


def test_only_what_differs_from_the_default_is_kept():
    assert set_parameters(Tuned, {"number": "1", "strict": "false", "limit": ""}) == {}


@given(st.integers())
def test_every_integer_can_be_set(number):
    expected = {} if number == 1 else {"number": number}
    assert set_parameters(Tuned, {"number": str(number)}) == expected


@given(st.floats(allow_nan=False))
def test_every_float_can_be_set(number):
    expected = {} if number == 0.5 else {"share": number}
    assert set_parameters(Tuned, {"share": repr(number)}) == expected


@given(st.text())
def test_every_text_can_be_set(text):
    expected = {} if text == "x" else {"name": text}
    assert set_parameters(Tuned, {"name": text}) == expected


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("number=x", r"-D number=x: 'x' is not a number. It must be int \(how many\)"),
        ("number=1.5", "'1.5' is not a number"),
        ("share=a", "-D share=a: 'a' is not a number. It must be float"),
        ("strict=maybe", "-D strict=maybe: 'maybe' is neither true nor false. It must be bool"),
        ("sizes=1,b", r"'b' is not a number. It must be list\[int\]"),
    ],
)
def test_an_ill_typed_value_is_refused_with_its_type_and_help(word, message):
    name, _, value = word.partition("=")
    with pytest.raises(ParamError, match=message):
        set_parameters(Tuned, {name: value})


def test_an_unknown_name_is_refused_with_the_list_of_the_known():
    with pytest.raises(ParamError) as refused:
        set_parameters(Tuned, {"numbr": "1"})
    text = str(refused.value)
    assert text.startswith("Tuned has no parameter 'numbr'. Its parameters are:\n")
    assert "  number: int (default 1)  how many\n" in text
    assert "  share: float (default 0.5)\n" in text


def test_a_required_parameter_must_be_given():
    with pytest.raises(ParamError, match=r"Needy needs -D pattern=…[^!]*what to look for"):
        set_parameters(Needy, {})
    assert set_parameters(Needy, {"pattern": ""}) == {"pattern": ""}


def test_a_subclass_has_the_parameters_of_its_bases_and_may_change_defaults():
    class Child(Tuned):
        number = 5
        extra: int = Param(2)

    assert parameters(Child)["number"].default == 5
    assert set_parameters(Child, {"number": "5", "extra": "3"}) == {"extra": 3}


def test_annotations_may_be_texts():
    class Late(Job):
        mapper = Mapper
        share: "float" = Param(1)

    assert set_parameters(Late, {"share": "0.5"}) == {"share": 0.5}


def test_a_type_that_no_word_can_set_is_refused():
    class Bad(Job):
        mapper = Mapper
        table: dict[str, int] = Param({})

    with pytest.raises(JobDefinitionError, match=r"Bad.table: a parameter can't be of type dict"):
        parameters(Bad)


def test_values_are_attributes_and_constants():
    values = values_of(Tuned, '{"number": 3}')
    assert (values.number, values.share, values.limit) == (3, 0.5, None)
    with pytest.raises(AttributeError, match=r"no parameter 'nmber'.*nmber: int = Param"):
        values.nmber  # noqa: B018
    with pytest.raises(AttributeError, match="constants"):
        values.number = 4
    assert repr(values_of(Needy, '{"pattern": "x"}')) == "Params(pattern='x')"
