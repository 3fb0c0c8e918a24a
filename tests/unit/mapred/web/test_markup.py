from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from mapred.web.markup import Html, join, tag


def test_texts_and_attributes_are_escaped():
    assert (
        tag("a", "R&D <b>", href='/x?"y"&z')
        == '<a href="/x?&quot;y&quot;&amp;z">R&amp;D &lt;b&gt;</a>'
    )


def test_markup_is_not_escaped_twice():
    assert tag("p", tag("b", "&")) == "<p><b>&amp;</b></p>"


def test_children_nest_and_nothing_vanishes():
    assert join(["a", [None, "", False, 0, ["b"]]]) == "a0b"


def test_attributes_have_pythons_spelling():
    assert (
        tag("meta", http_equiv="x", class_="y", hidden=True, defer=False, id=None)
        == '<meta http-equiv="x" class="y" hidden>'
    )


@given(st.text(st.characters(exclude_characters="\r\0", exclude_categories=["Cs"])))
def test_any_text_comes_back_as_it_was(text: str):
    seen: list[str] = []
    parser = HTMLParser(convert_charrefs=True)
    parser.handle_data = seen.append  # type: ignore[method-assign]
    parser.handle_starttag = lambda tag, attributes: seen.append(f"<{tag} {attributes}>")  # type: ignore
    parser.feed(tag("p", text, title=text))
    parser.close()
    assert seen[0] == f"<p {[('title', text)]}>"
    assert "".join(seen[1:]) == text
    assert isinstance(tag("p"), Html)
