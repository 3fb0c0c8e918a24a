"""Whole jobs whose steps are programs, as scripts for Hadoop Streaming expect them."""

import shutil
import tarfile
from collections import Counter
from pathlib import Path

import pytest

from mapred.errors import InputError, ParamError
from mapred.model import FailureKind, JobState
from mapred.streaming.request import Request, meaning_of
from tests.unit.mapred.streaming.conftest import PYTHON, Streams

WORDS = """import sys
for line in sys.stdin:
    for word in line.split():
        print(word + "\\t1")
"""
SUMS = """import sys
from itertools import groupby
for key, group in groupby((line.rstrip("\\n").split("\\t") for line in sys.stdin), lambda p: p[0]):
    print(key, sum(int(count) for _, count in group), sep="\\t")
"""
TEXT = "to be or not to be\r\nthat is the question\nto be sure\n" * 50
COMPARATOR = {
    "mapreduce.job.output.key.comparator.class": (
        "org.apache.hadoop.mapreduce.lib.partition.KeyFieldBasedComparator"
    ),
    "mapreduce.map.output.key.field.separator": ".",
}


def _counted(lines: list[str]) -> dict[str, int]:
    return {key: int(count) for key, count in (line.split("\t") for line in lines)}


@pytest.mark.parametrize("combiner", ["", f"{PYTHON} sums.py"])
def test_words_are_counted_with_and_without_a_combiner(streams: Streams, combiner: str) -> None:
    files = (streams.file("words.py", WORDS), streams.file("sums.py", SUMS))
    request = Request(f"{PYTHON} words.py", combiner, f"{PYTHON} sums.py", reduces=2)
    lines = streams.run(request, streams.file("text", TEXT), files=files)

    assert _counted(lines) == Counter(TEXT.split())
    assert len(streams.status.output_files) == 2
    shuffled = streams.status.counters["task", "reduce_input_records"]
    assert shuffled == (len(set(TEXT.split())) if combiner else len(TEXT.split()))


def test_a_script_sent_along_needs_neither_mode_nor_path(streams: Streams) -> None:
    script = streams.file("json.py", f"#!{PYTHON}\nprint('ran')\n")
    assert streams.run(Request("json.py", reducer="NONE"), script, files=(script,)) == ["ran\t"]


def test_bytes_that_are_no_text_pass_unchanged(streams: Streams) -> None:
    path = streams.home / "latin"
    path.write_bytes(b"caf\xe9\t\xff\xfe\nx\n")
    streams.try_(Request("cat", reducer="cat", reduces=1), str(path))
    (part,) = streams.status.output_files
    assert Path(part.removeprefix("file://")).read_bytes() == b"caf\xe9\t\xff\xfe\nx\t\n"


def test_the_key_has_as_many_fields_as_was_said(streams: Streams) -> None:
    text = streams.file("text", "11.12.1.2\n11.14.2.3\n11.11.4.1\nshort\n")
    properties = {
        "stream.map.output.field.separator": ".",
        "stream.num.map.output.key.fields": "2",
    }
    lines = streams.run(Request("cat", reducer="cat", reduces=1, properties=properties), text)
    assert lines == ["11.11\t4.1", "11.12\t1.2", "11.14\t2.3", "short\t"]


def test_keys_are_ordered_by_the_comparators_fields(streams: Streams) -> None:
    text = streams.file("text", "a.3\t1\nb.20\t2\na.100\t3\nc.3\t4\n")
    properties = {**COMPARATOR, "mapreduce.partition.keycomparator.options": "-k2,2nr -k1,1r"}
    lines = streams.run(Request("cat", "cat", "cat", reduces=1, properties=properties), text)
    assert lines == ["a.100\t3", "b.20\t2", "c.3\t4", "a.3\t1"]


def test_old_names_mean_the_same(streams: Streams) -> None:
    text = streams.file("text", "a.3\t1\nb.20\t2\n")
    properties = {
        "mapred.output.key.comparator.class": "org.apache.mapred.lib.KeyFieldBasedComparator",
        "mapred.text.key.comparator.options": "-k2,2nr",
        "map.output.key.field.separator": ".",
        "mapred.reduce.tasks": "1",
        "mapred.job.name": "old",
    }
    lines = streams.run(Request("cat", reducer="cat", properties=properties), text)
    assert lines == ["b.20\t2", "a.3\t1"]
    assert streams.status.name == "old"


