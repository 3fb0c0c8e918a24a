"""TF-IDF: texts as rows of weighted terms; rounds in occurrences.py.

Names, parameters and numbers are those of scikit-learn's TfidfVectorizer, with these
differences: nothing is a function of the caller's, no list of stop words is built in, of terms
that are equally frequent `max_features` keeps the first, `input="lines"` is new, and rows come as
`Csr`, which our estimators take as it is. SciPy's, if wanted:
csr_matrix((X.data, X.indices, X.indptr), X.shape).
"""

from typing import Any, Self

import numpy as np

from mapred.formats.csr import Csr
from mapred.ml.documents import TextEstimator
from mapred.ml.occurrences import rows_of
from mapred.ml.parameters import choice, number, whole_number, words
from mapred.ml.rows import Matrix
from mapred.ml.terms import TOKEN_PATTERN


class TfidfVectorizer(TextEstimator):
    """Terms that are frequent here and rare elsewhere weigh most.

    Args:
        input: "content" (texts), "lines" or "filename" (files): documents.py.
        strip_accents, lowercase, analyzer, stop_words, token_pattern, ngram_range: what terms
            are (terms.py).
        max_df, min_df: in how many documents a term may and must be: whole numbers, or shares.
        max_features: only so many terms, the most frequent ones.
        vocabulary: the terms, to say them instead.
        binary: count a term once a document.
        norm: the length that rows are brought to: "l2", "l1" or None.
        use_idf, smooth_idf, sublinear_tf: as scikit-learn's.
        workers, cluster, verbose: where it runs, and whether it tells of its rounds (KMeans).

    After `fit`: vocabulary_, idf_.
    """

    idf_: Matrix

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
        max_df: int | float = 1.0,
        min_df: int | float = 1,
        max_features: int | None = None,
        vocabulary: Any = None,
        binary: bool = False,
        norm: str | None = "l2",
        use_idf: bool = True,
        smooth_idf: bool = True,
        sublinear_tf: bool = False,
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
        self.max_df = max_df
        self.min_df = min_df
        self.max_features = max_features
        self.vocabulary = vocabulary
        self.binary = binary
        self.norm = norm
        self.use_idf = use_idf
        self.smooth_idf = smooth_idf
        self.sublinear_tf = sublinear_tf
        self.workers = workers
        self.cluster = cluster
        self.verbose = verbose

    def fit(self, raw_documents: Any, y: object = None) -> Self:
        """Learns the vocabulary and how rare its terms are: one round, or two with a given one.

        Raises:
            ValueError: the documents or a parameter are impossible; says which and why.
        """
        self._learned(raw_documents, whole=False)
        return self

    def fit_transform(self, raw_documents: Any, y: object = None) -> Csr:
        """As `fit`, and then the documents' rows: two rounds."""
        rows = self._learned(raw_documents, whole=True)
        assert rows is not None
        return rows

    def transform(self, raw_documents: Any) -> Csr:
        """The rows of documents; terms that aren't in the vocabulary are passed over."""
        self._fitted()
        self._check_parameters()
        with self._documents(raw_documents) as fit:
            known = list(self.vocabulary_)
            return self._weighed(rows_of(self._counted(fit, 1, vocabulary=known)))

    def _learned(self, raw_documents: Any, *, whole: bool) -> Csr | None:
        self._check_parameters()
        self._forget()
        given = None if self.vocabulary is None else _terms(self.vocabulary)
        with self._documents(raw_documents) as fit:
            state = self._counted(
                fit,
                2 if whole else 1,
                binary=bool(self.binary),
                vocabulary=given,
                min_df=self.min_df,
                max_df=self.max_df,
                max_features=self.max_features,
            )
        rows = rows_of(state) if "indptr" in state else None
        frequencies = (
            np.bincount(rows.indices, minlength=rows.columns)
            if given is not None and rows is not None
            else state["documents"]
        )
        self._learn(state["vocabulary"])
        self.idf_ = self._idf(frequencies, len(state["lengths"]))
        return None if rows is None else self._weighed(rows)

    def _idf(self, frequencies: Matrix, documents: int) -> Matrix:
        if not self.use_idf:
            return np.ones(len(frequencies))
        more = int(bool(self.smooth_idf))
        with np.errstate(divide="ignore"):
            found: Matrix = np.log((documents + more) / (frequencies + more)) + 1.0
        return found

    def _weighed(self, rows: Csr) -> Csr:
        data = np.ones_like(rows.data) if self.binary else rows.data
        if self.sublinear_tf:
            data = np.log(data) + 1.0
        if self.use_idf:
            data = data * self.idf_[rows.indices]
        if self.norm is not None:
            sizes = np.abs(data) if self.norm == "l1" else data * data
            lengths = np.bincount(rows.row_numbers, sizes, minlength=len(rows))
            lengths = lengths if self.norm == "l1" else np.sqrt(lengths)
            data = data / np.where(lengths > 0, lengths, 1.0)[rows.row_numbers]
        return Csr(data, rows.indices, rows.indptr, rows.columns)

    def _check_parameters(self) -> None:
        self._analysis()
        choice("norm", self.norm, "l1", "l2", None)
        for name in ("max_df", "min_df"):
            value = getattr(self, name)
            if isinstance(value, float):
                number(name, value, 0.0, 1.0)
            else:
                whole_number(name, value)
        if self.max_features is not None:
            whole_number("max_features", self.max_features)


def _terms(vocabulary: Any) -> list[str]:
    """A given vocabulary in order of its columns: of a dict its numbers, of others their own.

    Raises:
        ValueError: it is none.
    """
    terms = words("vocabulary", vocabulary)
    if not terms:
        raise ValueError("vocabulary: one term at least is needed")
    if isinstance(vocabulary, dict):
        numbers = [number for number in vocabulary.values() if isinstance(number, int | np.integer)]
        if sorted(numbers) != list(range(len(terms))):
            raise ValueError("vocabulary: its numbers must be 0, 1, 2, … without gaps")
        return sorted(terms, key=vocabulary.__getitem__)
    if len(set(terms)) != len(terms):
        raise ValueError("vocabulary: a term is in it twice")
    return sorted(terms) if isinstance(vocabulary, set | frozenset) else terms
