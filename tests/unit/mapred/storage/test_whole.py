"""Files that others find by their names."""

import pytest

from mapred.storage import whole
from mapred.storage.local import LocalStorage


class Failing(LocalStorage):
    def rename(self, source, target):
        raise OSError("no more")


def test_a_file_is_replaced_as_a_whole_and_nothing_lies_beside_it(tmp_path):
    uri = f"file://{tmp_path}/folder/name"
    for data in (b"first", b"second"):
        whole.put(uri, data, LocalStorage())
        assert [(p.name, p.read_bytes()) for p in (tmp_path / "folder").iterdir()] == [
            ("name", data)
        ]


def test_what_cant_be_put_in_place_leaves_the_old_one(tmp_path):
    uri = f"file://{tmp_path}/name"
    whole.put(uri, b"old", LocalStorage())
    with pytest.raises(OSError, match="no more"):
        whole.put(uri, b"new", Failing())
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("name", b"old")]
