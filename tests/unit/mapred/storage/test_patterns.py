import pytest

from mapred.storage.patterns import alternatives, is_pattern


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a", ["a"]),
        ("a{b,c}d", ["abd", "acd"]),
        ("{a,b}{1,2}", ["a1", "a2", "b1", "b2"]),
        ("a{b,c{d,e}}", ["ab", "acd", "ace"]),
        ("a{b", ["a{b"]),
        ("a}b,c", ["a}b,c"]),
        ("a{,b}", ["a", "ab"]),
        ("{x{a,b}", ["{xa", "{xb"]),
    ],
)
def test_braces_stand_for_alternatives(pattern, expected):
    assert alternatives(pattern) == expected


def test_what_is_a_pattern():
    assert [is_pattern(path) for path in ("a*", "a?", "[a]", "{a,b}", "a.b-c")] == [True] * 4 + [
        False
    ]
