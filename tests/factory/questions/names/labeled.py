"""Names that the stage `questions` gives to values, from labels and claims written directly into a store."""

from factory.questions import value_names
from factory.scope import Scope
from factory.store.store import Store


class Labeled:
    """A store of items with labels, and the properties whose values they are."""

    def __init__(self, folder, languages, *, regions=("germany",)):
        self.store = Store.open(folder / "names.duckdb")
        self.languages, self.regions = tuple(languages), regions
        self.properties = set()
        self.store.execute("INSERT INTO entity VALUES ('Q1', true, 'any', 1, 'test', '')")

    def add(self, item, labels, *, property="P138", entity_type="any", is_read=True, within=()):
        """Add a value of a property with its labels by code, and the places that contain it."""
        self.properties.add(property)
        self._claim("Q1", property, item, "item")
        for place in within:
            self._claim(item, "P131", place, "item")
        if is_read:
            self.store.execute("INSERT INTO entity VALUES (?, false, ?, 1, 'test', '')", [item, entity_type])
        for code, text in labels.items():
            self.store.execute("INSERT INTO label VALUES (?, ?, ?, 'test')", [item, code.replace("_", "-"), text])
        return self

    def add_value(self, value, value_type, *, property):
        """Add a time or quantity."""
        self.properties.add(property)
        self._claim("Q1", property, value, value_type)
        return self

    def _claim(self, entity, property, value, value_type):
        self.store.execute(
            """INSERT INTO claim (entity, property, ordinal, best, rank, value, value_type)
               VALUES (?, ?, 0, true, 'normal', ?, ?)""",
            [entity, property, value, value_type],
        )

    def write(self):
        """Write the names, and return text and source by value, language and region."""
        scope = Scope(regions=self.regions, languages=self.languages, properties=tuple(sorted(self.properties)))
        value_names.write(self.store, scope)
        rows = self.store.rows("SELECT value, language, region, text, source FROM value_text WHERE value <> 'Q1'")
        return {(value, language, region): (text, source) for value, language, region, text, source in rows}

    def rejections(self):
        """Return detail and number by value and reason."""
        rows = self.store.rows("SELECT item, reason, detail, items FROM rejection WHERE item <> 'Q1'")
        return {(item, reason): (detail, items) for item, reason, detail, items in rows}
