"""Chinese in the characters and words of a region, where no label of the right code exists (through OpenCC)."""

import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pyarrow as pa

from factory.store.store import Store

if TYPE_CHECKING:
    from opencc import OpenCC

SIMPLIFIED = ("zh-hans", "zh-cn", "zh-sg", "zh-my")
TRADITIONAL = ("zh-hant", "zh-tw", "zh-hk", "zh-mo")
MIXED = "zh"
"""Label code of either characters."""
SOURCE = "opencc"
BATCH_LABELS = 50_000

CONVERSIONS = {"zh-tw": "tw2sp", "zh-hk": "hk2s"}
"""OpenCC's conversion to Simplified characters, where words differ as well. The others: `t2s`."""
TO_CONVERT = """
CREATE TEMP TABLE to_convert AS
SELECT value, best.code AS code, best.text AS text, row_number() OVER (ORDER BY value) AS number
FROM (
    SELECT entity AS value,
           arg_min(struct_pack(code := language, text := text), list_position($codes, language)) AS best
    FROM label SEMI JOIN named_item ON value = entity
    WHERE list_contains($codes, language)
      AND entity NOT IN (SELECT entity FROM label WHERE list_contains($right, language))
    GROUP BY entity
)
"""


def convert(store: Store, forms: Iterable[tuple[str, str]]) -> None:
    """Fill the temporary table `converted_label` for the forms of Chinese among pairs of language and region."""
    columns = ", ".join(f"{name} VARCHAR" for name in ("value", "language", "region", "text", "source"))
    store.execute(f"CREATE TEMP TABLE converted_label ({columns})")
    for code, region in forms:
        if code == MIXED:
            right, wrong = (TRADITIONAL, SIMPLIFIED) if region else (SIMPLIFIED, TRADITIONAL)
            _convert(store, region, right=right, wrong=wrong)


def _convert(store: Store, region: str, *, right: tuple[str, ...], wrong: tuple[str, ...]) -> None:
    store.execute(TO_CONVERT, {"codes": [MIXED, *wrong], "right": list(right)})
    count = store.value("SELECT count(*) FROM to_convert")
    for first in range(0, count, BATCH_LABELS):
        batch = store.rows(
            "SELECT value, code, text FROM to_convert WHERE number > ? AND number <= ? ORDER BY number",
            [first, first + BATCH_LABELS],
        )
        texts = [taiwanese(text) if region else simplified(text, code) for _, code, text in batch]
        sources = [code if text == old else SOURCE for text, (_, code, old) in zip(texts, batch, strict=True)]
        size = len(batch)
        columns = {
            "value": [row[0] for row in batch],
            "language": [MIXED] * size,
            "region": [region] * size,
            "text": texts,
        }
        store.append("converted_label", pa.table(columns | {"source": sources}))
    store.execute("DROP TABLE to_convert")


def simplified(text: str, code: str = MIXED) -> str:
    """Return a text in Simplified characters, with the words of mainland China for a label of Taiwan."""
    return _converter(CONVERSIONS.get(code, "t2s")).convert(text)


def taiwanese(text: str) -> str:
    """Return a text in Traditional characters with the words of Taiwan. A Traditional text stays as it is."""
    return text if _converter("t2s").convert(text) != text else _converter("s2twp").convert(text)


@functools.cache
def _converter(name: str) -> "OpenCC":
    # Most recipes need no conversion.
    from opencc import OpenCC

    return OpenCC(name)