def test_keys_go_to_reducers_by_their_fields(streams: Streams) -> None:
    names = [f"{letter}.{number}" for letter in "abcdef" for number in range(20)]
    text = streams.file("text", "".join(f"{name}\tx\n" for name in names))
    request = Request(
        "cat",
        reducer=f"{PYTHON} here.py",
        partitioner="org.apache.hadoop.mapred.lib.KeyFieldBasedPartitioner",
        reduces=3,
        properties={
            "mapreduce.map.output.key.field.separator": ".",
            "mapreduce.partition.keypartitioner.options": "-k1,1",
        },
    )
    script = streams.file(
        "here.py",
        "import os, sys\n"
        "for line in sys.stdin: print(line[0] + '\\t' + os.environ['mapreduce_task_partition'])\n",
    )
    lines = streams.run(request, text, files=(script,))
    assert len(lines) == 120
    assert len(set(lines)) == 6
    assert len({line[-1] for line in lines}) == 3


def test_programs_find_hadoops_variables_and_the_users(streams: Streams) -> None:
    text = streams.file("text", "x\n")
    request = Request(
        "env",
        reducer="NONE",
        properties={"my.own-property": "7", "mapreduce.job.name": "named"},
        environment={"HOME_TOWN": "Elsinore"},
    )
    found = {line.partition("=")[0]: line.partition("=")[2] for line in streams.run(request, text)}
    job_id = streams.status.job_id
    assert found["mapreduce_job_id"] == found["mapred_job_id"] == f"{job_id}\t"
    assert found["mapreduce_task_ismap"] == "true\t"
    assert found["mapreduce_map_input_file"] == found["map_input_file"] == f"file://{text}\t"
    assert found["my_own_property"] == "7\t"
    assert found["mapreduce_job_name"] == "named\t"
    assert found["HOME_TOWN"] == "Elsinore\t"
    assert found["mapreduce_task_attempt_id"].startswith("attempt_")


def test_other_inputs_come_with_their_keys(streams: Streams) -> None:
    text = streams.file("text", "a=1\nb\n")
    nlines = Request("cat", reducer="NONE", input_format="NLineInputFormat")
    assert streams.run(nlines, text) == ["0\ta=1", "4\tb"]
    assert streams.status.maps == 2
    name = "mapreduce.input.keyvaluelinerecordreader.key.value.separator"
    keyed = Request(
        "cat", reducer="NONE", input_format="KeyValueTextInputFormat", properties={name: "="}
    )
    assert streams.run(keyed, text) == ["a\t1", "b\t"]
    no_mapper = Request(reduces=1)
    assert streams.run(no_mapper, text) == ["0\ta=1", "4\tb"]


def test_files_and_archives_lie_in_the_programs_folder(streams: Streams) -> None:
    inner = streams.file("inner.txt", "in the archive")
    with tarfile.open(streams.home / "a.tar.gz", "w:gz") as archive:
        archive.add(inner, "sub/inner.txt")
    plain = streams.file("plain.txt", "plain")
    (streams.home / "tree").mkdir()
    shutil.copy(plain, streams.home / "tree" / "leaf")
    script = streams.file(
        "look.py",
        "names = 'renamed', 'lib/sub/inner.txt', 'tree/leaf'\n"
        "print(*(open(name).read() for name in names))\n"
        "open('mine', 'w').close()\n",
    )
    lines = streams.run(
        Request(f"{PYTHON} look.py", reducer="NONE"),
        plain,
        files=(f"{plain}#renamed", script, f"{streams.home}/tree"),
        archives=(f"{streams.home}/a.tar.gz#lib",),
    )
    assert lines == ["plain in the archive plain\t"]


def test_a_missing_or_doubled_file_is_refused_with_its_name(streams: Streams) -> None:
    text = streams.file("text", "x\n")
    with pytest.raises(InputError, match="no file nosuch"):
        streams.try_(Request("cat"), text, files=("nosuch",))
    with pytest.raises(InputError, match="called 'text'"):
        streams.try_(Request("cat"), text, files=(text, text))


