"""Guards: right rewritings in 39 languages are accepted, and faults in each of them are refused."""

from collections import Counter

import pytest

from factory.questions import templates
from factory.refine import guards, prompts
from factory.refine.answers import Rewriting
from factory.refine.guards import Original, refusal
from pangea_cultural.reference.languages import language, training_languages

RULES = prompts.load("1").rules
FILES = (*training_languages(), "zh-hant")
YEAR = "1874"


def original(question, sentence, value, code="en", *, names=(), answers=()):
    return Original(
        language=code, question=question, sentence=sentence, answers=(value, *answers), names=((value, *names),)
    )


ENGLISH = original("In which country is this castle?", "Country: Japan", "Japan")
RIGHT = Rewriting("Which country does this castle stand in?", "The castle stands in Japan.")


def reason(before=ENGLISH, **changes):
    return refusal(before, RIGHT._replace(**changes), RULES)


def test_a_right_rewriting_is_accepted():
    assert reason() == ""


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"question": "Where is <image> this castle?"}, guards.UNSAFE),
        ({"question": "Where is it? See https://example.org?"}, guards.UNSAFE),
        ({"question": "Where is\u202e this castle?"}, guards.UNSAFE),
        ({"sentence": "The **castle** stands in Japan."}, guards.UNSAFE),
        ({"sentence": "The castle\nstands in Japan."}, guards.UNSAFE),
        ({"sentence": "The castle\x00 stands in Japan."}, guards.UNSAFE),
        ({"question": '"Which country does this castle stand in?"'}, guards.QUOTED),
        ({"sentence": "“The castle stands in Japan.”"}, guards.QUOTED),
        ({"question": "Which country, if this contains none of these words?"}, guards.ECHO),
        ({"sentence": "Sentence: The castle stands in Japan."}, guards.ECHO),
        ({"question": "Is it in Japan?", "sentence": "Is it in Japan?"}, guards.ECHO),
        ({"question": "W?"}, guards.LENGTH),
        ({"sentence": "The castle stands in Japan. " * 5}, guards.LENGTH),
        ({"question": "В какой стране стоит этот замок?"}, guards.SCRIPT),
        ({"question": "Tell me in which country this castle stands."}, guards.NO_QUESTION),
        ({"sentence": "The castle stands in Jordan."}, guards.FACT_LOST),
        ({"sentence": "The castle is Japanese."}, guards.FACT_LOST),
        ({"sentence": "The castle stands in japan."}, guards.FACT_LOST),
        ({"sentence": "Japan."}, guards.LENGTH),
        ({"question": "Does this castle stand in Japan?"}, guards.LEAK),
        ({"sentence": "The castle of 1601 stands in Japan."}, guards.NUMBER_ADDED),
        ({"sentence": "The castle stands in Japan (١٦٠١)."}, guards.NUMBER_ADDED),
        ({"question": "Which Asian country does this castle stand in?"}, guards.NAME_ADDED),
        ({"sentence": "The castle stands in Osaka, Japan."}, guards.NAME_ADDED),
        ({"question": "Dans quel pays se trouve ce château?"}, guards.LANGUAGE),
        ({"sentence": "El castillo se encuentra en el país de Japan."}, guards.LANGUAGE),
        ({"question": ENGLISH.question, "sentence": ENGLISH.sentence}, guards.UNCHANGED),
    ],
)
def test_a_fault_is_refused_with_its_reason(changes, expected):
    assert reason(**changes) == expected


