"""The rows of question files, made of numbers by NumPy and Arrow. They are those of the view `question`.

DuckDB would look up each name in a table of all names, which takes longer than all else, and its threads keep no order.
Here a name is a place in an array, and rows stand in the order of items and variants.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from factory.store.store import Store
from pangea_cultural.dataset.question import QUESTION_SCHEMA

Numbers = npt.NDArray[Any]

ITEM_COLUMNS = ("region", "entity", "entity_type", "property", "image")
ITEMS = """
SELECT i.item, i.fact, i.asked, i.region, i.entity, a.entity_type, a.property, 'images/' || f.path AS image,
       concat(i.entity, '-', a.property, '-') AS before, concat('-', left(i.image, 16), '-') AS after
FROM item i JOIN asked a USING (asked) JOIN image f USING (image) JOIN split s USING (image)
WHERE s.split = $split ORDER BY i.item
"""
"""Facts of a split's images."""
NAMES = "SELECT key, text FROM value_name"
VARIANTS = "SELECT variant, language, short_instruction, choice_instruction FROM variant ORDER BY variant"
PHRASES = """
WITH phrase AS (
    SELECT asked, variant, ask, say, asks[ask] AS question, ids[ask] AS template, says[say] AS frame
    FROM (SELECT *, unnest(range(1, len(asks) + 1)) AS ask FROM wording) w, unnest(range(1, len(w.says) + 1)) t(say)
    UNION ALL
    SELECT asked, variant, 0, 0, '', '', replace(say_many, '{values}', '{value}') FROM wording
)
SELECT ((asked::BIGINT * 256 + variant) * 256 + ask) * 256 + say AS key, question, template,
       split_part(frame, '{value}', 1) AS say_before, split_part(frame, '{value}', 2) AS say_after
FROM phrase ORDER BY key
"""
"""Pairs of a question and a frame. Those with the number 0 have the frame for several answers."""
ANSWERS = """
CREATE OR REPLACE TEMP TABLE exported_answers AS
WITH said AS (
    SELECT fact, variant, s.answers AS several, m.answers AS more, coalesce(s.answers, [n.text]) AS exact
    FROM several_answers s FULL JOIN more_answers m USING (fact, variant)
    JOIN (SELECT DISTINCT fact, value FROM item) i USING (fact) JOIN value_number v USING (value)
    JOIN value_name n ON n.key = v.number::BIGINT * 256 + variant
)
SELECT fact, variant,
       exact || coalesce(list_filter(list_distinct(more), lambda t: NOT list_contains(exact, t)), []) AS answers,
       CASE WHEN several IS NULL OR len(several) = 1 THEN NULL
            WHEN len(several) = 2 THEN several[1] || pair || several[2]
            ELSE replace(array_to_string(several[:least(len(several), 5) - 1], chr(31)), chr(31), separator)
                 || last || several[least(len(several), 5)] END AS listed
FROM said JOIN variant USING (variant) ORDER BY fact, variant
"""
"""Answers of the facts that have more than one, and the text that lists those of a sentence."""
DRAWN = """
SELECT item, variant, ask, say, place, answer, coalesce(wrong1, -1) AS wrong1,
       coalesce(wrong2, -1) AS wrong2, coalesce(wrong3, -1) AS wrong3 FROM drawn_question
WHERE item BETWEEN $first AND $last ORDER BY item, variant
"""
EXTRAS = """
SELECT fact::BIGINT * 256 + variant AS key, answers, listed FROM exported_answers
WHERE fact BETWEEN $first AND $last ORDER BY key
"""
ACCEPTED = """
CREATE OR REPLACE TEMP TABLE exported_rewriting AS
SELECT item, item::BIGINT * 256 + variant AS key, question, sentence, rewritten_by FROM accepted_rewriting ORDER BY key
"""
REWRITTEN = "FROM exported_rewriting WHERE item BETWEEN $first AND $last ORDER BY key"
TEMPORARY = ("exported_answers", "exported_rewriting")


class Coded:
    """Texts that repeat: a number for each row, and the texts by number, without repetition."""

    def __init__(self, texts: pa.Array) -> None:
        coded = texts.dictionary_encode()
        self.codes, self.texts = coded.indices.to_numpy(), coded.dictionary

    def take(self, rows: Numbers) -> pa.DictionaryArray:
        """Return the texts of rows. The dictionary has no other texts: a file has one per row group."""
        used = pa.array(self.codes[rows]).dictionary_encode()
        return pa.DictionaryArray.from_arrays(used.indices, self.texts.take(used.dictionary))


