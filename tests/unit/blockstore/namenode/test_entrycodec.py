from typing import get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockstore.errors import JournalCorruptException
from blockstore.model import Block, Node, Permission
from blockstore.namenode.entries import Entry
from blockstore.namenode.entrycodec import decode, encode

numbers = st.integers(0, 2**32 - 1)
blocks = st.builds(Block, numbers, numbers, numbers)
nodes = st.builds(Node, st.text(), st.text(), numbers, st.text(min_size=1))
VALUES = {
    int: numbers,
    bool: st.booleans(),
    float: st.floats(allow_nan=False),
    str: st.text(),
    Block: blocks,
    Block | None: st.none() | blocks,
    Permission: st.builds(Permission, st.text(), st.text(), numbers),
    tuple[int, ...]: st.lists(numbers).map(tuple),
    tuple[Node, ...]: st.lists(nodes).map(tuple),
}


@pytest.mark.parametrize("kind", get_args(Entry), ids=lambda kind: kind.__name__)
def test_every_entry_comes_back_as_it_was(kind):
    fields = {name: VALUES[hint] for name, hint in get_type_hints(kind).items()}

    @given(st.builds(kind, **fields))
    def check(entry):
        assert decode(encode(entry)) == entry

    check()


def test_what_is_no_entry_is_refused():
    with pytest.raises(JournalCorruptException, match="not a journal entry"):
        decode(b"\xff\xff")
    with pytest.raises(JournalCorruptException, match="newer version"):
        decode(b"")
