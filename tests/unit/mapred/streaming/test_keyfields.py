"""-k options against sort(1), and reducers as Hadoop chooses them."""

import os
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapred.errors import ParamError
from mapred.shuffle.keys import encode
from mapred.streaming.keyfields import KeyField, parsed, reducer_of, sort_key

KEYS = st.lists(
    st.lists(st.text("ab019-", max_size=3), min_size=1, max_size=4).map("|".join), max_size=12
)
OPTIONS = ("-k1,1", "-k2,2n", "-k2,2nr -k1,1", "-k2", "-k1,1r -k3", "-nr -k2,2", "-k3,3 -k1n")


def _by_sort(keys: list[str], options: str) -> list[str]:
    words = ["sort", "-t", "|", *options.split()]
    done = subprocess.run(
        words,
        input="".join(f"{key}\n" for key in keys),
        env={**os.environ, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split("\n")[:-1]


@settings(max_examples=25, deadline=None)
@given(KEYS, st.sampled_from(OPTIONS))
def test_keys_are_in_the_order_of_sort(keys: list[str], options: str) -> None:
    fields = parsed(options)

    def place(key: str) -> bytes:
        return encode(sort_key(key.encode(), b"|", fields))

    # sort(1) orders equal fields by the whole line, the other way round with a global -r.
    expected = _by_sort(keys, options)
    components = [sort_key(key.encode(), b"|", fields)[:-1] for key in expected]
    assert [encode(one) for one in components] == sorted(
        encode(sort_key(key.encode(), b"|", fields)[:-1]) for key in keys
    )
    if not options.startswith("-nr"):
        assert sorted(keys, key=place) == expected


def test_a_field_may_begin_and_end_inside_of_others() -> None:
    (field,) = parsed("-k2.2,3.1")
    assert field == KeyField(1, 1, 3, 1)
    assert field.of(b"aa.bb.cc", b".") == b"b.c"
    assert field.of(b"aa", b".") is None


@pytest.mark.parametrize("options", ["-k0", "-kx", "k1", "-x"])
def test_what_is_no_key_option_is_refused_with_its_word(options: str) -> None:
    with pytest.raises(ParamError, match=options):
        parsed(options)


def test_the_reducer_is_that_of_javas_hash() -> None:
    whole = parsed("")
    # "hello".hashCode() and so on.
    for key, java in ((b"hello", 99162322), (b"", 0), (b"polygenelubricants", -(2**31))):
        assert reducer_of(key, b"\t", whole, 1000) == (java & 0x7FFFFFFF) % 1000


def test_keys_with_the_same_first_fields_meet_in_one_reducer() -> None:
    fields = parsed("-k1,2")
    keys = [b"11.12.1.2", b"11.12.9", b"11.12.7.7"]
    assert len({reducer_of(key, b".", fields, 97) for key in keys}) == 1
    assert reducer_of(b"11.14.2.3", b".", fields, 97) != reducer_of(keys[0], b".", fields, 97)