def test_a_failure_tells_the_programs_last_words(streams: Streams) -> None:
    script = streams.file("bad.py", "import sys\nfor line in sys.stdin: int(line)\n")
    request = Request(
        f"{PYTHON} bad.py", reducer="NONE", properties={"mapreduce.map.maxattempts": "2"}
    )
    status = streams.try_(request, streams.file("text", "1\nx\n"), files=(script,))
    assert status.state is JobState.FAILED
    assert status.attempts_failed == 2
    failure = status.failures[0]
    assert failure.kind is FailureKind.FAILED
    assert failure.reason.startswith(f"mapper '{PYTHON} bad.py' ended with exit code 1: ValueError")
    assert 'bad.py", line 2' in failure.traceback


def test_counters_and_statuses_of_programs_are_the_jobs(streams: Streams) -> None:
    script = streams.file(
        "count.py",
        "import sys\nfor line in sys.stdin: sys.stderr.write('reporter:counter:my,lines,2\\n')\n",
    )
    streams.run(Request(f"{PYTHON} count.py"), streams.file("text", TEXT), files=(script,))
    assert streams.status.counters["my", "lines"] == 2 * TEXT.count("\n")


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (Request(input_format="org.x.SequenceFileInputFormat"), "-inputformat org.x.Seq"),
        (Request(partitioner="com.me.Mine"), "-partitioner com.me.Mine"),
        (Request(mapper="org.apache.hadoop.mapred.lib.TokenCountMapper"), "no Java"),
        (Request(mapper="'open"), "-mapper 'open"),
        (Request(output_format="NullOutputFormat"), "-outputformat"),
        (Request(properties={"mapred.reduce.tasks": "two"}), "mapreduce.job.reduces=two"),
        (
            Request(properties={"mapred.output.key.comparator.class": "a.B"}),
            "KeyFieldBasedComparator",
        ),
        (
            Request(
                properties={
                    "mapred.output.compress": "true",
                    "mapred.output.compression.codec": "Z",
                }
            ),
            "no codec Z",
        ),
    ],
)
def test_what_has_no_counterpart_here_is_refused(
    streams: Streams, request_: Request, words: str
) -> None:
    with pytest.raises(ParamError, match=words):
        streams.try_(request_, streams.file("text", "x\n"))


@pytest.mark.parametrize(
    ("form", "ignored", "read"),
    [
        ("TextInputFormat", None, ["k=v", "x"]),
        ("TextInputFormat", "False", ["0 k=v", "4 x"]),
        ("KeyValueTextInputFormat", None, ["k v", "x "]),
        ("KeyValueTextInputFormat", "false", ["k v", "x "]),
        ("KeyValueTextInputFormat", "true", ["v", ""]),
        ("NLineInputFormat", None, ["0 k=v", "4 x"]),
        ("NLineInputFormat", "true", ["k=v", "x"]),
    ],
)
def test_a_program_reads_the_keys_that_it_was_to_read(
    streams: Streams, form: str, ignored: str | None, read: list[str]
) -> None:
    text = streams.file("text", "k=v\nx\n")
    separator = "mapreduce.input.keyvaluelinerecordreader.key.value.separator"
    properties = {
        separator: "=",
        "stream.map.input.field.separator": " ",
        "mapreduce.input.lineinputformat.linespermap": "2",
    }
    if ignored is not None:
        properties["stream.map.input.ignoreKey"] = ignored
    request = Request("cat", reducer="NONE", input_format=form, properties=properties)
    assert streams.run(request, text) == [f"{line}\t" for line in read]


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("stream.num.map.output.key.fields", "x"),
        ("stream.num.reduce.output.key.fields", "-1"),
        ("stream.map.input.ignoreKey", "maybe"),
        ("stream.non.zero.exit.is.failure", "maybe"),
    ],
)
def test_what_only_tasks_ask_for_is_refused_at_once_too(name: str, word: str) -> None:
    with pytest.raises(ParamError, match=f"-D {name}={word}"):
        meaning_of(Request("cat", properties={name: word}))
