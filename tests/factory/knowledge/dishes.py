"""A researcher's folder: thirteen dishes with names, meals and photos, in CSV files, and a recipe."""

import csv
import random

from PIL import Image

COLUMNS = ("entity", "image", "type", "region", "relation", "value", "language", "author", "source", "license")
MEALS = (
    ("breakfast", "desayuno", "الفطور"),
    ("dinner", "cena", "العشاء"),
    ("a wedding", "una boda", "عرس"),
    ("the harvest", "la cosecha", "الحصاد"),
    ("market day", "el tianguis", "يوم السوق"),
)
LANGUAGES = ("en", "es", "ar")
RELATIONS = """
[eaten_at]
label = "eaten at"
value_type = "text"
asked_of = ["food"]
[main_part]
label = "main part"
value_type = "item"
asked_of = ["food"]
functional = true
[since]
label = "since"
value_type = "time"
asked_of = ["food"]
"""
TEMPLATES = {
    "en": ("Eaten at: {value}", "When do people eat this dish?", "What is this dish made of?", "Since when?"),
    "es": ("Se come en: {value}", "¿Cuándo se come este plato?", "¿De qué es este plato?", "¿Desde cuándo?"),
    "ar": ("يؤكل في: {value}", "متى يؤكل هذا الطبق؟", "مم يصنع هذا الطبق؟", "منذ متى؟"),
}
RECIPE = """
name = "dishes"
regions = ["mexico"]
languages = ["en", "es", "ar"]
properties = ["label", "eaten_at", "main_part", "since"]
[[sources]]
type = "knowledge"
path = "dishes.csv"
[tables]
properties = "relations.toml"
templates = "templates"
[split]
dev = 0.1
test = 0.3
"""


def rows(number=13):
    """Yield the rows of the dishes."""
    for n in range(number):
        key = f"dish_{n}"
        for i in range(3):
            terms = {"author": "A. Cook", "source": "own photo", "license": "CC BY 4.0"}
            yield {"entity": key, "image": f"photos/{key}_{i}.png", "type": "food", "region": "mexico", **terms}
        told = {"source": f"Interview {n % 4}", "license": "CC0-1.0"}
        for language, word in zip(LANGUAGES, ("Dish", "Plato", "طبق"), strict=True):
            yield {"entity": key, "relation": "name", "value": f"{word} {n}", "language": language, **told}
        for language, meal in zip(LANGUAGES, MEALS[n % 5], strict=True):
            yield {"entity": key, "relation": "eaten_at", "value": meal, "language": language, **told}


def write(folder, more=(), recipe=RECIPE, number=13):
    """Write the folder with further rows; return the recipe's path."""
    (folder / "photos").mkdir(parents=True)
    draws = random.Random(0)
    for n in range(number):
        for i in range(3):
            image = Image.frombytes("RGB", (12, 10), draws.randbytes(360)).resize((120, 100))
            image.save(folder / f"photos/dish_{n}_{i}.png")
    write_csv(folder / "dishes.csv", [*rows(number), *more])
    (folder / "relations.toml").write_text(RELATIONS)
    (folder / "templates").mkdir()
    for code, (say, meal, part, since) in TEMPLATES.items():
        text = (
            f'[eaten_at]\nsay = ["{say}"]\nfood.ask = ["{meal}"]\n[main_part]\nsay = ["{say}"]\nfood.ask = ["{part}"]\n'
        )
        (folder / f"templates/{code}.toml").write_text(f'{text}[since]\nsay = ["{say}"]\nfood.ask = ["{since}"]\n')
    (folder / "recipe.toml").write_text(recipe)
    return folder / "recipe.toml"


def write_csv(path, content):
    """Write rows as spreadsheets do: with BOM and the line ends of Windows."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(content)
