import os
import subprocess

from mapred.task import outputs
from mapred.task.outputs import captured_output


def test_only_the_end_of_a_long_log_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(outputs, "_LOG_BYTES_MAX", 1000)
    with captured_output(str(tmp_path)) as output:
        os.write(1, b"x" * 5000 + b"\n")
        os.write(2, b"short\n")
        output.trim()
        os.write(1, b"the end\n")
    text = (tmp_path / "stdout").read_text()
    assert text.startswith("[the beginning was dropped]\nxxx")
    assert text.endswith("xxx\nthe end\n")
    assert len(text) < 600
    assert (tmp_path / "stderr").read_text() == "short\n"


def test_the_descriptors_come_back(tmp_path, capfd):
    with captured_output(str(tmp_path)):
        os.write(1, b"inside\n")
        subprocess.run(["sh", "-c", "echo child >&2"], check=True)
    os.write(1, b"outside\n")
    assert capfd.readouterr() == ("outside\n", "")
    assert (tmp_path / "stderr").read_text() == "child\n"


def test_without_a_folder_everything_stays_as_it_is(capfd):
    with captured_output("") as output:
        os.write(1, b"seen\n")
        output.trim()
    assert capfd.readouterr().out == "seen\n"
