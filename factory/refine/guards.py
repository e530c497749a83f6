"""Guards: reasons to refuse a rewritten question and its sentence. What is refused keeps the text of its template."""

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass

import regex

from factory.reference.scripts import fits_script
from factory.refine import folding, languages
from factory.refine.answers import Rewriting
from pangea_cultural.reference.languages import language

VERSION = 1
"""Raised by one when the guards change: answers are then checked again, but not asked for again."""

# Reasons, in the order in which they are tested.
UNSAFE = "rewriting: markup, address or control character"
ECHO = "rewriting: echo of the prompt"
QUOTED = "rewriting: wrapped in quotes"
LENGTH = "rewriting: too short or too long"
SCRIPT = "rewriting: foreign script"
NO_QUESTION = "rewriting: question without a question mark"
FACT_LOST = "rewriting: value is missing in the sentence"
LEAK = "rewriting: value in the question"
NUMBER_ADDED = "rewriting: number that was not in the input"
NAME_ADDED = "rewriting: name that was not in the input"
LANGUAGE = "rewriting: another language"
UNCHANGED = "rewriting: same text as the template"
# Reasons of the stage.
NAMES_ENTITY = "rewriting: entity is named in the question"
NO_ANSWER = "rewriting: no answer from an endpoint"

LONGEST = 3.0
SHORTEST = 1 / 3
"""Length of a rewritten text, relative to the template's."""
SLACK = 40
"""Characters that a rewritten text may have beyond that: templates can be two words."""
ECHO_WORDS = 5
"""Words of the prompt in a row that no question has by chance."""
FOREIGN_SHARE = 0.1
"""Maximum share of letters of other scripts, besides the values."""
FEWEST_LETTERS = 16
"""Letters from which on a sentence without its values is long enough to tell its language alone."""
NOUNS_IN_CAPITALS = frozenset({"de", "lb"})
"""Languages in which a capital does not tell names from other words."""

_UNSAFE = regex.compile(r"[\p{Cc}\p{Cn}\p{Co}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069<>{}|\\`*_#]|://|www\.|\[|\]")
_MARKS = re.compile(r"\b(question|sentence|keep|json|rewrite|rewritten|assistant|system|user)\b\s*:", re.IGNORECASE)
_QUESTION_MARKS = "?？؟;՞፧"
_PAIRS = {'"': '"', "'": "'", "“": "”", "„": "“”", "«": "»", "‘": "’", "「": "」", "『": "』", "»": "«", "(": ")"}
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+")
_LATIN = regex.compile(r"\p{Latin}{2,}")
_SENTENCE_START = regex.compile(r"(?:^|[.!?。！？]\s*)[^\p{L}\p{N}]*$")


@dataclass(frozen=True, kw_only=True)
class Original:
    """A question as its templates give it, and what the guards know about it."""

    language: str
    """Code of the language, or `zh-hant`."""
    question: str
    sentence: str
    answers: tuple[str, ...]
    """All right answers, also less exact ones."""
    names: tuple[tuple[str, ...], ...]
    """Names of each right value in the language, the one of the templates first."""

    @property
    def code(self) -> str:
        """Code of the language."""
        return self.language.partition("-")[0]

    @property
    def script(self) -> str:
        """ISO 15924 code of its script."""
        return language(self.code).script

    def kept(self) -> list[tuple[str, ...]]:
        """Return the names of the values that the sentence has. Of many values, it has the first five."""
        return [names for names in self.names if names and names[0] in self.sentence]

    def all_names(self) -> list[str]:
        """Return all names of right values."""
        return [*self.answers, *(name for names in self.names for name in names)]


def refusal(original: Original, rewriting: Rewriting, rules: str) -> str:
    """Return the reason to refuse a rewriting; empty if it is accepted.

    Args:
        original: the texts of the templates.
        rewriting: those of the model.
        rules: the prompt's text, which must not come back.
    """
    if _is_echo(original, rewriting, rules):
        return ECHO
    for reason, guard in GUARDS:
        if guard(original, rewriting):
            return reason
    return ""


def _is_unsafe(original: Original, rewriting: Rewriting) -> bool:
    allowed = set(_UNSAFE.findall(original.question + original.sentence))
    return any(set(_UNSAFE.findall(text)) - allowed for text in _texts(rewriting))


@functools.cache
def _words(rules: str) -> str:
    return " ".join(folding.tokens(folding.fold(rules, "Latn")))


def _is_echo(original: Original, rewriting: Rewriting, rules: str) -> bool:
    """Test for words of the prompt, its labels, or the same text twice."""
    script, prompt = original.script, _words(rules)
    for text in _texts(rewriting):
        words = folding.tokens(folding.fold(text, script))
        runs = (" ".join(words[i : i + ECHO_WORDS]) for i in range(len(words) - ECHO_WORDS + 1))
        if _MARKS.search(text) or any(run in prompt for run in runs):
            return True
    return folding.fold(rewriting.question, script) == folding.fold(rewriting.sentence, script)


def _is_quoted(original: Original, rewriting: Rewriting) -> bool:
    pairs = ((rewriting.question, original.question), (rewriting.sentence, original.sentence))
    return any(_wrapped(text) and not _wrapped(before) for text, before in pairs)


def _wrapped(text: str) -> bool:
    inner = text.rstrip(".?!。？！؟")
    return len(inner) > 1 and inner[-1] in _PAIRS.get(inner[0], ())


