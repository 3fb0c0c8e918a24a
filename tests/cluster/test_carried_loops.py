"""Loops whose records go on from round to round, on real daemons that die."""

import json
import shutil
import signal
from contextlib import closing
from pathlib import Path

import pytest

from mapred.client import ClusterEngine
from mapred.embedded import EmbeddedEngine
from mapred.iterative.loopengine import LoopEngine
from mapred.model import JobState
from mapred.submit import plan
from tests.cluster.daemons import eventually
from tests.cluster.loopcommands import command, id_of, wait_for_round
from tests.unit.mapred.iterative import spreading

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

FILE = Path(spreading.__file__)
ROUNDS = 9
VERTICES = 60
TEXT = "".join(
    f"v{at} " + " ".join(f"v{(at * step + 1) % VERTICES}" for step in range(1, 2 + at % 5)) + "\n"
    for at in range(VERTICES)
)


@pytest.fixture
def loops(mapreduce_cluster, tmp_path):
    mapreduce_cluster.start()
    with mapreduce_cluster.client().open("/edges.txt", "wb") as file:
        file.write(TEXT.encode())
    return Loops(mapreduce_cluster, tmp_path)


class Loops:
    """Runs the loop, with edges that are placed or carried, and stops it at a gate."""

    def __init__(self, cluster, folder: Path) -> None:
        self.cluster = cluster
        self.gate = folder / "gate"
        self._folder = folder

    def embedded(self) -> dict[str, bytes]:
        """What it writes without a cluster."""
        (self._folder / "edges.txt").write_text(TEXT)
        out = self._folder / "out"
        with EmbeddedEngine(2) as engine:
            base = f"file://{self._folder}/code"
            spec = plan(
                str(FILE) + ":Spreading",
                [str(self._folder / "edges.txt")],
                output=str(out),
                params={},
                code_base=base,
            )
            driver = LoopEngine(engine)
            self._ended(driver, driver.submit(spec))
        return {path.name: path.read_bytes() for path in out.glob("part-r-*")}

    def run(self, output: str, at_gate=None, job: str = "Laid") -> dict[str, bytes]:
        """With this program as its driver; `at_gate` is called after round 5."""
        self.gate.unlink(missing_ok=True)
        filesystem = f"bs://{self.cluster.address}"
        params = {"gate": str(self.gate), "gate_round": "5" if at_gate else "-1"}
        spec = plan(
            f"{FILE}:{job}",
            ["/edges.txt"],
            output=output,
            params=params,
            default_filesystem=filesystem,
        )
        with closing(LoopEngine(ClusterEngine(self.cluster.jobtracker_address))) as driver:
            loop_id = driver.submit(spec)
            if at_gate:
                self._wait_for_round(driver, loop_id, 4)
                eventually(lambda: len(self.holders()) > 0, "the fifth round", within_s=60)
                self._wait_until_idle(driver)
                at_gate()
                self.gate.touch()
            status = self._ended(driver, loop_id)
        assert (status.state, status.rounds_done) == (JobState.SUCCEEDED, ROUNDS)
        return self.parts(output)

    def _wait_for_round(self, driver: LoopEngine, loop_id: str, number: int) -> None:
        version = 0
        while True:
            status, version = driver.status(loop_id, known_version=version, wait_s=60)
            assert not status.state.ended
            if status.rounds_done >= number:
                return

    def _wait_until_idle(self, driver: LoopEngine) -> None:
        """The fifth round is done, and the driver at its gate."""

        def at_rest() -> bool:
            jobs = [job for job in driver.jobs() if job.job_id.startswith("job_")]
            return all(job.state.ended for job in jobs) and jobs[0].name.endswith("round 5")

        eventually(at_rest, "the end of the fifth round", within_s=60)

    def _ended(self, driver: LoopEngine, loop_id: str):
        version = 0
        while True:
            status, version = driver.status(loop_id, known_version=version, wait_s=60)
            if status.state.ended:
                return status

    def holders(self) -> list[int]:
        """The trackers that have something of the newest wave."""
        found: dict[str, set[int]] = {}
        for number in self.cluster.tasktrackers:
            for job in (self.cluster.root / f"tasktracker-{number}" / "carried").glob("job_*"):
                found.setdefault(job.name, set()).add(number)
        return sorted(found[max(found)]) if found else []

    def parts(self, output: str) -> dict[str, bytes]:
        store = self.cluster.client()
        names = [entry.name for entry in store.list(output)]
        parts = {}
        for name in names:
            if name.startswith("part-r-"):
                with store.open(f"{output}/{name}", "rb") as file:
                    parts[name] = file.read()
        return parts


def goings_back(caplog):
    return [told for told in caplog.messages if "goes back" in told]


def test_on_three_two_and_one_trackers_the_bytes_are_those_of_the_embedded_engine(loops, caplog):
    cluster, whole = loops.cluster, loops.embedded()
    assert len(whole) == 3

    def lose_one():
        victim = loops.holders()[0]
        cluster.tasktrackers.pop(victim).kill()
        shutil.rmtree(cluster.root / f"tasktracker-{victim}")

    assert loops.run("/three", job="Spreading") == whole
    assert goings_back(caplog) == []
    assert loops.run("/three-to-two", lose_one) == whole
    assert "the loop goes back from round 5 to 4" in goings_back(caplog)[0]
    assert loops.run("/two-to-one", lose_one, job="Spreading") == whole
    assert loops.run("/one") == whole
    assert len(cluster.tasktrackers) == 1


def test_it_outlives_its_jobtracker_and_is_resumed_after_its_driver(loops, caplog):
    cluster, whole = loops.cluster, loops.embedded()

    def new_jobtracker():
        cluster.jobtracker.kill()
        cluster.start_jobtracker()

    assert loops.run("/orphaned", new_jobtracker) == whole
    # What is carried is on the trackers, whoever is their master.
    assert goings_back(caplog) == []

    loops.gate.unlink()
    words = ["-o", "/again", "-D", f"gate={loops.gate}", "-D", "gate_round=6"]
    process = command(cluster, "submit", f"{FILE}:Laid", "/edges.txt", *words)
    loop_id = id_of(process)
    wait_for_round(process, 5)
    # Beside the fifth round.
    store, manifest = cluster.client(), "/again/_checkpoints/round-000004.json"
    eventually(lambda: store.exists(manifest), "the checkpoint of round 4", within_s=60)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    loops.gate.touch()

    resumed = command(cluster, "resume", loop_id)
    out, err = resumed.communicate(timeout=300)
    assert resumed.returncode == 0, err[-4000:]
    told = json.loads(out.splitlines()[-1])
    assert (told["job_id"], told["rounds"]) == (loop_id, ROUNDS)
    # What is placed, and from the checkpoint of round 4 on.
    reduced = told["counters"]["task"]["reduce_input_groups"]
    assert reduced == VERTICES * (1 + ROUNDS - 4 + 1), err[-4000:]
    assert loops.parts("/again") == whole
