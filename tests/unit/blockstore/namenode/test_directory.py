import os

import pytest

from blockstore.errors import ConfigException
from blockstore.namenode.directory import prepare
from blockstore.namenode.recovery import recover


def open_(path, *, format_wanted=False):
    disk, lock = prepare(str(path), format_wanted=format_wanted)
    state, journal = recover(disk, wall=1.0)
    journal.close()
    return state, lock


@pytest.mark.parametrize("format_wanted", [False, True])
def test_a_missing_or_empty_directory_becomes_a_namespace(tmp_path, format_wanted):
    state, lock = open_(tmp_path / "new" / "dir", format_wanted=format_wanted)
    lock.release()
    assert state.cluster_id


def test_a_namespace_is_never_formatted_again(tmp_path):
    open_(tmp_path)[1].release()
    with pytest.raises(ConfigException, match="--format never erases"):
        open_(tmp_path, format_wanted=True)
    open_(tmp_path)[1].release()


def test_a_directory_with_other_files_in_it_is_used_only_when_asked(tmp_path):
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(ConfigException, match=r"photo.jpg"):
        open_(tmp_path)
    open_(tmp_path, format_wanted=True)[1].release()
    open_(tmp_path)[1].release()


def test_two_namenodes_can_not_share_a_directory(tmp_path):
    _, lock = open_(tmp_path)
    with pytest.raises(ConfigException, match=f"process {os.getpid()}"):
        open_(tmp_path)
    lock.release()
    open_(tmp_path)[1].release()


def test_a_directory_that_can_not_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigException, match="can't use"):
        open_(tmp_path / "file" / "dir")
