import re

import pytest

from factory.questions import templates
from factory.questions.preview import unsure

TEXT = """# Noun for a building: Bau.
# unsure: the register
reviewed = ""

[instructions]
choice = "A letter # unsure: not a comment"
short = "A word" # unsure: or a phrase

# unsure: the frames
[P84]
say = ["{value}"]

["P17/P36".flag]
# A comment.
# unsure: the noun
#   of the capital
ask = [
    "Which?", # unsure: too short
    "Whose?",
]
follow = ["Why?"]
"""


def test_notes_belong_to_the_line_below_or_to_their_own_line():
    assert unsure.notes(TEXT) == {
        (): ["the register"],
        ("instructions", "short"): ["or a phrase"],
        ("P84",): ["the frames"],
        ("P17/P36", "flag", "ask"): ["the noun of the capital", "too short"],
    }


def test_notes_of_a_table_are_about_all_its_lines():
    found = unsure.notes(TEXT)
    assert unsure.about(found, ("P84", "say")) == unsure.about(found, ("P84", "building", "ask")) == ["the frames"]
    assert unsure.about(found, ("P17/P36", "say")) == []


@pytest.mark.parametrize("name", templates.file_names())
def test_every_note_of_a_shipped_file_is_about_a_line(name):
    text = templates.path_of(name).read_text("utf-8")
    found = unsure.notes(text)
    rows = templates.load(name).templates
    paths = {tuple(part for part in (row.property, row.entity_type, row.kind) if part) for row in rows}
    lines = paths | {("instructions", "choice"), ("instructions", "short")}
    assert sum(map(len, found.values())) == len(re.findall("# unsure", text))
    assert found.keys() - {()} <= {path[:length] for path in lines for length in range(1, len(path) + 1)}
