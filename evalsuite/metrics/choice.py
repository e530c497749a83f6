"""The robust reading of the letter that an answer chooses, in 39 languages and without guessing."""

import functools
import re
from collections.abc import Sequence

from evalsuite.metrics.answer_words import fold_letters, fold_width, words
from evalsuite.metrics.exact_match import normalized
from evalsuite.metrics.whole_words import ends_with_words, whole_words
from evalsuite.metrics.yes_no import yes_or_no

_EMPHASIS = re.compile(r"[*_`#]+|\\boxed|\\text|\\mathrm|[{}$]")
_OPENS = re.compile(r"\W*([A-Z])(?:[).:\]、。,，\s]|$)")
_SMALL_OPENS = re.compile(r"[(\[]?([a-z])[).\]](?:\s|$)", re.ASCII)
_LETTER = re.compile(r"(?<![A-Za-zÀ-ʯḀ-ỿ'’])([A-Z])(?![A-Za-zÀ-ʯḀ-ỿ'’])")
_ARTICLE = re.compile(r" +(?!(?:and|or|und|oder|et|ou|y|o|e|dan|atau) +[A-Z]\b)[a-zà-ʯ]")
_DIGIT = re.compile(r"(?<![\d.,])[1-9](?![\d%]|[.,]\d)", re.ASCII)
_STAND_INS = "PQRSTUVWX"
"""Letters that numbers are read as. They are not articles in any language."""
_LISTED = re.compile(r"^\W*([A-Z])[).:]", re.MULTILINE)
_COPULA = re.compile(r" \w{1,4}$")
"""A short word between "not" and a letter: "no es B"."""
_JOINED = re.compile(r"([A-Z])[ ,/]*(?:and|or|nor|und|oder|noch|et|ou|ni|y|o|e|dan|atau|和|或)?[ ,/]*$")
_CLAUSE = re.compile(r"[^.,;:!?()\n。，、；：！？।؟]*")
_VERDICT_WORDS, _VERDICT_CHARACTERS = 3, 24
"""Most words and characters behind a letter that say it is wrong: "B is not correct"."""
_CUE_REACH = 40
"""Characters between a cue such as "the answer" and its letter: "the correct answer for this image is"."""


def chosen_letter(answer: str, letters: str, options: Sequence[str]) -> str | None:
    """Return the letter of the option that an answer chooses, None if it names none or several.

    In this order: the answer is a letter or opens with one; a letter stands behind a cue such as "answer", where the
    last cue counts; the answer has one letter by itself; the answer has the text of exactly one option. Letters in the
    text of an option ("Vitamin C") and letters that the answer rules out ("not B") do not count.

    Args:
        answer: the model's answer.
        letters: the letters of the options, such as `ABCD`.
        options: the texts of the options, in the order of the letters. Empty if the prompt showed none.
    """
    text = _EMPHASIS.sub("", fold_width(answer)).strip()
    bare = _without_options(text, letters, options)
    for find in (_whole, _opening, _after_cue, _only_letter):
        letter = find(bare, letters)
        if letter is not None:
            return letter
    return _by_text(text, letters, options)


def _without_options(text: str, letters: str, options: Sequence[str]) -> str:
    """Return a text with a mark in place of each option in which a letter stands by itself."""
    plain = [_EMPHASIS.sub("", fold_width(option)).strip() for option in options]
    for option in sorted(plain, key=len, reverse=True):
        if len(option) > 1 and _LETTER.search(option):
            text = re.sub(rf"(?<!\w){re.escape(option)}(?!\w)", "\ufffc", text, flags=re.IGNORECASE)
    return text


def chosen_number(answer: str, count: int) -> int | None:
    """Return the number from 1 to `count` that an answer chooses, None if it names none or several."""
    text = fold_width(answer)
    letters = _STAND_INS[:count]
    replaced = _DIGIT.sub(lambda match: letters[int(match[0]) - 1 : int(match[0])] or match[0], text)
    letter = chosen_letter(replaced, letters, []) if replaced != text else None
    return None if letter is None else letters.index(letter) + 1


