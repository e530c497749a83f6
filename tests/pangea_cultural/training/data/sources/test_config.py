"""Tables of training sources."""

import pytest

from pangea_cultural import config
from pangea_cultural.errors import UserError
from pangea_cultural.training.data.sources import config as sources_config
from pangea_cultural.training.data.sources.config import Source
from tests.helpers.source_rows import parse_source

CONFIGS = [cls for cls in vars(sources_config).values() if isinstance(cls, type) and issubclass(cls, config.Config)]


@pytest.mark.parametrize("cls", CONFIGS, ids=lambda cls: cls.__name__)
def test_every_key_has_a_description(cls):
    assert [name for name, field in cls.model_fields.items() if not field.description] == []


class Recipe(config.Config):
    sources: tuple[Source, ...]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"type": "export", "path": "e", "weight": 2, "count": 3}, "Both weight and count are set"),
        ({"type": "export", "path": "e", "regions": ["japn"]}, "Unknown region 'japn'. Did you mean japan"),
        ({"type": "chat", "path": "e", "languages": ["xx"]}, "Unknown language 'xx'"),
        ({"type": "chat", "path": "e", "default_language": "xx"}, "Unknown language 'xx'"),
        (
            {"type": "chat", "path": "e", "split": "dev"},
            "Unknown key 'split'. Known: count, default_language, estimate",
        ),
        (
            {"type": "m3ls", "path": "e", "columns": {"text": "t", "summary": "s"}},
            "Rows with columns have no instruction",
        ),
        ({"type": "export", "path": "e", "split": "all"}, "'train', 'dev', 'test' or 'unseen'"),
    ],
)
def test_invalid_source_is_an_error_in_one_line(fields, message):
    with pytest.raises(UserError, match=message):
        config.parse(Recipe, {"sources": [fields]}, where="r.toml")


def test_share_is_one_by_default():
    assert parse_source(type="chat", path="a").share == 1
    assert parse_source(type="chat", path="a", weight=2).share == 2
    counted = parse_source(type="chat", path="a", count=5)
    assert (counted.weight, counted.share) == (None, 5)
    assert parse_source(**counted.model_dump()) == counted
