"""What we are compared with has to be right, too: scripts count each line once, wherever cut."""

import importlib
from collections import Counter

import pytest

LINES = "abcdef ghijk\n" * 20 + "lonely\n" + "abcdef\n"


@pytest.mark.parametrize("script", ["wordcount_script", "longwords_script"])
@pytest.mark.parametrize("piece", [1, 12, 13, 14, 26, 260, 267, 1000])
def test_pieces_of_any_size_make_the_same_counts(tmp_path, script, piece):
    text = tmp_path / "text"
    text.write_text(LINES)
    count = importlib.import_module(f"benchmarks.peers.{script}").count
    counts: Counter[str] = Counter()
    for at in range(0, len(LINES), piece):
        counts.update(count((str(text), at, min(at + piece, len(LINES)))))
    assert counts == Counter(LINES.split())
