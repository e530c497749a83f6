"""Reasons to reject a row of own knowledge. A wrong row is one rejection and does not end the build."""

# Reasons that the text of a row has.
BROKEN_QUOTES = "quotation mark without its other one"
WRONG_FIELDS = "number of fields differs from the header"
NOT_UTF8 = "not UTF-8"
CONTROL = "control character"
TOO_LONG = "text too long"
FORMULA = "formula or error of a spreadsheet"
# Reasons that its meaning has.
NO_ENTITY = "neither entity nor image"
WIKIDATA_ENTITY = "entity with an id of Wikidata"
NOTHING_STATED = "neither relation nor image"
VALUE_WITHOUT_RELATION = "value without a relation"
UNKNOWN_RELATION = "unknown relation"
NOT_ASKED = "relation that the recipe does not ask"
NO_VALUE = "no value"
WRONG_VALUE = "value that does not fit the relation"
NO_LANGUAGE = "text without a language"
UNKNOWN_LANGUAGE = "unknown language"
OTHER_LANGUAGE = "language that the recipe does not ask in"
UNKNOWN_REGION = "unknown region"
UNKNOWN_TYPE = "unknown entity type"
NO_AUTHOR = "neither author nor source, but the license asks to name one"
# Reasons that it has among other rows.
REPEATED = "repeats an earlier row"
OTHER_TYPE = "entity type differs from an earlier row"
CONTRADICTION = "contradicts another row"
TOO_MANY = "more than 5,000 rows about the entity"


class RowError(Exception):
    """A row that cannot be used.

    Args:
        reason: the same text for all rows with the same fault, so that they can be counted.
        detail: facts about this row.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail[:200]
