"""A file that is cut under its reader: an error that says so, at once."""

import itertools

import pytest

from blockstore.client.fetch import Fetcher
from blockstore.client.filemap import FileMap
from blockstore.client.reader import BlockReader
from blockstore.client.settings import DEFAULT
from blockstore.errors import EOFException, UnreachableException
from blockstore.model import Block, FileStatus, LocatedBlock, Node
from blockstore.runtime.clock import FakeClock

NODE = Node("dn-1", "elsewhere", 1)
LENGTH = 1000


class NameNode:
    """Tells `LENGTH` bytes first, and what is left of them ever after."""

    def __init__(self, left):
        self.lengths = itertools.chain([LENGTH], itertools.repeat(left))

    def locate(self, path, offset, length, client_host):
        length = next(self.lengths)
        blocks = [LocatedBlock(Block(1, 7, length), 0, (NODE,))] if length else []
        return FileStatus(path, False, length, 1, LENGTH, 0.0, inode_id=5), blocks


class Gone:
    """No node answers."""

    def dial(self, node):
        raise UnreachableException(f"{node} is down")


@pytest.fixture(params=[0, 1, 300])
def file(request):
    return FileMap(NameNode(request.param), Gone(), "/file", "here", DEFAULT, FakeClock())


@pytest.fixture
def reader(file):
    fetcher = Fetcher(file, None, Gone(), None, None, DEFAULT, FakeClock())
    with BlockReader(file, fetcher, lambda: None) as reader:
        yield reader


# It used to ask for the next piece for ever.
@pytest.mark.timeout(20)
def test_a_reader_beyond_the_new_end_is_told(file, reader):
    file.refresh()
    told = pytest.raises(EOFException, match=r"/file was cut to \d+ bytes .* open it again")
    with told:
        reader.pread(500, 10)
    reader.seek(500)
    with told:
        reader.read()


def test_the_new_end_is_known_to_who_follows(reader):
    assert reader.length == LENGTH
    assert reader.follow() < LENGTH
    assert reader.pread(500, 10) == b""
