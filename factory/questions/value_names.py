"""Names of values in each language: labels of items, and texts of times and quantities.

Labels are chosen and cleaned in SQL, a few languages of a script at a time: memory does not depend on the number of
entities, and DuckDB plans few statements. Python makes the texts of unique times and quantities, and converts Chinese.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import resources
from typing import Any

import pyarrow as pa

from factory.questions.lexicon import rows as lexicon
from factory.questions.names import chinese
from factory.questions.names.roles import ROLES, UNITS, fits_unit, role_of
from factory.reference.entity_types import types_of
from factory.reference.properties import NAME, properties
from factory.reference.scripts import letters_of
from factory.scope import Scope
from factory.store.store import Rejection, Store
from factory.wikidata.times import Said, times_table
from factory.wikidata.value_text import CannotRenderError, form_of, say, understand
from pangea_cultural.reference.ids import ALSO, OWN
from pangea_cultural.reference.languages import Language, language

# Reasons to have no name. Each counts one value in one language.
NOT_READ = "value: document not read"
NO_LABEL = "value: no label in the language"
FOREIGN_SCRIPT = "value: label in a foreign script"
PREFIX = "value: "
"""Start of the reasons of times and quantities."""
WRONG_UNIT = "value: unit that does not fit the property"

CAPITALIZE_NOUNS = frozenset({"de", "lb"})
PROPER_ADJECTIVES = frozenset({"en"})
"""Languages whose labels are left as they are: English writes "Gothic", and its labels are the evidence for others."""
LETTER_CASES = frozenset({"Latn", "Cyrl", "Grek", "Armn"})
DOTLESS_I = frozenset({"tr", "az"})
SURNAME_FIRST = frozenset({"ru", "uk", "be", "bg"})
"""Languages whose labels are often in the order of an index: "Surname, Given"."""
PLACE_TYPES = ("settlement", "area")
FOR_ALL = 1000
"""Priority of the label for all languages, `mul`: after all others."""
MOST_NAMES = 500_000
"""Names that are chosen at a time, unless a single language has more."""
BATCH_VALUES = 20_000
"""Times or quantities that are rendered between two writes."""
TEMPORARY = (
    *("named_property", "used_value", "named_item", "bracket_rule", "comma_rule"),
    *("converted_label", "lexicon", "usual_name", "naming", "naming_code"),
)


@dataclass(frozen=True, kw_only=True)
class Form:
    """A language as a region writes it."""

    language: str
    region: str
    """Slug of the region, or empty for all others."""
    codes: tuple[str, ...]
    """Label codes, in the order they are tried."""
    script: str
    text_code: str
    """Code for texts of times and quantities, and in the lexicon: `zh-hant` for Chinese in Taiwan."""


def forms(scope: Scope) -> list[Form]:
    """Return the languages of the scope, each followed by its forms in the scope's regions."""
    found = []
    for code in scope.languages:
        row = language(code)
        found.append(_form(row, "", row.labels))
        found += [
            _form(row, slug, row.regional_labels[slug]) for slug in sorted(row.regional_labels) if slug in scope.regions
        ]
    return found


def _form(row: Language, region: str, codes: tuple[str, ...]) -> Form:
    text_code = codes[0] if region else row.code
    if row.code == chinese.MIXED:
        # Other characters are converted.
        codes = chinese.TRADITIONAL if region else chinese.SIMPLIFIED
    return Form(language=row.code, region=region, codes=codes, script=row.script, text_code=text_code)


def inputs(scope: Scope) -> list[Any]:
    """Return everything that the names depend on, besides the store and the code."""
    written = forms(scope)
    return [
        [asdict(form) for form in written],
        [_sql(name) for name in ("needed", "clean", "choose", "others", "unnamed")],
        [times_table().get(form.text_code) for form in written],
        lexicon.inputs([form.text_code for form in written]),
        [ROLES, UNITS],
    ]


