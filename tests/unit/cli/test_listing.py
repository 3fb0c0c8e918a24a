"""Files as they are printed."""

from dataclasses import replace

import pytest
from mapred_cli.listing import Columns, as_object, details, human, in_print, listing, usage

from blockstore.model import FileStatus, Permission, Summary

FILE = FileStatus(
    "/a/b.txt", False, 5_000_000, 3, 4 << 20, 0.0, 17, permission=Permission("ana", "lab", 0o640)
)
DIRECTORY = FileStatus(
    "/a", True, 0, 0, 0, 0.0, 16, children=1, permission=Permission("root", "wheel", 0o1777)
)


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0"),
        (999, "999"),
        (1023, "1.0 K"),
        (1536, "1.5 K"),
        (128 << 20, "128 M"),
        (1 << 60, "1.0 E"),
    ],
)
def test_sizes_for_people(size, shown):
    assert human(size) == shown


def test_columns_line_up():
    lines = listing([DIRECTORY, FILE], Columns(readable=True))

    assert lines[0].split()[:3] == ["drwxrwxrwt", "-", "root"]
    assert lines[1].split()[:6] == ["-rw-r-----", "3", "ana", "lab", "4.8", "M"]
    assert lines[0].index("/a") == lines[1].index("/a/b.txt")


def test_plain_sizes_are_bytes():
    assert "5000000" in listing([FILE], Columns())[0]


def test_usage_has_both_sums():
    assert usage([("/a", Summary(1, 1, 5, 15))], readable=False) == ["5  15  /a"]


def test_details_count_blocks():
    assert "  blocks       2 of 4.0 M" in details(FILE)


def test_details_and_json_tell_whose_it_is():
    assert "  owner        ana:lab" in details(FILE)
    assert "  mode         drwxrwxrwt (1777)" in details(DIRECTORY)
    assert (as_object(FILE)["owner"], as_object(FILE)["mode"]) == ("ana", "0640")


def test_what_a_terminal_might_obey_is_shown_as_a_question_mark():
    assert in_print("/a\x1b[2J\nb é") == "/a?[2J?b é"


def test_the_time_of_access_and_how_a_file_is_kept_are_shown_if_asked():
    read = replace(FILE, accessed_at_s=86400.0 * 400)

    (line,) = listing([read], Columns(by_access=True, with_policy=True))
    assert "Replicated" in line
    assert "1971-02-0" in line
    assert "Replicated" not in listing([read], Columns())[0]