@pytest.mark.parametrize(
    ("before", "question", "sentence", "expected"),
    [
        # An alias, another script, and numerals of another script are the same fact.
        (
            original("Where is it?", "Country: Côte d'Ivoire", "Côte d'Ivoire", names=("Ivory Coast",)),
            "Which country is it in?",
            "It is in Ivory Coast.",
            "",
        ),
        (original("這是哪個國家?", "國家:台灣", "台灣", "zh"), "这是哪一个国家?", "这个国家是台湾。", ""),
        (
            original("यह किस वर्ष बना था?", "निर्माण वर्ष: १८७४", "१८७४", "hi"),
            "इसका निर्माण किस वर्ष हुआ था?",
            "इसका निर्माण 1874 में हुआ था।",
            "",
        ),
        (
            original("متى بُني هذا؟", "سنة البناء: 1874", "1874", "ar"),
            "في أي سنة بُني هذا المبنى؟",
            "بُني في سنة ١٨٧٤.",
            "",
        ),
        # A case ending or a preposition that is written together with the name.
        (
            original("이곳은 어느 나라에 있나요?", "나라: 일본", "일본", "ko"),
            "이곳은 어떤 나라인가요?",
            "이곳은 일본에 있습니다.",
            "",
        ),
        (
            original("في أي بلد هذا؟", "البلد: اليابان", "اليابان", "ar"),
            "ما هو هذا البلد؟",
            "يقع هذا المكان باليابان.",
            "",
        ),
        # The order of a date is a matter of style; a decade is another fact than a year.
        (
            original("When was it built?", "Built: 5 March 1850", "5 March 1850"),
            "On which day was it built?",
            "It was built on March 5, 1850.",
            "",
        ),
        (
            original("When?", "Built: 1850", "1850"),
            "When was it built?",
            "It was built in the 1850s.",
            guards.FACT_LOST,
        ),
        (original("いつですか?", "5世紀", "5世紀", "ja"), "いつの時代ですか?", "これは15世紀です。", guards.FACT_LOST),
        # A less exact answer gives the exact one away, but does not replace it.
        (
            original("When was it built?", "Built: 5 March 1850", "5 March 1850", answers=("1850",)),
            "In which year was it built, 1850?",
            "It was built on 5 March 1850.",
            guards.LEAK,
        ),
        (
            original("When was it built?", "Built: 5 March 1850", "5 March 1850", answers=("1850",)),
            "On which day was it built?",
            "It was built in 1850.",
            guards.FACT_LOST,
        ),
        # Latin words in another script, and a name after a colon.
        (
            original("В какой стране это?", "Страна: Япония", "Япония", "ru"),
            "В какой это стране?",
            "Этот замок стоит в городе NHK, страна Япония.",
            guards.NAME_ADDED,
        ),
        (ENGLISH, RIGHT.question, "Country: Osaka, Japan", guards.NAME_ADDED),
    ],
)
def test_facts_are_compared_across_scripts_and_forms(before, question, sentence, expected):
    assert refusal(before, Rewriting(question, sentence), RULES) == expected


def test_all_values_of_a_sentence_are_kept():
    before = Original(
        language="en",
        question="Who designed this building?",
        sentence="Architects: Ann Bell and Carl Dorn",
        answers=("Ann Bell", "Carl Dorn"),
        names=(("Ann Bell",), ("Carl Dorn", "C. Dorn")),
    )
    assert (
        refusal(before, Rewriting("Which architects planned it?", "It was planned by C. Dorn and Ann Bell."), RULES)
        == ""
    )
    one = Rewriting("Which architects planned it?", "It was planned by Carl Dorn.")
    assert refusal(before, one, RULES) == guards.FACT_LOST


def pairs(name):
    """Return questions with a year as answer, each with its other wording."""
    file = templates.load(name)
    for row in file.templates:
        if row.property in ("P571", "P1619") and row.kind == "ask":
            asks = [other.text for other in file.find(row.property, row.entity_type, "ask")]
            says = [frame.text.replace("{value}", YEAR) for frame in file.find(row.property, row.entity_type, "say")]
            others = [text for text in asks if text != row.text]
            yield original(row.text, says[0], YEAR, name), Rewriting(others[0], says[-1])


@pytest.mark.parametrize("name", FILES)
def test_another_wording_of_the_templates_is_accepted_in_each_language(name):
    reasons = Counter(refusal(before, right, RULES) for before, right in pairs(name))
    assert reasons.total() >= 4
    assert reasons[""] == reasons.total(), reasons


@pytest.mark.parametrize("name", FILES)
def test_faults_are_refused_in_each_language(name):
    other = (
        "ru" if language(name.partition("-")[0]).script == "Cyrl" and name != "ru" else "uk" if name == "ru" else "fi"
    )
    foreign = {"ru": "В каком году это было построено и открыто?", "uk": "У якому році це було збудовано?"}.get(
        other, "Minä vuonna tämä rakennus on oikein rakennettu?"
    )
    for before, right in pairs(name):
        question, sentence, _ = right
        faults = {
            guards.FACT_LOST: Rewriting(question, sentence.replace(YEAR, "-")),
            guards.LEAK: Rewriting(f"{YEAR}: {question}", sentence),
            guards.NUMBER_ADDED: Rewriting(question, f"{sentence} 1901"),
            guards.QUOTED: Rewriting(f"«{question}»", sentence),
            guards.UNSAFE: Rewriting(question, f"<b>{sentence}</b>"),
            guards.NO_QUESTION: Rewriting(question.rstrip("?？؟;"), sentence),
        }
        if before.question[-1] not in "?？؟;":
            del faults[guards.NO_QUESTION]  # Thai has no question mark
        for expected, fault in faults.items():
            assert refusal(before, fault, RULES) == expected, (expected, fault)
        wrong = refusal(before, Rewriting(foreign, sentence), RULES)
        assert wrong in (guards.LANGUAGE, guards.SCRIPT, guards.LENGTH), wrong
