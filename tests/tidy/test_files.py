"""Files stay small, are named for what they hold, and contain no leftovers."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("blockstore", "mapred", "cli", "protos", "tests", "benchmarks")
LINES_MAX = 400
# A file of such a name has no subject.
BANNED_NAMES = {"utils", "util", "common", "helpers", "helper", "manager", "base", "misc"}
# Spelled in pieces, so that this file passes its own test.
BANNED_WORDS = re.compile(
    r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK")) + r")\b"
)


def _files(*suffixes):
    return sorted(
        path
        for folder in SOURCES
        for path in (ROOT / folder).rglob("*")
        if path.suffix in suffixes
        and "__pycache__" not in path.parts
        and "wire" not in path.relative_to(ROOT).parts[:-1]
    )


def test_no_file_is_longer_than_one_idea():
    lengths = {path: len(path.read_text().splitlines()) for path in _files(".py")}
    assert [
        f"{path.relative_to(ROOT)}: {length}"
        for path, length in lengths.items()
        if length > LINES_MAX
    ] == []


def test_files_are_named_for_nouns_of_the_domain():
    named = [path for path in _files(".py") if path.stem.strip("_") in BANNED_NAMES]
    assert named == []


def test_nothing_is_left_to_be_done_in_a_comment():
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in _files(".py", ".proto")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if BANNED_WORDS.search(line)
    ]
    assert found == []


def test_every_module_says_what_it_is():
    silent = [
        str(path.relative_to(ROOT))
        for path in _files(".py")
        if path.relative_to(ROOT).parts[0] != "tests"
        and path.read_text().strip()
        and not path.read_text().lstrip().startswith(('"""', 'r"""'))
    ]
    assert silent == []
