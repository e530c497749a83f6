"""Words of captions in every script: characters where a script writes no spaces, words elsewhere."""

import unicodedata

from sacrebleu.tokenizers.tokenizer_char import TokenizerChar
from sacrebleu.tokenizers.tokenizer_intl import TokenizerV14International

WITHOUT_SPACES = frozenset(("ja", "km", "lo", "my", "th", "zh"))
_CHARACTERS = TokenizerChar()
_WORDS = TokenizerV14International()


def script_words(caption: str, language: str) -> list[str]:
    """Return the words of a caption, or its characters in Chinese, Japanese, Thai and similar scripts.

    Case, width and punctuation do not matter.

    Args:
        caption: the text.
        language: code of its language.
    """
    text = unicodedata.normalize("NFKC", caption).casefold()
    tokenize = _CHARACTERS if language in WITHOUT_SPACES else _WORDS
    return [word for word in tokenize(text).split() if any(unicodedata.category(c)[0] in "LMN" for c in word)]
