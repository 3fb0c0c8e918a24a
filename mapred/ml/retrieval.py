"""Which documents have a term, and which answer a question best; rounds in occurrences.py.

Documents are numbered from 0, in the order of the input.
"""

from typing import Any, Self

import numpy as np
import numpy.typing as npt

from mapred.formats.csr import Csr
from mapred.ml.documents import TextEstimator
from mapred.ml.occurrences import rows_of
from mapred.ml.parameters import number, whole_number
from mapred.ml.rows import Matrix
from mapred.ml.terms import TOKEN_PATTERN

Documents = npt.NDArray[np.int64]


class InvertedIndex(TextEstimator):
    """Of each term the documents that have it, and how often each does.

    Args:
        input: "content" (texts), "lines" or "filename" (files): documents.py.
        strip_accents, lowercase, analyzer, stop_words, token_pattern, ngram_range: what terms
            are (terms.py).
        workers, cluster, verbose: where it runs, and whether it tells of its rounds (KMeans).

    After `fit`: vocabulary_, n_documents_, lengths_ (terms of each document), index_ (a sparse
    row of documents for each term).
    """

    n_documents_: int
    lengths_: Documents
    index_: Csr

    def __init__(
        self,
        *,
        input: str = "content",  # noqa: A002
        strip_accents: str | None = None,
        lowercase: bool = True,
        analyzer: str = "word",
        stop_words: list[str] | None = None,
        token_pattern: str = TOKEN_PATTERN,
        ngram_range: tuple[int, int] = (1, 1),
        workers: int | None = None,
        cluster: str | None = None,
        verbose: bool = False,
    ) -> None:
        self.input = input
        self.strip_accents = strip_accents
        self.lowercase = lowercase
        self.analyzer = analyzer
        self.stop_words = stop_words
        self.token_pattern = token_pattern
        self.ngram_range = ngram_range
        self.workers = workers
        self.cluster = cluster
        self.verbose = verbose

    def fit(self, raw_documents: Any, y: object = None) -> Self:
        """Two rounds.

        Raises:
            ValueError: the documents or a parameter are impossible; says which and why.
        """
        self._analysis()
        self._forget()
        with self._documents(raw_documents) as fit:
            state = self._counted(fit, 2)
        self._learn(state["vocabulary"])
        self.lengths_ = state["lengths"]
        self.n_documents_ = len(self.lengths_)
        self.index_ = _by_column(rows_of(state))
        return self

    def postings(self, term: str) -> tuple[Documents, npt.NDArray[np.int64]]:
        """The documents that have a term, in order, and how often each does.

        Raises:
            ValueError: it is no text.
        """
        self._fitted()
        if not isinstance(term, str):
            raise ValueError(f"term={term!r}: a text is needed")
        if (at := self.vocabulary_.get(term)) is None:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        row = self.index_[at : at + 1]
        return row.indices, row.data.astype(np.int64)

    def containing(self, query: str) -> Documents:
        """The documents that have all terms of a text, in order."""
        found = [self.postings(term)[0] for term in sorted(set(self._terms_of(query)))]
        if not found:
            return np.empty(0, np.int64)
        common = min(found, key=len)
        for documents in found:
            common = np.intersect1d(common, documents, assume_unique=True)
        return common


class BM25(InvertedIndex):
    """Documents in the order in which they answer a text (Robertson's BM25, with the logarithm of
    1 + the odds, which is never below 0).

    Args:
        k1: how soon a term's further occurrences count for less.
        b: how much a document's length counts: from 0 to 1.
        others: as InvertedIndex's.

    After `fit`: as InvertedIndex's, and idf_.
    """

    idf_: Matrix

    def __init__(
        self,
        *,
        k1: float = 1.2,
        b: float = 0.75,
        input: str = "content",  # noqa: A002
        strip_accents: str | None = None,
        lowercase: bool = True,
        analyzer: str = "word",
        stop_words: list[str] | None = None,
        token_pattern: str = TOKEN_PATTERN,
        ngram_range: tuple[int, int] = (1, 1),
        workers: int | None = None,
        cluster: str | None = None,
        verbose: bool = False,
    ) -> None:
        super().__init__(
            input=input,
            strip_accents=strip_accents,
            lowercase=lowercase,
            analyzer=analyzer,
            stop_words=stop_words,
            token_pattern=token_pattern,
            ngram_range=ngram_range,
            workers=workers,
            cluster=cluster,
            verbose=verbose,
        )
        self.k1 = k1
        self.b = b

    def fit(self, raw_documents: Any, y: object = None) -> Self:
        """As InvertedIndex's."""
        number("k1", self.k1)
        number("b", self.b, 0.0, 1.0)
        super().fit(raw_documents)
        having = np.diff(self.index_.indptr)
        self.idf_ = np.log1p((self.n_documents_ - having + 0.5) / (having + 0.5))
        # A term's share of a document's score, once and for all.
        mean = float(self.lengths_.mean())
        lengths = self.k1 * (1.0 - self.b + self.b * self.lengths_ / (mean or 1.0))
        times = self.index_.data
        weights = times * (self.k1 + 1.0) / (times + lengths[self.index_.indices])
        self._weights_ = weights * self.idf_[self.index_.row_numbers]
        return self

    def scores(self, query: str) -> Matrix:
        """Of each document how well it answers; a term that comes twice counts twice."""
        terms = self._terms_of(query)
        found = np.zeros(self.n_documents_)
        for term in terms:
            if (at := self.vocabulary_.get(term)) is not None:
                inside = slice(self.index_.indptr[at], self.index_.indptr[at + 1])
                found[self.index_.indices[inside]] += self._weights_[inside]
        return found

    def search(self, query: str, limit: int = 10) -> list[tuple[int, float]]:
        """The best documents with their scores, best first; those that score 0 aren't there."""
        whole_number("limit", limit)
        scores = self.scores(query)
        best = np.argsort(-scores, kind="stable")[:limit]
        return [(int(at), float(scores[at])) for at in best if scores[at] > 0]


def _by_column(rows: Csr) -> Csr:
    """The columns of a table as rows; in each the rows in order."""
    order = np.argsort(rows.indices, kind="stable")
    filled = np.bincount(rows.indices, minlength=rows.columns)
    indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(filled)])
    return Csr(rows.data[order], rows.row_numbers[order], indptr, len(rows))
