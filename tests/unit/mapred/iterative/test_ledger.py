"""Records of loops: what is needed to go on with one, and what is refused."""

import os
from dataclasses import replace

import msgspec
import pytest

from mapred.errors import NoSuchJobError, RefusedError
from mapred.iterative import ledger as ledgers
from mapred.iterative.ledger import Driver, Ledger, new_loop_id, record_of, refuse_changed
from mapred.model import JobSpec, Split


@pytest.fixture
def begun(tmp_path):
    """A ledger, and the record of a loop whose driver is gone."""
    (tmp_path / "numbers").write_text("1\n2\n")
    (tmp_path / "code.zip").write_text("code")
    whole = Split(f"file://{tmp_path}/numbers", 0, 4)
    spec = JobSpec(
        name="Mean",
        user="ana",
        code_sha256="c0de",
        code_uri=f"file://{tmp_path}/code.zip",
        module="mean",
        job_class="Mean",
        splits=(whole, Split("", 0, 4, parts=(whole, whole))),
        reducers=1,
        output_uri=f"file://{tmp_path}/out",
        settings={"loop": "true"},
    )
    record = record_of("loop_1", spec, to_stdout=False)
    gone = replace_driver(record, Driver(record.driver.host, record.driver.pid, 1.0))
    return Ledger(f"file://{tmp_path}/loops"), gone


def replace_driver(record, driver):
    return msgspec.structs.replace(record, driver=driver)


def test_what_was_written_is_read_back_whole(begun):
    ledger, record = begun
    ledger.write(record)
    assert ledger.read("loop_1") == record
    assert record.inputs == [(record.spec.splits[0].uri, 4)]


@pytest.mark.parametrize("loop_id", ["loop_2", "", "../loop_1"])
def test_an_unknown_loop_is_told(begun, loop_id):
    ledger, record = begun
    ledger.write(record)
    with pytest.raises(NoSuchJobError, match="was submitted here"):
        ledger.read(loop_id)


def test_a_record_that_is_none_is_told(begun, tmp_path):
    ledger, record = begun
    ledger.write(record)
    (tmp_path / "loops" / "loop_1.json").write_text('{"format": 1}')
    with pytest.raises(RefusedError, match="is no record of a loop"):
        ledger.read("loop_1")


def test_the_newest_records_are_kept(begun, monkeypatch):
    monkeypatch.setattr(ledgers, "KEPT", 2)
    ledger, record = begun
    for wall_s in (100.0, 4e9, 5.0):
        ledger.write(msgspec.structs.replace(record, loop_id=new_loop_id(wall_s)))
    ledger.remove_old()
    assert [name[:9] for name in ledger.loop_ids()] == ["loop_2096", "loop_1970"]


def test_nothing_that_changed_is_resumed(begun, tmp_path):
    _, record = begun
    refuse_changed(record)
    living = record_of("loop_1", record.spec, to_stdout=False)
    with pytest.raises(RefusedError, match=f"still driven by process {os.getpid()}"):
        refuse_changed(living)
    refuse_changed(msgspec.structs.replace(living, ended="failed: no luck"))
    other = replace(record.spec, python_version="2.7")
    with pytest.raises(RefusedError, match=r"begun with Python 2\.7"):
        refuse_changed(msgspec.structs.replace(record, spec=other))
    with (tmp_path / "numbers").open("a") as file:
        file.write("3\n")
    with pytest.raises(RefusedError, match="had 4 bytes and has 6"):
        refuse_changed(record)
    (tmp_path / "numbers").unlink()
    with pytest.raises(RefusedError, match="is gone"):
        refuse_changed(record)
    (tmp_path / "code.zip").unlink()
    with pytest.raises(RefusedError, match="the code that loop_1 was submitted with is gone"):
        refuse_changed(record)
