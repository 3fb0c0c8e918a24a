from pathlib import Path

import pytest

from mapred.errors import InputError
from mapred.inputs import input_files, missing_input, shown


def test_a_missing_input_of_the_block_store_tells_of_a_local_file_of_that_name(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("logs").mkdir()
    Path("logs/2026").touch()
    assert missing_input("logs/2026", "bs://nn:8020/logs/2026") == (
        "input 'bs:///logs/2026' does not exist.\n"
        f"  A file of that name is on this machine: file://{tmp_path}/logs/2026\n"
        "  Put it into the block store first:  mapred fs put logs/2026 /logs/"
    )
    assert missing_input("logs/2027", "bs://nn:8020/logs/2027") == (
        "input 'bs:///logs/2027' does not exist. What there is:  mapred fs ls /logs"
    )


def test_a_missing_local_input_is_named_in_full_and_as_given():
    assert missing_input("x.txt", "file:///home/ana/x.txt") == (
        "input 'file:///home/ana/x.txt' does not exist. Its name was given as 'x.txt'"
    )


def test_a_pattern_says_that_it_matches_nothing(tmp_path):
    with pytest.raises(InputError, match=r"input pattern 'file://.*/\*\.gz' matches nothing"):
        input_files([f"{tmp_path}/*.gz"], "file://")


def test_the_block_store_is_shown_without_its_namenode():
    assert shown("bs://nn:8020/a") == "bs:///a"
    assert shown("file:///a") == "file:///a"
