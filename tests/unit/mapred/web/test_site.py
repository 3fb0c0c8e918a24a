"""Every page of the site, on a made-up cluster."""

import asyncio
import html
import re

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from blockstore.errors import UnreachableException
from blockstore.model import SafeMode
from mapred.web import example
from mapred.web.readings import Readings
from mapred.web.site import STATIC, Masters, Site

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@pytest.fixture
def store() -> example.ExampleStore:
    return example.ExampleStore(
        example.report([example.datanode("dn1"), example.datanode("dn2", "dead")])
    )


@pytest.fixture
def engine() -> example.ExampleEngine:
    return example.ExampleEngine(
        [
            example.running_job("job_3"),
            example.failed_job("job_2"),
            example.succeeded_job("job_1"),
        ],
        [example.tracker("tt1"), example.tracker("tt2", "dead")],
    )


class Browser:
    """Reads pages of one site."""

    def __init__(self, store: example.ExampleStore, engine: example.ExampleEngine) -> None:
        masters = Masters(store, "127.0.0.1:8020", engine, "127.0.0.1:8021")
        self._site = Site(masters, Readings(fresh_s=0.0), allowed_hosts=LOOPBACK)

    def get(self, path: str, host: str = "localhost:8088") -> httpx.Response:
        async def run() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._site.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
                return await client.get(path, headers={"host": host})

        return asyncio.run(run())

    def text(self, path: str) -> str:
        """What a reader sees: the page without its markup."""
        answer = self.get(path)
        assert answer.status_code == 200
        words = re.sub(r"<[^>]*>", " ", answer.text)
        return " ".join(html.unescape(words).replace("\u202f", " ").split())


@pytest.fixture
def browser(store: example.ExampleStore, engine: example.ExampleEngine) -> Browser:
    return Browser(store, engine)


def test_the_front_page_shows_machines_and_what_is_wrong_with_them(browser: Browser):
    text = browser.text("/")
    assert "DataNodes live 1 of 2" in text
    assert "Under-replicated 7" in text
    assert "Files 1 234" in text
    assert "dn2 dn2.example:9866 /default dead 47 s ago 12.5 GiB 87.5 GiB 3 210" in text
    assert "TaskTrackers live 1 of 2" in text
    assert "Maps running 1 of 2 slots" in text
    assert "job_3 WordCount ana running 57 % 12 %" in text
    assert "Safe mode" not in text


def test_safe_mode_is_told_with_its_reason(store: example.ExampleStore, browser: Browser):
    store.answer = example.report(
        [], safe_mode=SafeMode(True, "waiting for DataNodes.", blocks_reported=3, blocks_needed=9)
    )
    text = browser.text("/")
    assert "Safe mode is on: nothing can be changed. waiting for DataNodes. 3 of 9 blocks" in text
    assert "No DataNode has registered yet." in text


def test_the_jobs_page_lists_jobs_newest_first(browser: Browser):
    text = browser.text("/jobs")
    assert text.index("job_3") < text.index("job_2") < text.index("job_1")
    assert "job_1 WordCount ana succeeded 100 % 100 % 2026-09-21 14:13:20 1 min 23 s" in text


def test_a_very_long_list_of_jobs_is_cut(engine: example.ExampleEngine, browser: Browser):
    engine.statuses = [example.succeeded_job(f"job_{n}") for n in reversed(range(1502))]
    text = browser.text("/jobs")
    assert text.count("succeeded") == 500
    assert text.endswith("and 1 002 older ones: mapred job list")


def test_a_job_page_shows_progress_counters_and_files(browser: Browser):
    text = browser.text("/jobs/job_1")
    assert "map 100 % 12 12 reduce 100 % 2 2" in text
    assert "input records 48 213 words long 9 120" in text
    assert "bs://namenode.example:8020/counts/part-r-00001" in text


