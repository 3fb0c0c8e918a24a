"""What a text's terms are: words or letters, alone or several in a row, as scikit-learn has them.

    lower case → accents off → tokens by a pattern → stop words out → n-grams

Plain data, so that it travels to the tasks inside of a state.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

TOKEN_PATTERN: Final = r"(?u)\b\w\w+\b"
ANALYZERS: Final = ("word", "char", "char_wb")
ACCENTS: Final = (None, "ascii", "unicode")
_SPACES: Final = re.compile(r"\s\s+")


@dataclass(frozen=True)
class Analysis:
    """How texts become terms."""

    analyzer: str = "word"
    lowercase: bool = True
    strip_accents: str | None = None
    token_pattern: str = TOKEN_PATTERN
    stop_words: tuple[str, ...] = ()
    ngram_range: tuple[int, int] = (1, 1)

    def packed(self) -> dict[str, Any]:
        return asdict(self)

    def of_texts(self) -> Callable[[str], list[str]]:
        """A function from a text to its terms, in their order."""
        fewest, most = self.ngram_range
        tokens = re.compile(self.token_pattern).findall
        stop_words = frozenset(self.stop_words)
        clean = _cleaning(self.lowercase, self.strip_accents)

        def words(text: str) -> list[str]:
            found: list[str] = tokens(clean(text))
            if stop_words:
                found = [word for word in found if word not in stop_words]
            return found if most == 1 else list(_grams(found, fewest, most, " ".join))

        def letters(text: str) -> list[str]:
            return list(_grams(_SPACES.sub(" ", clean(text)), fewest, most, str))

        def letters_of_words(text: str) -> list[str]:
            words = _SPACES.sub(" ", clean(text)).split()
            return [gram for word in words for gram in _inside(f" {word} ", fewest, most)]

        return {"word": words, "char": letters, "char_wb": letters_of_words}[self.analyzer]


def _cleaning(lowercase: bool, accents: str | None) -> Callable[[str], str]:
    def clean(text: str) -> str:
        if lowercase:
            text = text.lower()
        if accents is None or text.isascii():
            return text
        apart = unicodedata.normalize("NFKD", text)
        if accents == "ascii":
            return apart.encode("ascii", "ignore").decode()
        return "".join([letter for letter in apart if not unicodedata.combining(letter)])

    return clean


def _grams(items: Any, fewest: int, most: int, join: Callable[[Any], str]) -> Iterator[str]:
    for length in range(fewest, min(most, len(items)) + 1):
        for at in range(len(items) - length + 1):
            yield join(items[at : at + length])


def _inside(word: str, fewest: int, most: int) -> Iterator[str]:
    """A word that is shorter than a gram is one, once."""
    for length in range(fewest, most + 1):
        if length >= len(word):
            yield word
            return
        for at in range(len(word) - length + 1):
            yield word[at : at + length]
