import json

import pytest

from mapred.errors import InputError
from mapred.formats import input_format, output_format
from mapred.model import Split
from mapred.storage.local import LocalStorage
from mapred.task.failure import RecordError


def records(path, content):
    path.write_text(content)
    split = Split(f"file://{path}", 0, len(content.encode()), format="jsonl")
    reader = input_format("jsonl").reader(split, LocalStorage())
    return [pair for keys, values in reader.batches() for pair in zip(keys, values, strict=True)]


def test_a_line_is_a_value_and_blank_lines_are_passed_over(tmp_path):
    assert records(tmp_path / "f", '{"a": 1}\n\n  \n[1, "é"]\n') == [(0, {"a": 1}), (13, [1, "é"])]


def test_a_line_that_is_not_json_is_named_with_its_place(tmp_path):
    with pytest.raises(InputError, match=r"f at byte 8 is not JSON: .*'\{oops'"):
        records(tmp_path / "f", '{"a":1}\n{oops\n')


def test_what_nests_too_deep_is_a_bad_line_and_no_crash(tmp_path):
    with pytest.raises(InputError, match=r"f at byte 2 is not JSON: maximum recursion depth"):
        records(tmp_path / "f", "1\n" + "[" * 100_000 + "\n")


def test_what_json_cant_hold_is_named():
    deep, own = [], []
    own.append(own)
    for _ in range(100_000):
        deep = [deep]
    for value in ({1}, own, deep):
        with pytest.raises(RecordError, match="can't be written as JSON"):
            output_format("jsonl").writer(None).write([("a", 1), ("k", value)])


def test_pairs_are_written_as_objects():
    data = []

    class File:
        def write(self, part):
            data.append(part)
            return len(part)

    writer = output_format("jsonl").writer(File())
    writer.write([("é", 1), (("a", 2), [None])])
    writer.close()
    lines = b"".join(data).decode().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"key": "é", "value": 1},
        {"key": ["a", 2], "value": [None]},
    ]
    assert "é" in lines[0]
