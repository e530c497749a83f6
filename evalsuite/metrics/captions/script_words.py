"""Words of captions in every script: characters where a script writes no spaces, words elsewhere."""

import functools
import unicodedata
from typing import Any

WITHOUT_SPACES = frozenset(("ja", "km", "lo", "my", "th", "zh"))


@functools.cache
def _tokenizer(*, characters: bool) -> Any:
    # The list of benchmarks and the report do not need the package.
    from sacrebleu.tokenizers.tokenizer_char import TokenizerChar
    from sacrebleu.tokenizers.tokenizer_intl import TokenizerV14International

    return TokenizerChar() if characters else TokenizerV14International()


def script_words(caption: str, language: str) -> list[str]:
    """Return the words of a caption, or its characters in Chinese, Japanese, Thai and similar scripts.

    Case, width and punctuation do not matter.

    Args:
        caption: the text.
        language: code of its language.
    """
    text = unicodedata.normalize("NFKC", caption).casefold()
    tokenize = _tokenizer(characters=language in WITHOUT_SPACES)
    return [word for word in tokenize(text).split() if any(unicodedata.category(c)[0] in "LMN" for c in word)]
