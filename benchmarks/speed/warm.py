"""Our side without start-up: an embedded engine that has run a small job, then the job.

python -m benchmarks.speed.warm JOB INPUT OUTPUT REDUCERS     prints {"steady_s": …}
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from mapred.embedded import EmbeddedEngine
from mapred.submit import plan

_SMALL: str = str(Path(__file__).resolve().parents[2] / "mapred" / "examples" / "wordcount.py")
_WAIT_S = 30.0


def main() -> None:
    job, source, output, reducers = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        engine = EmbeddedEngine(workers=2)
        try:
            (Path(folder) / "line.txt").write_text("one line\n")
            _run(engine, _SMALL, f"{folder}/line.txt", f"{folder}/small", 1, folder)
            started = time.perf_counter()
            _run(engine, job, source, output, int(reducers), folder)
            print(json.dumps({"steady_s": time.perf_counter() - started}))
        finally:
            engine.close()


def _run(
    engine: EmbeddedEngine, job: str, source: str, output: str, reducers: int, folder: str
) -> None:
    spec = plan(
        job,
        [source],
        output=output,
        params={},
        reducers=reducers,
        default_filesystem="file://",
        code_base=Path(folder, "code").as_uri(),
        workers=2,
    )
    job_id = engine.submit(spec)
    status, version = engine.status(job_id)
    while not status.state.ended:
        status, version = engine.status(job_id, known_version=version, wait_s=_WAIT_S)
    if status.state.name != "SUCCEEDED":
        sys.exit(f"the job ended as {status.state.name}: {status}")


if __name__ == "__main__":
    main()
