"""Words and fields of whole buffers against Python's own split."""

import pkgutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapred import text as toolbox
from mapred.text import fields, lines, matching, numbers, words

# Every character that str.split takes for white space, and some that look like it.
WHITE = [chr(code) for code in range(0x11000) if chr(code).isspace()]
texts = st.lists(
    st.one_of(
        st.sampled_from(WHITE), st.sampled_from("a é\u200b\x00\x1b\n\ufeff𝄞"), st.characters()
    )
).map("".join)
encodable = texts.filter(lambda text: not any("\ud800" <= one <= "\udfff" for one in text))


@given(encodable)
def test_words_are_those_of_split(text):
    assert words(text.encode()).to_pylist() == text.split()


def test_every_white_space_of_python_separates():
    for white in WHITE:
        assert words(f"a{white}b{white}".encode()).to_pylist() == f"a{white}b{white}".split(), white


@given(st.binary())
def test_bytes_that_arent_utf8_are_replaced(data):
    assert words(data).to_pylist() == data.decode(errors="replace").split()


def by_our_rule(text):
    found = text.split("\n")
    if not found[-1]:
        found.pop()
        return [line.removesuffix("\r") for line in found]
    return [*(line.removesuffix("\r") for line in found[:-1]), found[-1]]


@given(st.text(st.sampled_from("ab,\r\n\x0b\u2028é")))
def test_lines_end_at_newlines_only(text):
    assert lines(text.encode()).to_pylist() == by_our_rule(text)
    assert fields(text.encode(), ",").to_pylist() == [line.split(",") for line in by_our_rule(text)]


def test_lines_are_found_by_text_or_by_expression():
    block = b"to be\nor not\nto do.\n"
    assert matching(block, "to ").to_pylist() == ["to be", "to do."]
    assert matching(block, ".").to_pylist() == ["to do."]
    assert matching(block, "^or|e$", regex=True).to_pylist() == ["to be", "or not"]
    with pytest.raises(ValueError, match="missing"):
        matching(block, "(", regex=True)


def test_numbers_are_read_whole_or_refused():
    assert numbers(words(b"1 -2\n 3")).to_pylist() == [1, -2, 3]
    assert numbers(fields(b"1.5, 2\n", ",").flatten(), floats=True).to_pylist() == [1.5, 2.0]
    with pytest.raises(ValueError, match="x7"):
        numbers(words(b"1 x7"))
    with pytest.raises(ValueError, match="separator"):
        fields(b"a", "")


def test_no_module_takes_the_place_of_a_function():
    # Python puts a module that is imported into its package under its own name.
    modules = {one.name for one in pkgutil.iter_modules(toolbox.__path__)}
    functions = {"words", "word_counts", "lines", "fields", "matching", "numbers"}
    assert not modules & functions
    assert all(callable(getattr(toolbox, name)) for name in functions)