def named_letters(text: str, letters: str) -> set[str]:
    """Return the letters of options that stand by themselves in a text, as in "both A and C"."""
    return {match[1] for match in _letters(fold_width(text), letters)}


def _whole(text: str, letters: str) -> str | None:
    bare = re.sub(r"\W", "", text)
    return bare.upper() if len(bare) == 1 and bare.upper() in letters and len(text) <= 4 else None


def _opening(text: str, letters: str) -> str | None:
    match = _OPENS.match(text) or _SMALL_OPENS.match(text)
    if match is None or match[1].upper() not in letters:
        return None
    # "A dog" opens with an article, "B, C" with a list.
    if text[match.start(1) + 1 : match.start(1) + 2] == " " and _ARTICLE.match(text, match.end(1)):
        return None
    others = {found[1] for found in _letters(text.split("\n")[0], letters)} - {match[1].upper()}
    return None if others or _is_list(text, letters) else match[1].upper()


def _is_list(text: str, letters: str) -> bool:
    """Return whether a text repeats options: the label of its second line follows that of its first one."""
    labels = "".join(match[1] for match in _LISTED.finditer(text))
    return len(labels) > 1 and labels[:2] in letters


def _after_cue(text: str, letters: str) -> str | None:
    folded = fold_letters(text)
    ends = sorted({start + len(cue) for cue in words("cues") for start in whole_words(folded, cue)}, reverse=True)
    for end in ends:
        reach = text[end : end + _CUE_REACH].split("\n\n")[0]
        found = [match for match in _letters(reach, letters) if not _rules_out(text, end + match.start())]
        if found:
            # "B or C" behind one cue chooses none.
            return found[0][1] if len({match[1] for match in found}) == 1 else None
    return None


def _only_letter(text: str, letters: str) -> str | None:
    matches = [match for match in _letters(text, letters) if not _rules_out(text, match.start())]
    found = {match[1] for match in matches}
    return found.pop() if len(found) == 1 and not any(_is_called_wrong(text[m.end() :]) for m in matches) else None


def _rules_out(text: str, place: int) -> bool:
    """Return whether a word for "not" stands before a letter, or before its cue: "not option B"."""
    joined = _JOINED.search(text[:place])
    if joined is not None and _rules_out(text, joined.start()):
        return True  # "not A or B"
    before = fold_letters(text[:place]).rstrip(" ([\"'")
    for cue in words("cues"):
        if ends_with_words(before, cue):
            before = before[: -len(cue)].rstrip()
            break
    parts = (before, _COPULA.sub("", before))
    return any(ends_with_words(part, word) for part in parts for word in _negations())


@functools.cache
def _negations() -> frozenset[str]:
    """Return the words for "not" and "no", without those that mean yes in another language."""
    return frozenset((*words("not"), *words("no"))) - {*words("yes")}


def _is_called_wrong(after: str) -> bool:
    """Return whether the first words behind a letter say that it is wrong."""
    clause = _CLAUSE.match(after)
    first = " ".join((clause[0] if clause else "").split()[:_VERDICT_WORDS])
    return len(first) <= _VERDICT_CHARACTERS and yes_or_no(first) == "no"


def _letters(text: str, letters: str) -> list[re.Match[str]]:
    """Return the letters of options that stand by themselves, without the article "A" of "A dog"."""
    return [
        match
        for match in _LETTER.finditer(text)
        if match[1] in letters and not (match[1] == "A" and _ARTICLE.match(text, match.end()))
    ]


def _by_text(text: str, letters: str, options: Sequence[str]) -> str | None:
    answer = normalized(text)
    texts = [normalized(option) for option in options]
    equal = [letter for letter, option in zip(letters, texts, strict=False) if option and option == answer]
    if len(equal) == 1:
        return equal[0]
    named = [(letter, option) for letter, option in zip(letters, texts, strict=False) if whole_words(answer, option)]
    # "Light blue" contains "blue": an option inside of another one that is named does not count.
    outer = [
        letter
        for letter, option in named
        if not any(option != other and whole_words(other, option) for _, other in named)
    ]
    return outer[0] if len(outer) == 1 else None
