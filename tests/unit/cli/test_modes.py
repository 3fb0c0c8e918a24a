"""Modes in words; the oracle is the system's own chmod."""

import itertools
import subprocess

import pytest
from mapred_cli.errors import CommandError
from mapred_cli.modes import changed, check

WORDS = [
    "u+x", "go-rwx", "a=r", "+w", "u=rwx,g=rx,o=", "g=", "-x", "ug+rw-x", "o+X", "a+X",
    "u-w,+t", "+t", "a-t", "=rx", "0640", "777", "1777", "0",
]  # fmt: skip


def test_words_mean_what_chmod_makes_of_them(tmp_path):
    cases = []
    for number, (before, word, is_directory) in enumerate(
        itertools.product((0o000, 0o644, 0o754, 0o1777), WORDS, (True, False))
    ):
        path = tmp_path / str(number)
        path.mkdir() if is_directory else path.touch()
        path.chmod(before)
        # Without a name chmod minds the umask, and Hadoop doesn't.
        named = [c if c[0] in "ugoa" or c[0].isdigit() else f"a{c}" for c in word.split(",")]
        cases.append((path, before, word, is_directory, ",".join(named)))
    script = "\n".join(f"chmod '{named}' '{path}'" for path, *_, named in cases)
    subprocess.run(["sh", "-e", "-c", script], check=True)
    wrong = [
        (f"{before:o}", word, is_directory)
        for path, before, word, is_directory, _ in cases
        if changed(before, word, is_directory=is_directory) != path.stat().st_mode & 0o1777
    ]
    assert wrong == []


@pytest.mark.parametrize("word", ["8", "2777", "", "u", "u+q", "x+r", "u+x,", "-R", "u:r"])
def test_what_is_no_mode_is_refused(word):
    with pytest.raises(CommandError, match="no mode"):
        check(word)


@pytest.mark.parametrize("word", WORDS)
def test_what_is_one_is_let_through(word):
    check(word)