def _has_wrong_length(original: Original, rewriting: Rewriting) -> bool:
    names = [name for group in original.kept() for name in group]
    if _has_letters(original.sentence, names) and not _has_letters(rewriting.sentence, names):
        return True  # only the value is left
    pairs = ((rewriting.question, original.question), (rewriting.sentence, original.sentence))
    return any(not SHORTEST * len(before) - 1 <= len(text) <= LONGEST * len(before) + SLACK for text, before in pairs)


def _has_letters(text: str, names: list[str]) -> bool:
    return any(character.isalpha() for character in folding.without(text, names))


def _has_foreign_script(original: Original, rewriting: Rewriting) -> bool:
    rest = (rewriting.question, folding.without(rewriting.sentence, original.all_names()))
    return not all(fits_script(text, original.script, foreign_share=FOREIGN_SHARE) for text in rest)


def _is_no_question(original: Original, rewriting: Rewriting) -> bool:
    asks = original.question.rstrip()[-1:] in _QUESTION_MARKS
    return asks and rewriting.question[-1:] not in _QUESTION_MARKS


def _lacks_a_value(original: Original, rewriting: Rewriting) -> bool:
    script = original.script
    text, kept = folding.fold(rewriting.sentence, script), original.kept()
    return not kept or not all(
        _contains_one(text, names, script) and _keeps_capitals(rewriting.sentence, names, script) for names in kept
    )


def _contains_one(text: str, names: tuple[str, ...], script: str) -> bool:
    return any(folding.contains(text, folding.fold(name, script), script) for name in names)


def _keeps_capitals(sentence: str, names: tuple[str, ...], script: str) -> bool:
    """Return whether the words of one of the names have the capitals that they have in it."""
    capitals = {folding.fold(word, script) for word in _WORD.findall(sentence) if word[0].isupper()}
    return any(
        {folding.fold(word, script) for word in _WORD.findall(name) if word[0].isupper()} <= capitals for name in names
    )


def _leaks(original: Original, rewriting: Rewriting) -> bool:
    """Test for a right answer in the question. Words of the template's question are allowed."""
    script = original.script
    text, before = folding.fold(rewriting.question, script), folding.fold(original.question, script)
    for name in original.all_names():
        folded = folding.fold(name, script)
        if folding.contains(text, folded, script) and not folding.contains(before, folded, script):
            return True
    return False


def _adds_a_number(original: Original, rewriting: Rewriting) -> bool:
    script = original.script
    question, sentence = folding.fold(original.question, script), folding.fold(original.sentence, script)
    names = " ".join(folding.fold(name, script) for group in original.kept() for name in group)
    pairs = ((rewriting.question, question), (rewriting.sentence, f"{question} {sentence} {names}"))
    return any(folding.numbers(folding.fold(text, script)) - folding.numbers(known) for text, known in pairs)


def _adds_a_name(original: Original, rewriting: Rewriting) -> bool:
    script = original.script
    question = folding.fold(original.question, script)
    rest = " ".join([original.sentence, *(name for group in original.kept() for name in group)])
    known_in_sentence = set(folding.tokens(f"{question} {folding.fold(rest, script)}"))
    pairs = ((rewriting.question, set(folding.tokens(question))), (rewriting.sentence, known_in_sentence))
    return any(not _names_in(text, original) <= known for text, known in pairs)


def _names_in(text: str, original: Original) -> set[str]:
    """Return the folded words of a text that look like names: capitalized in a sentence, or Latin in another script.

    German writes all nouns with a capital, and most scripts have none. Words of their names are not told from others.
    """
    script = original.script
    found = {match[0] for match in _LATIN.finditer(text)} if script != "Latn" else set()
    if script in folding.CASED and original.code not in NOUNS_IN_CAPITALS:
        found |= {
            match[0]
            for match in _WORD.finditer(text)
            if any(c.isupper() for c in match[0]) and not _SENTENCE_START.search(text[: match.start()])
        }
    return {word for name in found for word in folding.tokens(folding.fold(name, script))}


def _is_in_another_language(original: Original, rewriting: Rewriting) -> bool:
    """Test the texts without the values: names have the language of their origin."""
    rest = folding.without(rewriting.sentence, [name for names in original.kept() for name in names])
    letters = sum(character.isalpha() for character in rest)
    alone = [rewriting.question, rest] if letters >= FEWEST_LETTERS else [f"{rewriting.question} {rest}"]
    return not all(languages.is_in(text, original.code) for text in alone)


def _is_unchanged(original: Original, rewriting: Rewriting) -> bool:
    return (rewriting.question, rewriting.sentence) == (original.question, original.sentence)


def _texts(rewriting: Rewriting) -> tuple[str, str]:
    return rewriting.question, rewriting.sentence


Guard = Callable[[Original, Rewriting], bool]
GUARDS: tuple[tuple[str, Guard], ...] = (
    (UNCHANGED, _is_unchanged),
    (UNSAFE, _is_unsafe),
    (QUOTED, _is_quoted),
    (LENGTH, _has_wrong_length),
    (SCRIPT, _has_foreign_script),
    (NO_QUESTION, _is_no_question),
    (FACT_LOST, _lacks_a_value),
    (LEAK, _leaks),
    (NUMBER_ADDED, _adds_a_number),
    (NAME_ADDED, _adds_a_name),
    (LANGUAGE, _is_in_another_language),
)
"""Guards in the order of the tests, the dearest last."""