class Items:
    """The facts of a split's images, in order."""

    def __init__(self, rows: pa.Table) -> None:
        self.item, self.fact, self.asked = (_numbers(rows, name) for name in ("item", "fact", "asked"))
        self.before, self.after = _texts(rows, "before"), _texts(rows, "after")
        self.coded = {name: Coded(_texts(rows, name)) for name in ITEM_COLUMNS}

    def __len__(self) -> int:
        return len(self.item)


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """Questions of a range, one for an open one and its choice question: numbers by question."""

    at: Numbers
    """Places in the split's items."""
    variant: Numbers
    phrase: Numbers
    place: Numbers
    names: Numbers
    """Places of the names of the answer and of three wrong options. Shape: questions x 4."""
    has_choice: Numbers
    extra: Numbers
    """Places in the range's table of several answers, or -1."""
    is_listed: Numbers
    """True where the sentence names several answers."""


class QuestionRows:
    """The questions of a store, by ranges of items. Make temporary tables, which `close` drops."""

    def __init__(self, store: Store) -> None:
        self.store = store
        variants, phrases, names = (store.table(sql) for sql in (VARIANTS, PHRASES, NAMES))
        # Arrays by the number of the variant.
        self.num_variants = variants.num_rows
        self.languages = Coded(_texts(variants, "language"))
        self.types = Coded(pa.array(["open", "choice"], pa.large_string()))
        self.instructions = Coded(
            pa.concat_arrays([_texts(variants, "short_instruction"), _texts(variants, "choice_instruction")])
        )
        self.phrase_keys = _numbers(phrases, "key")
        self.questions, self.templates = Coded(_texts(phrases, "question")), Coded(_texts(phrases, "template"))
        self.say_before, self.say_after = _texts(phrases, "say_before"), _texts(phrases, "say_after")
        self.names = _texts(names, "text")
        keys = _numbers(names, "key")
        # A missing name is at -1, which Arrow refuses.
        self.name_places = np.full((int(keys.max(initial=0)) // 256 + 1, self.num_variants), -1, np.int32)
        self.name_places[keys // 256, keys % 256] = np.arange(len(keys))
        store.execute(ANSWERS)
        store.execute(ACCEPTED)
        self.is_refined = store.value("SELECT count(*) FROM exported_rewriting") > 0

    def close(self) -> None:
        """Drop the temporary tables."""
        for name in TEMPORARY:
            self.store.execute(f"DROP TABLE temp.{name}")

    def range_items(self, num_rows: int) -> int:
        """Return the number of items whose questions are at most `num_rows`, but at least 1."""
        return max(num_rows // (2 * max(self.num_variants, 1)), 1)

    def items(self, split: str) -> Items:
        """Return the facts whose questions are exported in a split."""
        return Items(self.store.table(ITEMS, {"split": split}))

    def table(self, items: Items, first: int, last: int) -> pa.Table:
        """Return the questions about items from `first` to before `last`, in order, with the columns of an export."""
        extras = self._of_range(EXTRAS, items.fact[first:last])
        drawn = self._drawn(items, first, last, extras)
        # An open question, and a choice question behind it.
        counts = 1 + drawn.has_choice
        rows = np.repeat(np.arange(len(counts)), counts)
        kind = np.zeros(len(rows), np.int64)
        kind[np.cumsum(counts)[drawn.has_choice] - 1] = 1
        at, variant, phrase = drawn.at[rows], drawn.variant[rows], drawn.phrase[rows]
        answers = self.names.take(pa.array(drawn.names[:, 0]))
        ids = (items.before.take(pa.array(at)), self.languages.take(variant), items.after.take(pa.array(at)))
        columns = {
            "id": _joined(*ids, self.types.take(kind)),
            "question_type": self.types.take(kind),
            "language": self.languages.take(variant),
            **{name: coded.take(at) for name, coded in items.coded.items()},
            "question": self.questions.take(phrase),
            "answer": answers.take(pa.array(rows)),
            "answers": _answer_lists(answers, drawn.extra, extras, rows),
            "instruction": self.instructions.take(kind * self.num_variants + variant),
            "choices": self._choices(drawn, kind),
            "template": self.templates.take(phrase),
        }
        sentences = self._sentences(items, drawn, extras, answers)
        columns |= self._rewritten(items, drawn, sentences, rows)
        return pa.table({name: columns[name] for name in QUESTION_SCHEMA.names})

    def _of_range(self, sql: str, numbers: Numbers) -> pa.Table:
        """Return what a query has about a range of numbers."""
        bounds = {"first": int(numbers.min(initial=2**31 - 1)), "last": int(numbers.max(initial=-1))}
        return self.store.table(sql, bounds)

    def _drawn(self, items: Items, first: int, last: int, extras: pa.Table) -> Drawn:
        """Read the questions of a range, and find their phrases and names."""
        rows = self._of_range(DRAWN, items.item[first:last])
        found = _find(items.item[first:last], _numbers(rows, "item"))
        rows = rows.filter(pa.array(found >= 0))
        at = first + found[found >= 0]
        variant, ask, say, place = (_numbers(rows, name) for name in ("variant", "ask", "say", "place"))
        extra = _find(_numbers(extras, "key"), items.fact[at] * 256 + variant)
        is_listed = np.append(extras["listed"].is_valid().to_numpy(), False)[extra]
        key = items.asked[at] * 256 + variant
        numbers = np.stack([_numbers(rows, name) for name in ("answer", "wrong1", "wrong2", "wrong3")], axis=1)
        return Drawn(
            at=at,
            variant=variant,
            phrase=_find(self.phrase_keys, (key * 256 + ask) * 256 + say),
            place=place,
            names=self.name_places[numbers, variant[:, None]],
            has_choice=numbers[:, 1] >= 0,
            extra=extra,
            is_listed=is_listed,
        )

    def _choices(self, drawn: Drawn, kind: Numbers) -> pa.Array:
        """Return the options of choice questions, the right one at its place, and empty lists for open ones."""
        names, place = drawn.names[drawn.has_choice], drawn.place[drawn.has_choice]
        options = np.empty_like(names)
        for number in range(names.shape[1]):
            # Wrong options stand at 1 to 3, in order: before the right one moved up by one.
            wrong = names[np.arange(len(names)), np.minimum(number + (number < place), 3)]
            options[:, number] = np.where(number == place, names[:, 0], wrong)
        offsets = np.append(0, np.cumsum(kind * names.shape[1])).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), self.names.take(pa.array(options.ravel())))

    def _sentences(self, items: Items, drawn: Drawn, extras: pa.Table, answers: pa.Array) -> pa.Array:
        """Return a sentence for each question: its frame with the answer, or the frame for several with their list."""
        many = (items.asked[drawn.at] * 256 + drawn.variant) * 256 * 256
        phrase = pa.array(np.where(drawn.is_listed, _find(self.phrase_keys, many), drawn.phrase))
        said = _replaced(answers, drawn.is_listed, _texts(extras, "listed"), drawn.extra)
        return _joined(self.say_before.take(phrase), said, self.say_after.take(phrase))

    def _rewritten(self, items: Items, drawn: Drawn, sentences: pa.Array, rows: Numbers) -> dict[str, pa.Array]:
        """Return the columns that rewriting changes: rewritten texts, those of the templates, and the model."""
        empty = Coded(pa.array([""], pa.large_string())).take(np.zeros(len(drawn.at), np.int64))
        columns = {"sentence": sentences} | dict.fromkeys(
            ("template_question", "template_sentence", "rewritten_by"), empty
        )
        if self.is_refined:
            texts = self._of_range(REWRITTEN, items.item[drawn.at])
            place = _find(_numbers(texts, "key"), items.item[drawn.at] * 256 + drawn.variant)
            found, empty = place >= 0, empty.cast(pa.large_string())
            questions, everywhere = self.questions.take(drawn.phrase).cast(pa.large_string()), np.arange(len(place))
            columns = {
                "question": _replaced(questions, found, _texts(texts, "question"), place),
                "sentence": _replaced(sentences, found, _texts(texts, "sentence"), place),
                "template_question": _replaced(empty, found, questions, everywhere),
                "template_sentence": _replaced(empty, found, sentences, everywhere),
                "rewritten_by": _replaced(empty, found, _texts(texts, "rewritten_by"), place),
            }
        return {name: column.take(pa.array(rows)) for name, column in columns.items()}


def _answer_lists(answers: pa.Array, extra: Numbers, extras: pa.Table, rows: Numbers) -> pa.Array:
    """Return all right answers of rows: of most one, which is shown."""
    lists = extras["answers"].combine_chunks()
    sizes = lists.value_lengths().to_numpy(zero_copy_only=False)
    # The names that are shown, then the lists. The last of the sizes is that of -1.
    starts = np.where(extra < 0, np.arange(len(extra)), len(extra) + np.append(np.cumsum(sizes) - sizes, 0)[extra])[
        rows
    ]
    sizes = np.append(sizes, 1)[extra][rows]
    offsets = np.append(0, np.cumsum(sizes))
    places = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], sizes)
    texts = pa.concat_arrays([answers, lists.flatten().cast(pa.large_string())]).take(pa.array(places))
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), texts)


def _replaced(texts: pa.Array, mask: Numbers, others: pa.Array, places: Numbers) -> pa.Array:
    """Return texts, where the mask is true replaced by the others at these places."""
    return pc.replace_with_mask(texts, pa.array(mask), others.take(pa.array(places[mask]))) if mask.any() else texts


def _joined(*texts: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(
        *(text.cast(pa.large_string()) for text in texts), pa.scalar("", pa.large_string())
    )


def _find(keys: Numbers, wanted: Numbers) -> Numbers:
    """Return the places of numbers in sorted keys, or -1."""
    places = np.searchsorted(keys, wanted)
    return np.where(np.append(keys, -1)[places] == wanted, places, -1)


def _numbers(rows: pa.Table, name: str) -> Numbers:
    return rows[name].to_numpy().astype(np.int64)


def _texts(rows: pa.Table, name: str) -> pa.Array:
    return rows[name].cast(pa.large_string()).combine_chunks()
