"""`mapred admin journal` and `mapred admin image` over a directory, without a NameNode."""

import json

import pytest
from click.testing import CliRunner
from mapred_cli.main import cli

from blockstore.namenode import journal, recovery
from blockstore.namenode.disk import RealDisk
from blockstore.namenode.entries import OPEN_ROOT, DirectoryMade


@pytest.fixture
def directory(tmp_path):
    """Transaction 1 begins the namespace, 2-5 make /a … /d; an image at 3."""
    disk = RealDisk(str(tmp_path))
    _, writing = recovery.recover(disk, wall=1.0)
    for number, name in enumerate("abcd", start=2):
        writing.append(DirectoryMade(number, 1, name, 2.0, OPEN_ROOT))
        writing.sync()
        if name == "b":
            recovery.checkpoint(disk, writing.roll(), unique=1)
    writing.mark()
    writing.close()
    return tmp_path


def run(*words):
    done = CliRunner().invoke(cli, ["admin", *map(str, words)], standalone_mode=False)
    return done.return_value, done.output


def objects(output):
    return [json.loads(line) for line in output.splitlines()]


def test_the_journal_is_dumped_as_json_lines(directory):
    _, output = run("journal", "dump", directory, "--json", "--from", 3, "--to", 4)
    assert [(o["transaction"], o["kind"], o["name"]) for o in objects(output)] == [
        (3, "DirectoryMade", "b"),
        (4, "DirectoryMade", "c"),
    ]


def test_the_journal_is_dumped_for_people(directory):
    _, output = run("journal", "dump", directory)
    assert len(output.splitlines()) == 5
    assert output.splitlines()[4].split()[:2] == ["5", "DirectoryMade"]
    assert 'name="d"' in output


def test_the_image_is_dumped_with_paths(directory):
    _, output = run("image", "dump", directory)
    head, *inodes = objects(output)
    assert (head["kind"], head["transaction"]) == ("image", 3)
    assert [(o["kind"], o["path"]) for o in inodes] == [
        ("directory", "/"),
        ("directory", "/a"),
        ("directory", "/b"),
    ]
    assert inodes[1]["permission"].keys() == {"owner", "group", "mode"}
    named = next(directory.glob("image-*"))
    assert run("image", "dump", named)[1] == output


def test_a_damaged_image_is_named(directory):
    named = next(directory.glob("image-*"))
    damaged = bytearray(named.read_bytes())
    damaged[-40] ^= 1
    named.write_bytes(damaged)
    for path in (directory, named):
        done = CliRunner().invoke(cli, ["admin", "image", "dump", str(path)])
        assert str(done.exception).startswith(f"{named} is damaged: ")


def test_recover_changes_nothing_without_write_and_keeps_the_original_with_it(directory):
    segment = directory / journal.segment_name(4)
    data = bytearray(segment.read_bytes())
    data[-1] ^= 1
    segment.write_bytes(data)
    before = {path.name: path.read_bytes() for path in directory.iterdir()}

    code, output = run("journal", "recover", directory)

    assert code == 1
    assert f"{segment}, offset" in output
    assert "lost: transactions 5 to 5" in output
    assert f"to be cut: {segment.name} at" in output
    after = {path.name: path.read_bytes() for path in directory.iterdir() if path.name != "lock"}
    assert after == before

    code, output = run("journal", "recover", directory, "--write")

    assert code == 0
    assert f"\ncut: {segment.name} at" in output
    assert (directory / f"damaged-1-{segment.name}").read_bytes() == bytes(data)
    assert run("journal", "recover", directory)[0] == 0
    state, _ = recovery.recover(RealDisk(str(directory)), wall=2.0)
    assert state.transaction == 4


def test_recover_says_which_files_the_lost_transactions_are_about(directory):
    segment = directory / journal.segment_name(4)
    data = bytearray(segment.read_bytes())
    data[journal.SEGMENT.size + journal.RECORD.size + 2] ^= 1
    segment.write_bytes(data)

    _, output = run("journal", "recover", directory)

    assert "lost: transactions 4 to 5, 2 in number; 1 of them" in output
    assert "\n  1 DirectoryMade\n" in output
    assert "\n       5  DirectoryMade  inode_id=5 parent_id=1 name=d\n" in output


def test_a_directory_without_a_namespace_is_no_damaged_one(tmp_path):
    done = CliRunner().invoke(cli, ["admin", "journal", "recover", str(tmp_path)])
    assert "neither a journal nor an image" in str(done.exception)