def write(store: Store, scope: Scope) -> None:
    """Fill the table `value_text` with names of all values that the scope's properties ask for.

    The temporary table `other_text` gets further right names, such as the label where CLDR's name is shown.
    """
    for name in TEMPORARY:
        store.execute(f"DROP TABLE IF EXISTS {name}")
    store.script(_sql("clean"), {})
    _find_needed(store, scope)
    written = forms(scope)
    _load_lexicon(store, written)
    chinese.convert(store, [(form.language, form.region) for form in written])
    store.execute("CREATE OR REPLACE TEMP TABLE other_text (value VARCHAR, language VARCHAR, text VARCHAR)")
    items = store.value("SELECT count(*) FROM named_item")
    for group in _groups(written, max(1, MOST_NAMES // max(1, items))):
        _choose_labels(store, group)
    _reject_unnamed(store, written)
    _render_texts(store, written)
    for name in TEMPORARY:
        store.execute(f"DROP TABLE {name}")


def _sql(name: str) -> str:
    return resources.files("factory.questions.names").joinpath(f"{name}.sql").read_text("utf-8")


def _find_needed(store: Store, scope: Scope) -> None:
    rows = [properties()[name] for name in scope.properties if name != NAME]
    parameters = {
        "first": [row.path[0] if row.path else row.id for row in rows],
        "second": [row.path[1] if row.path else "" for row in rows],
        "role": [role_of(row.id) for row in rows],
        "place_types": list(PLACE_TYPES),
        "work_types": list(types_of("work")),
        "own": OWN,
    }
    store.script(_sql("needed"), parameters)


def _load_lexicon(store: Store, written: list[Form]) -> None:
    """Make the table `lexicon` with the names of the languages that are written."""
    table = lexicon.table([form.text_code for form in written])
    store.connection.register("lexicon_rows", table)
    store.execute("CREATE TEMP TABLE lexicon AS FROM lexicon_rows")
    store.connection.unregister("lexicon_rows")


def _groups(written: list[Form], size: int) -> Iterator[list[Form]]:
    """Yield groups of at most `size` forms with the same script. A region's form is alone, after all languages."""
    by_script: dict[str, list[Form]] = {}
    for form in written:
        if not form.region:
            by_script.setdefault(form.script, []).append(form)
    for forms_of_script in by_script.values():
        yield from (forms_of_script[start : start + size] for start in range(0, len(forms_of_script), size))
    yield from ([form] for form in written if form.region)


def _choose_labels(store: Store, group: list[Form]) -> None:
    """Choose the names in languages of the same script."""
    _register_group(store, group)
    (script,), (region,) = {form.script for form in group}, {form.region for form in group}
    codes = dict.fromkeys(code for form in group for code in form.codes)
    code_list = ", ".join(f"'{code}'" for code in codes)
    # A region's form has the names that the language has, and no others.
    names = ("choose",) if region else ("choose", "others")
    sql = "\n".join(map(_sql, names)).replace("CODE_LIST", code_list).replace("LETTERS", letters_of(script))
    is_chinese = any(form.language == chinese.MIXED for form in group)
    store.script(sql, {"region": region, "is_chinese": is_chinese, "also": ALSO})


def _register_group(store: Store, group: list[Form]) -> None:
    """Make the tables `naming`, with the rules of each language, and `naming_code`, with its codes in their order."""
    rules = [
        {
            "language": form.language,
            "region": form.region,
            "lexicon": form.text_code,
            "lowers": form.script in LETTER_CASES and form.language not in CAPITALIZE_NOUNS | PROPER_ADJECTIVES,
            "dotless": form.language in DOTLESS_I,
            "surname_first": form.language in SURNAME_FIRST,
        }
        for form in group
    ]
    codes = [
        {"language": form.language, "code": code, "priority": priority}
        for form in group
        for priority, code in enumerate(form.codes, 1)
    ]
    codes += [{"language": form.language, "code": "mul", "priority": FOR_ALL} for form in group]
    for name, rows in (("naming", rules), ("naming_code", codes)):
        store.connection.register("rows_of_group", pa.Table.from_pylist(rows))
        store.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM rows_of_group")
        store.connection.unregister("rows_of_group")


def _reject_unnamed(store: Store, written: list[Form]) -> None:
    """Count the items without a name: one row per item and reason, for all languages."""
    languages = [form for form in written if not form.region]
    codes = [(number, form.language, code) for number, form in enumerate(languages) for code in form.codes]
    table = pa.table(dict(zip(("number", "language", "code"), map(list, zip(*codes, strict=True)), strict=True)))
    store.connection.register("named_language", table)
    store.execute(_sql("unnamed"), {"not_read": NOT_READ, "no_label": NO_LABEL, "foreign_script": FOREIGN_SCRIPT})
    store.connection.unregister("named_language")


def _render_texts(store: Store, written: list[Form]) -> None:
    """Add the texts of times and quantities, in batches of unique values."""
    for value_type in ("time", "quantity"):
        for batch in _batches(store, value_type):
            texts = _Texts(written)
            for value, roles in batch:
                texts.add(value_type, value, roles)
            store.append("value_text", texts.table())
            store.reject_all("questions", texts.rejections)


def _batches(store: Store, value_type: str) -> Iterator[list[tuple[str, list[str]]]]:
    """Yield the values of a type with the roles of their properties."""
    last = ""
    while True:
        rows = store.rows(
            "SELECT value, roles FROM used_value WHERE value_type = ? AND value > ? ORDER BY value LIMIT ?",
            [value_type, last, BATCH_VALUES],
        )
        if not rows:
            return
        last = rows[-1][0]
        yield [(value, roles) for value, roles in rows]


class _Texts:
    """Texts of times and quantities, collected by column."""

    def __init__(self, written: list[Form]) -> None:
        self.written = written
        self.rows: list[tuple[str, str, str, str, str]] = []
        self.rejections: list[Rejection] = []
        self.languages = [form.language for form in written if not form.region]

    def add(self, value_type: str, value: str, roles: list[str]) -> None:
        """Add a value's texts, or the reasons to have none."""
        try:
            statement = understand(value_type, value)
        except CannotRenderError as error:
            self._reject(value, f"{PREFIX}{error}", self.languages)
            return
        if not isinstance(statement, Said) and not fits_unit(statement[1], roles):
            self._reject(value, WRONG_UNIT, self.languages)
            return
        kind, usual = form_of(statement), ""
        for form in self.written:
            try:
                text = say(statement, form.text_code)
            except CannotRenderError as error:
                self._reject(value, f"{PREFIX}{error}", [] if form.region else [form.language])
                continue
            if not form.region:
                usual = text
            elif text == usual:
                continue
            self.rows.append((value, form.language, form.region, text, kind))

    def _reject(self, value: str, reason: str, languages: list[str]) -> None:
        if languages:
            detail = " ".join(sorted(languages))
            self.rejections.append(Rejection(value, reason, detail, len(languages), "name"))

    def table(self) -> pa.Table:
        """Return rows of `value_text`."""
        names = ("value", "language", "region", "text", "form")
        columns = zip(*self.rows, strict=True) if self.rows else ((),) * len(names)
        table = pa.table({name: pa.array(column, pa.string()) for name, column in zip(names, columns, strict=True)})
        return table.append_column("source", pa.array(["babel"] * table.num_rows, pa.string()))
