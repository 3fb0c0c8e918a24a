from mapred.formats.text import TextOutput, TextReader
from mapred.model import Split
from mapred.storage.local import LocalStorage


def reader_of(path, content):
    path.write_bytes(content)
    return TextReader(Split(f"file://{path}", 0, len(content)), LocalStorage())


def lines_of(reader):
    return [line for _, lines in reader.batches() for line in lines]


def test_bytes_that_are_not_utf8_become_replacement_characters_and_are_counted(tmp_path):
    reader = reader_of(tmp_path / "f", b"caf\xe9\ngood \xc3\xa9\n\xff\xff\n")
    assert lines_of(reader) == ["caf\ufffd", "good é", "\ufffd\ufffd"]
    assert reader.counters() == {"undecodable_lines": 2}


def test_clean_text_has_nothing_to_remark(tmp_path):
    reader = reader_of(tmp_path / "f", "é\n".encode())
    assert lines_of(reader) == ["é"]
    assert reader.counters() == {}


def test_a_byte_order_mark_is_dropped_at_the_start_only(tmp_path):
    reader = reader_of(tmp_path / "f", "\ufeffone\n\ufefftwo\n".encode())
    assert lines_of(reader) == ["one", "\ufefftwo"]


def test_other_line_ends_of_unicode_are_letters(tmp_path):
    line = "a\u2028b\x0bc\x0cd\x85e\rf"
    assert lines_of(reader_of(tmp_path / "f", (line + "\n").encode())) == [line]


class Memory:
    def __init__(self):
        self.data = b""

    def write(self, data):
        self.data += data
        return len(data)


def written(pairs):
    file = Memory()
    writer = TextOutput().writer(file)
    writer.write(pairs)
    writer.close()
    assert writer.bytes_written == len(file.data)
    return file.data.decode()


def test_a_pair_is_written_as_python_prints_it():
    pairs = [("a", 1), (("x", 2), None), (1.5, ["é"]), (b"b", True)]
    assert written(pairs) == "a\t1\n('x', 2)\tNone\n1.5\t['é']\nb'b'\tTrue\n"


def test_what_utf8_cannot_hold_is_escaped():
    assert written([("\udc80", 1)]) == "\\udc80\t1\n"
