"""TF-IDF against scikit-learn, BM25 and inverted indexes against their definitions."""

import math
import random
import re
from collections import Counter

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.feature_extraction.text import TfidfVectorizer as Oracle

from mapred.ml import BM25, InvertedIndex, TfidfVectorizer, session

# Prose that comes with scikit-learn: what is known of its data sets, a line a document.
TEXTS = [
    line
    for bunch in (load_iris(), load_wine(), load_breast_cancer())
    for line in bunch.DESCR.splitlines()
]
ODD = [
    "Ünïcode çafé \u00a0 Ⅷ naïve",
    "",
    "   ",
    "a\nb c\tdd  dd",
    "x" * 300,
    "ﬁne ﬁne fine",
    "\ud800x y",
]

SETTINGS = [
    {},
    {"sublinear_tf": True, "norm": "l1"},
    {"norm": None, "smooth_idf": False, "min_df": 2},
    {"use_idf": False, "binary": True, "max_df": 0.5},
    {"ngram_range": (1, 3), "stop_words": ["the", "of", "and"], "min_df": 3},
    {"ngram_range": (2, 2), "lowercase": False},
    {"analyzer": "char", "ngram_range": (1, 3), "max_features": None},
    {"analyzer": "char_wb", "ngram_range": (2, 4), "strip_accents": "ascii"},
    {"strip_accents": "unicode", "token_pattern": r"(\w+)", "min_df": 0.01},
    {"vocabulary": ["iris", "the", "never seen", "class"]},
    {"vocabulary": {"wine": 1, "of": 0}},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_rows_and_rarities_are_those_of_scikit_learn(settings):
    texts = TEXTS + ODD
    theirs = Oracle(**settings)
    expected = theirs.fit_transform(texts)
    ours = TfidfVectorizer(**settings)
    rows = ours.fit_transform(texts)
    assert ours.vocabulary_ == theirs.vocabulary_
    assert list(ours.get_feature_names_out()) == list(theirs.get_feature_names_out())
    np.testing.assert_allclose(rows.toarray(), expected.toarray(), rtol=0, atol=1e-12)
    if theirs.use_idf:
        np.testing.assert_allclose(ours.idf_, theirs.idf_, rtol=1e-12)
    fresh = ["the class of iris and wine, and never a naïve class", "nothing"]
    again = TfidfVectorizer(**settings).fit(texts)
    np.testing.assert_allclose(
        again.transform(fresh).toarray(), theirs.transform(fresh).toarray(), rtol=0, atol=1e-12
    )


def test_only_the_most_frequent_terms_are_kept_when_asked():
    texts = ["a a a b b c", "b c c c c d", "a d e"]
    settings = {"max_features": 2, "token_pattern": r"\w"}
    ours, theirs = TfidfVectorizer(**settings).fit(texts), Oracle(**settings).fit(texts)
    assert ours.vocabulary_ == theirs.vocabulary_ == {"a": 0, "c": 1}


def test_lines_and_files_are_documents_too(tmp_path):
    kept = [text for text in TEXTS if text.strip()]
    (tmp_path / "all.txt").write_text("\n".join(kept) + "\n")
    expected = TfidfVectorizer().fit_transform(kept)
    lines = TfidfVectorizer(input="lines").fit_transform(tmp_path / "all.txt")
    assert lines.data.tobytes() == expected.data.tobytes()
    assert lines.indices.tolist() == expected.indices.tolist()
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.txt").write_text("\n".join(TEXTS[number * 20 : number * 20 + 20]))
    found = TfidfVectorizer(input="filename").fit_transform(folder)
    paths = sorted(str(path) for path in folder.iterdir())
    their = Oracle(input="filename").fit_transform(paths)
    np.testing.assert_allclose(found.toarray(), their.toarray(), rtol=0, atol=1e-12)


def test_an_index_knows_where_each_term_is_and_how_often():
    index = InvertedIndex(token_pattern=r"\w+").fit(TEXTS)
    counted = [Counter(re.findall(r"\w+", text.lower())) for text in TEXTS]
    for term in sorted(set().union(*counted)):
        documents, times = index.postings(term)
        assert list(zip(documents.tolist(), times.tolist(), strict=True)) == [
            (number, words[term]) for number, words in enumerate(counted) if words[term]
        ]
    assert index.lengths_.tolist() == [words.total() for words in counted]
    assert index.containing("Class of IRIS").tolist() == [
        number for number, words in enumerate(counted) if {"class", "of", "iris"} <= words.keys()
    ]
    assert index.containing("class unheard").tolist() == []


@pytest.mark.parametrize(("k1", "b"), [(1.2, 0.75), (2.0, 0.0), (0.0, 1.0)])
def test_bm25_is_what_its_formula_says(k1, b):
    documents = [re.findall(r"\b\w\w+\b", text.lower()) for text in TEXTS]
    mean = sum(map(len, documents)) / len(documents)
    question = "iris class of wine of never-seen"
    expected = []
    for words in documents:
        score = 0.0
        for term in re.findall(r"\b\w\w+\b", question):
            having = sum(term in other for other in documents)
            idf = math.log(1 + (len(documents) - having + 0.5) / (having + 0.5))
            times = words.count(term)
            if times:
                length = k1 * (1 - b + b * len(words) / mean)
                score += idf * times * (k1 + 1) / (times + length)
        expected.append(score)
    model = BM25(k1=k1, b=b).fit(TEXTS)
    np.testing.assert_allclose(model.scores(question), expected, rtol=1e-12, atol=1e-12)
    best = model.search(question, 3)
    assert [score for _, score in best] == sorted(model.scores(question), reverse=True)[:3]
    assert model.search("unheard words") == []
    for ask in (model.search, model.containing):
        with pytest.raises(ValueError, match="query=None: a text is needed"):
            ask(None)


def test_the_rows_are_the_same_bytes_for_any_number_of_workers(tmp_path):
    rng = random.Random(4)
    words = [f"w{rng.randrange(3000)}" for _ in range(700_000)]
    lines = [" ".join(words[at : at + 12]) for at in range(0, len(words), 12)]
    (tmp_path / "lines.txt").write_text("\n".join(lines))
    found = []
    for workers in (1, 3):
        with session(workers=workers):
            model = TfidfVectorizer(input="lines")
            rows = model.fit_transform(tmp_path / "lines.txt")
            found.append((rows.data.tobytes(), rows.indices.tobytes(), model.idf_.tobytes()))
    assert found[0] == found[1]
    assert len(rows) == len(lines)


def test_limits_that_numpy_has_counted_are_numbers_of_documents():
    texts = ["aa bb", "aa cc", "aa bb"]
    few = TfidfVectorizer(min_df=np.int64(2), max_df=np.int64(2)).fit(texts)
    assert list(few.vocabulary_) == ["bb"]


@pytest.mark.parametrize(
    ("parameters", "texts", "words"),
    [
        ({}, "one text", "a list of texts is needed"),
        ({}, ["a", 3], "document 1 is 3"),
        ({}, [], "no documents"),
        ({}, ["a b", "c"], "no document has a term"),
        ({"min_df": 2}, ["aa bb", "cc"], "no term is left"),
        ({"min_df": 2, "max_df": 1}, ["aa"], "no term has both"),
        ({"max_df": 1.5}, ["aa"], "max_df=1.5: a number of at least 0 and at most 1"),
        ({"analyzer": "words"}, ["aa"], "'word' or 'char' or 'char_wb' is needed"),
        ({"stop_words": "english"}, ["aa"], "no lists built in"),
        ({"token_pattern": "("}, ["aa"], "token_pattern='\\('"),
        ({"token_pattern": "(a)(b)"}, ["aa"], "one group at most"),
        ({"ngram_range": (2, 1)}, ["aa"], "ngram_range=1: a whole number of at least 2"),
        ({"vocabulary": {"a": 1}}, ["aa"], "without gaps"),
        ({"vocabulary": ["a", "a"]}, ["aa"], "in it twice"),
        ({"vocabulary": {"a": "x", "b": 0}}, ["aa"], "without gaps"),
        ({"vocabulary": "abc"}, ["aa"], "vocabulary='abc': a list of words"),
        ({"vocabulary": 5}, ["aa"], "vocabulary=5: a list of words"),
        ({"lowercase": "no"}, ["aa"], "lowercase='no': True or False"),
        ({"use_idf": None}, ["aa"], "use_idf=None: True or False"),
        ({"stop_words": 3}, ["aa"], "stop_words=3: a list of words"),
        ({}, None, "None, and a list of texts is needed"),
        ({"input": "lines"}, ["aa"], "does not exist"),
        ({"input": "file"}, ["aa"], "'content' or 'lines' or 'filename'"),
    ],
)
def test_what_is_impossible_is_refused_in_words(parameters, texts, words):
    from mapred.errors import RefusedError

    with pytest.raises((ValueError, RefusedError), match=words):
        TfidfVectorizer(**parameters).fit(texts)
    with pytest.raises(ValueError, match="learned nothing yet"):
        TfidfVectorizer(**parameters).transform(["aa"])
