"""What all pages share: the frame, notices, tables, bars, pills."""

from collections.abc import Iterable, Sequence
from typing import Final

from mapred.web.markup import Child, Html, join, tag
from mapred.web.quantities import percent, span
from mapred.web.readings import Reading

# Seconds between two looks of an open page; the script in refresh.js does it.
REFRESH_S: Final = 2

# How a state of a node, a tracker or a job is coloured.
_TONES: Final = {
    "live": "good",
    "succeeded": "good",
    "running": "busy",
    "committing": "busy",
    "stale": "warn",
    "killed": "warn",
    "dead": "bad",
    "lost": "bad",
    "failed": "bad",
}


def page(title: str, *content: Child, where: str, refresh: bool = True) -> Html:
    """A whole document; `where` is the path of the tab that is shown as chosen."""
    head = (
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{title} · mapred"),
        tag("link", rel="stylesheet", href="/static/style.css"),
        tag("link", rel="icon", href="/static/icon.svg", type="image/svg+xml"),
        tag("script", src="/static/refresh.js", defer=True),
        refresh and tag("noscript", tag("meta", http_equiv="refresh", content=str(5 * REFRESH_S))),
    )
    links = (("/", "Cluster"), ("/jobs", "Jobs"), ("/metrics", "Metrics"))
    navigation = tag(
        "nav",
        tag("span", "mapred", class_="brand"),
        [_tab(path, name, chosen=path == where) for path, name in links],
        aria_label="Pages",
    )
    main = tag("main", tag("h1", title), content, data_refresh_s=REFRESH_S if refresh else None)
    html = tag(
        "html",
        tag("head", head),
        tag("body", tag("header", navigation), main),
        lang="en",
    )
    return Html(f"<!doctype html>\n{html}")


def _tab(path: str, name: str, *, chosen: bool) -> Html:
    return tag("a", name, href=path, aria_current="page" if chosen else None)


def notice(tone: str, *text: Child) -> Html:
    """A line that must not be missed; `tone` is "bad", "warn" or "busy"."""
    return tag("p", text, class_=f"notice {tone}", role="status")


def silence(master: str, reading: Reading[object]) -> Html:
    """Why a master's figures are old or missing; nothing when they are fresh."""
    if reading.problem is None:
        return Html("")
    text = f"No answer from the {master}: {reading.problem}."
    if reading.value is None:
        return notice("bad", text)
    return notice("bad", text, f" What is shown is {span(reading.age_s)} old.")


def section(title: str, *content: Child) -> Html:
    return tag("section", tag("h2", title), content)


def tiles(entries: Iterable[tuple[str, Child, str]]) -> Html:
    """Large figures: (what, figure, tone or "")."""
    return tag(
        "dl",
        [
            tag("div", tag("dt", what), tag("dd", figure), class_=f"tile {tone}".strip())
            for what, figure, tone in entries
        ],
        class_="tiles",
    )


def facts(entries: Iterable[tuple[str, Child]]) -> Html:
    """Small print: what, and its value; empty values are left out."""
    rows = ((what, join(value)) for what, value in entries)
    return tag(
        "dl",
        [(tag("dt", what), tag("dd", value)) for what, value in rows if value],
        class_="facts",
    )


def table(columns: Sequence[str], rows: Sequence[Sequence[Child]], *, empty: str) -> Html:
    """A column whose name starts with "#" holds numbers; without rows `empty` is said."""
    if not rows:
        return tag("p", empty, class_="empty")
    kinds = ["number" if column.startswith("#") else None for column in columns]
    head = [
        tag("th", column.removeprefix("#"), class_=kind, scope="col")
        for column, kind in zip(columns, kinds, strict=True)
    ]
    body = [
        tag("tr", [tag("td", cell, class_=kind) for cell, kind in zip(row, kinds, strict=True)])
        for row in rows
    ]
    return tag(
        "div", tag("table", tag("thead", tag("tr", head)), tag("tbody", body)), class_="scroll"
    )


def pill(state: str) -> Html:
    """A state, coloured by what it means."""
    return tag("span", state, class_=f"pill {_TONES.get(state, 'plain')}")


def bar(fraction: float, label: str, *, text: str | None = None) -> Html:
    """How much of something: a bar, and the percentage (or `text`) beside it."""
    shown = percent(fraction) if text is None else text
    return tag(
        "span",
        tag("progress", value=f"{min(max(fraction, 0.0), 1.0):.4f}", max=1, aria_label=label),
        tag("span", shown, class_="beside"),
        class_="bar",
    )
