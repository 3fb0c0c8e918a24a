"""What estimators of texts have in common: their input, the words of its analysis, its rounds.

    input="content"     a list of texts
    input="lines"       files, each line a document
    input="filename"    files, each a document

Files are UTF-8; bytes that aren't become U+FFFD.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

from mapred.formats import Format
from mapred.ml.estimator import Estimator, Fit
from mapred.ml.occurrences import Occurrences, beginning
from mapred.ml.parameters import choice, whole_number, words
from mapred.ml.rows import paths_of
from mapred.ml.sessions import session_of, written
from mapred.ml.terms import ACCENTS, ANALYZERS, Analysis
from mapred.storage.uris import join

_FORMATS: Final[dict[str, str | Format]] = {
    "content": "jsonl",
    "lines": "text",
    "filename": Format("whole", encoding="utf-8"),
}
# Texts are gathered into pieces of a file of about so many characters.
_WRITTEN_AT_ONCE: Final = 1 << 20


class TextEstimator(Estimator):
    """Base of those that read texts."""

    texts = True

    input: str
    analyzer: str
    lowercase: bool
    strip_accents: str | None
    token_pattern: str
    stop_words: list[str] | None
    ngram_range: tuple[int, int]

    vocabulary_: dict[str, int]

    def get_feature_names_out(self, input_features: object = None) -> Any:
        """The terms, in order of their columns."""
        self._fitted()
        return np.array(list(self.vocabulary_), dtype=object)

    def _analysis(self) -> Analysis:
        """Raises ValueError: a parameter is impossible."""
        self._check_flags()
        choice("input", self.input, *_FORMATS)
        choice("analyzer", self.analyzer, *ANALYZERS)
        choice("strip_accents", self.strip_accents, *ACCENTS)
        stop_words = () if self.stop_words is None else self.stop_words
        words("stop_words", stop_words, " (or None); there are no lists built in")
        try:
            fewest, most = self.ngram_range
        except (TypeError, ValueError):
            raise ValueError(f"ngram_range={self.ngram_range!r}: two numbers are needed") from None
        whole_number("ngram_range", fewest)
        whole_number("ngram_range", most, fewest)
        analysis = Analysis(
            self.analyzer,
            bool(self.lowercase),
            self.strip_accents,
            self.token_pattern,
            tuple(stop_words),
            (fewest, most),
        )
        if not isinstance(self.token_pattern, str):
            raise ValueError(f"token_pattern={self.token_pattern!r}: a pattern of text is needed")
        try:
            groups = re.compile(self.token_pattern).groups
        except re.error as error:
            raise ValueError(f"token_pattern={self.token_pattern!r}: {error}") from None
        if groups > 1:
            raise ValueError(
                f"token_pattern={self.token_pattern!r} has {groups} groups: one group at most, "
                "which is the token then"
            )
        return analysis

    def _terms_of(self, query: str) -> list[str]:
        """Raises ValueError: it is no text."""
        self._fitted()
        if not isinstance(query, str):
            raise ValueError(f"query={query!r}: a text is needed")
        return self._analysis().of_texts()(query)

    @contextmanager
    def _documents(self, texts: Any) -> Iterator[Fit]:
        """The input where tasks can read it; on an engine, which ends with the block.

        Raises:
            ValueError: it is of another kind than `input` says.
        """
        content = self.input == "content"
        paths = None if content else paths_of(texts)
        if content:
            if isinstance(texts, str):
                raise ValueError("one text, and a list of texts is needed; files: input='lines'")
            # Their own order is of their names, or none.
            if isinstance(texts, Mapping | set | frozenset) or getattr(texts, "ndim", 1) != 1:
                raise ValueError(
                    f"a {type(texts).__name__}, and a list of texts is needed, or one column"
                )
            try:
                texts = list(texts)
            except TypeError:
                raise ValueError(f"{texts!r}, and a list of texts is needed") from None
            for at, text in enumerate(texts):
                if not isinstance(text, str):
                    raise ValueError(f"document {at} is {text!r}: a text is needed")
            if not texts:
                raise ValueError("there are no documents")
        elif paths is None:
            raise ValueError(f"input={self.input!r}: a path is needed, or several")
        with session_of(self.workers, self.cluster) as session, session.scratch() as scratch:
            if paths is None:
                uri = join(scratch, "documents.jsonl")
                written(uri, lambda file: _write(texts, file))
                paths = [uri]
            nothing = np.empty(0)
            yield Fit(session, scratch, paths, 0, 0, None, nothing, nothing, None)

    def _counted(self, fit: Fit, rounds: int, **begin: Any) -> Any:
        """The state after so many rounds of occurrences.py."""
        return self._loop(
            fit,
            Occurrences,
            begin=beginning(self._analysis(), **begin),
            input_format=_FORMATS[self.input],
            max_iter=rounds,
        ).state

    def _learn(self, vocabulary: list[str]) -> None:
        self.vocabulary_ = {term: at for at, term in enumerate(vocabulary)}
        self.n_features_in_ = len(vocabulary)


def _write(texts: list[str], file: Any) -> None:
    lines: list[str] = []
    size = 0
    for text in texts:
        lines.append(json.dumps(text))
        size += len(text)
        if size >= _WRITTEN_AT_ONCE:
            file.write(("\n".join(lines) + "\n").encode())
            lines, size = [], 0
    if lines:
        file.write(("\n".join(lines) + "\n").encode())
