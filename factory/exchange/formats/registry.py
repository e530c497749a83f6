"""The formats by name."""

from factory.exchange.formats import culturalground, messages, native, parquet, webdataset
from factory.exchange.formats.base import Format

FORMATS: dict[str, Format] = {
    module.FORMAT.name: module.FORMAT for module in (native, culturalground, parquet, webdataset, messages)
}