def test_a_failed_job_shows_the_traceback_and_the_record_escaped(browser: Browser):
    page = browser.get("/jobs/job_2").text
    assert "Traceback (most recent call last):" in page
    assert "logs/2026-11-23.log at byte 4\u202f194\u202f311" in page
    assert "<code>&lt;b&gt;17&lt;/b&gt;</code>" in page
    assert "<b>" not in page


def test_names_of_users_and_jobs_cannot_become_markup(
    engine: example.ExampleEngine, browser: Browser
):
    evil = "<script>alert(1)</script>"
    engine.statuses = [example.running_job('job_"><img src=x>', name=evil)]
    engine.known_trackers = [example.tracker("<i>tt</i>")]
    for path in ("/", "/jobs", "/jobs/job_%22%3E%3Cimg%20src%3Dx%3E"):
        answer = browser.get(path)
        assert answer.status_code == 200
        assert not re.search(r"<script>|<img|<i>", answer.text)


def test_only_a_job_that_runs_is_looked_at_again(browser: Browser):
    assert "data-refresh-s" in browser.get("/jobs/job_3").text
    assert "data-refresh-s" not in browser.get("/jobs/job_1").text


def test_the_site_works_while_the_namenode_is_down(store: example.ExampleStore, browser: Browser):
    store.error = UnreachableException("127.0.0.1:8020 doesn't answer (unavailable)")
    text = browser.text("/")
    assert "No answer from the NameNode: 127.0.0.1:8020 doesn't answer (unavailable)." in text
    assert "TaskTrackers live 1 of 2" in text


def test_the_site_works_while_the_jobtracker_is_down(
    engine: example.ExampleEngine, browser: Browser
):
    browser.get("/jobs/job_3")
    engine.error = UnreachableException("nobody")
    assert "DataNodes live 1 of 2" in browser.text("/")
    assert "No answer from the JobTracker: nobody." in browser.text("/jobs")
    text = browser.text("/jobs/job_3")
    assert "What is shown is 0.0 s old." in text
    assert "map 57 %" in text


def test_what_is_not_there_is_said(browser: Browser):
    for path, words in (("/jobs/job_9", "knows no job job_9"), ("/x", "Not Found")):
        answer = browser.get(path)
        assert answer.status_code == 404
        assert words in answer.text


def test_nothing_can_be_changed(browser: Browser):
    async def post(path: str) -> int:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=browser._site.app), base_url="http://localhost"
        ) as client:
            return (await client.post(path)).status_code

    assert {asyncio.run(post(path)) for path in ("/", "/jobs", "/jobs/job_3")} == {405}


def test_a_foreign_host_name_is_not_answered(browser: Browser):
    assert browser.get("/", host="evil.example").status_code == 421
    assert [browser.get("/", host=host).status_code for host in ("127.0.0.1", "[::1]:1")] == [
        200
    ] * 2


def test_pages_load_nothing_from_elsewhere(browser: Browser):
    answer = browser.get("/")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.search(r"""(src|href)=["'](https?:)?//""", answer.text)
    assert " style=" not in answer.text
    for name, kind in STATIC.items():
        file = browser.get(f"/static/{name}")
        assert file.headers["content-type"].startswith(kind)
        assert f"/static/{name}" in answer.text


def figures(text: str) -> dict[str, float]:
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_are_prometheus_gauges(browser: Browser):
    answer = browser.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = figures(answer.text)
    assert found["blockstore_up"] == found["mapred_up"] == 1
    assert found["blockstore_datanodes dead"] == 1
    assert found["blockstore_datanode_used_bytes dn1"] == 12.5 * 2**30
    assert found["mapred_slots map"] == 2
    assert found["mapred_jobs failed"] == 1


def test_metrics_leave_out_what_is_not_known(store: example.ExampleStore, browser: Browser):
    browser.get("/metrics")
    store.error = UnreachableException("nobody")
    found = figures(browser.get("/metrics").text)
    assert [name for name in found if name.startswith("blockstore")] == ["blockstore_up"]
    assert found["blockstore_up"] == 0
    assert found["mapred_up"] == 1
