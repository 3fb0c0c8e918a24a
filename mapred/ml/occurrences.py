"""Where terms occur: in two rounds from texts to a table of documents and terms.

    round 1    of each term in how many documents it is, and how often in all
    (driver)   the vocabulary: terms that are neither too rare nor too common, in order
    round 2    how often each is in each document: sparse rows, in the order of the input

A loop that begins with a vocabulary has only the second round. Terms of a split travel once;
documents are numbered in the order of the input, however it was cut.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np

from mapred import Format, Mapper, Reducer
from mapred.formats.csr import Csr
from mapred.iterative import Round
from mapred.ml.summation import Rounds, Sums
from mapred.ml.terms import Analysis


class Counting(Mapper):
    """The terms of a split, counted; or its documents as rows, once the vocabulary is known."""

    def setup(self) -> None:
        state = self.ctx.state
        self._terms_of: Callable[[str], list[str]] = Analysis(**state["analysis"]).of_texts()
        self._binary = state["binary"]
        known = state["vocabulary"]
        self._places = None if known is None else {term: at for at, term in enumerate(known)}
        self._documents: Counter[str] = Counter()
        self._times: Counter[str] = Counter()
        self._rows: list[tuple[list[int], list[int]]] = []
        self._lengths: list[int] = []

    def map(self, place: Any, text: str) -> None:
        terms = self._terms_of(text)
        self._lengths.append(len(terms))
        found = Counter(terms)
        if self._places is None:
            self._documents.update(found.keys())
            self._times.update(found.keys() if self._binary else found)
            return
        places = self._places
        inside = sorted([(places[term], n) for term, n in found.items() if term in places])
        times = [1 if self._binary else n for _, n in inside]
        self._rows.append(([at for at, _ in inside], times))

    def cleanup(self) -> Iterator[tuple[str, Sums]]:
        part: Sums = {"lengths": np.array(self._lengths, np.int64)}
        if self._places is None:
            terms = sorted(self._documents)
            part["terms"] = terms
            part["documents"] = np.array([self._documents[one] for one in terms], np.int64)
            part["times"] = np.array([self._times[one] for one in terms], np.int64)
        else:
            part["filled"] = np.array([len(row) for row, _ in self._rows], np.int64)
            part["indices"] = np.array([at for row, _ in self._rows for at in row], np.int64)
            part["data"] = np.array([n for _, row in self._rows for n in row], np.float64)
        yield "sum", part


class Merging(Reducer):
    """All splits' parts in one, in the order of the splits."""

    def reduce(self, key: Any, values: Iterator[Sums]) -> Iterator[tuple[Any, Sums]]:
        parts = list(values)
        if self.ctx.state["vocabulary"] is None:
            yield key, _merged(parts)
        else:
            names = ("lengths", "filled", "indices", "data")
            yield key, {name: np.concatenate([part[name] for part in parts]) for name in names}


def _merged(parts: list[Sums]) -> Sums:
    documents: dict[str, int] = {}
    times: dict[str, int] = {}
    for part in parts:
        for term, some, often in zip(
            part["terms"], part["documents"].tolist(), part["times"].tolist(), strict=True
        ):
            documents[term] = documents.get(term, 0) + some
            times[term] = times.get(term, 0) + often
    terms = sorted(documents)
    return {
        "lengths": np.concatenate([part["lengths"] for part in parts]),
        "terms": terms,
        "documents": np.array([documents[term] for term in terms], np.int64),
        "times": np.array([times[term] for term in terms], np.int64),
    }


class Occurrences(Rounds):
    """The vocabulary of texts, and their rows over it."""

    mapper: ClassVar[type[Mapper]] = Counting
    reducer = Merging
    input_format: ClassVar[str | Format] = "jsonl"

    def advanced(self, state: Any, total: Sums) -> dict[str, Any]:
        lengths = total["lengths"]
        if state["vocabulary"] is None:
            kept = _chosen(total, len(lengths), state["limits"])
            return {
                **state,
                "vocabulary": [total["terms"][at] for at in kept.tolist()],
                "documents": total["documents"][kept],
                "times": total["times"][kept],
                "lengths": lengths,
                "metrics": {"documents": len(lengths), "terms": len(kept)},
            }
        indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(total["filled"])])
        return {
            **state,
            "lengths": lengths,
            "data": total["data"],
            "indices": total["indices"],
            "indptr": indptr,
            "metrics": {"documents": len(lengths), "entries": len(total["data"])},
        }

    def arrived(self, turn: Round) -> str:
        if "indptr" in turn.state:
            return "all documents are counted"
        return "the vocabulary is known" if turn.number >= self.ctx.params.max_iter else ""


def _chosen(total: Sums, documents: int, limits: dict[str, Any]) -> Any:
    """Places of the terms to keep.

    Raises:
        ValueError: there is none.
    """
    least, most = (
        limit * documents if isinstance(limit, float) else limit
        for limit in (limits["min_df"], limits["max_df"])
    )
    if most < least:
        raise ValueError(f"max_df means {most:g} documents, and min_df {least:g}: no term has both")
    if not total["terms"]:
        raise ValueError("no document has a term: are all words stop words, or is the input empty?")
    inside = (total["documents"] >= least) & (total["documents"] <= most)
    kept = np.flatnonzero(inside)
    if limits["max_features"] is not None and len(kept) > limits["max_features"]:
        often = np.argsort(-total["times"][kept], kind="stable")[: limits["max_features"]]
        kept = np.sort(kept[often])
    if not len(kept):
        raise ValueError("no term is left: take a lower min_df or a higher max_df")
    return kept


def beginning(
    analysis: Analysis,
    *,
    binary: bool = False,
    vocabulary: list[str] | None = None,
    min_df: int | float = 1,
    max_df: int | float = 1.0,
    max_features: int | None = None,
) -> dict[str, Any]:
    """The first state."""
    return {
        "analysis": analysis.packed(),
        "binary": binary,
        "vocabulary": vocabulary,
        "limits": {"min_df": min_df, "max_df": max_df, "max_features": max_features},
    }


def rows_of(state: Any) -> Csr:
    """The documents as rows, after the last round."""
    return Csr(state["data"], state["indices"], state["indptr"], len(state["vocabulary"]))
