"""Sphinx extension: references that are generated from the code at each build, so that they cannot drift.

Before the build it writes Markdown files to `docs/_generated/`, which pages include: the keys of both recipes from the
pydantic models, and the columns of the question files.
"""

import ast
import types
import typing
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from factory.recipe import Recipe as FactoryRecipe
from pangea_cultural.dataset import question
from pangea_cultural.training.recipe import Recipe as TrainingRecipe

FOLDER = Path(__file__).parents[1] / "_generated"


def setup(app: Any) -> dict[str, Any]:
    """Register the extension."""
    app.connect("builder-inited", lambda _: write_all(FOLDER))
    return {"parallel_read_safe": True}


def write_all(folder: Path) -> None:
    """Write all generated pages into a folder."""
    folder.mkdir(exist_ok=True)
    pages = {
        "factory-recipe.md": recipe_page(FactoryRecipe),
        "training-recipe.md": recipe_page(TrainingRecipe),
        "question-columns.md": question_columns(),
    }
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8")


def recipe_page(recipe: type[BaseModel]) -> str:
    """Return a Markdown section per table of a recipe, with the keys, types, defaults and descriptions."""
    sections = []
    for table, model in tables(recipe):
        heading = f"### `{table}`" if table else "### Top-level keys"
        text = " ".join((model.__doc__ or "").split())
        sections += [heading, "", text, "", "| key | type | default | description |", "|---|---|---|---|"]
        for name, field in model.model_fields.items():
            cells = (f"`{name}`", type_text(field), default_text(field), field.description or "")
            sections.append("| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |")
        sections.append("")
    return "\n".join(sections)


def tables(recipe: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield all tables of a recipe as (TOML heading, model), depth first.

    The heading of the recipe itself is empty. Members of a union have their tag after the heading.
    """
    yield "", recipe
    yield from _nested_tables("", recipe)


def _nested_tables(path: str, model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in model.model_fields.items():
        inner = f"{path}.{name}" if path else name
        heading = f"[[{inner}]]" if _is_list(field.annotation) else f"[{inner}]"
        for member in models_in(field.annotation):
            tag = _tag(member)
            yield f'{heading} type = "{tag}"' if tag else heading, member
            yield from _nested_tables(inner, member)


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) in (list, tuple)


def _tag(model: type[BaseModel]) -> str:
    field = model.model_fields.get("type")
    return get_args(field.annotation)[0] if field and get_origin(field.annotation) is Literal else ""


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the pydantic models inside an annotation such as `tuple[Stage, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in models_in(argument)]


def type_text(field: FieldInfo) -> str:
    """Return the type of a key in words: `text`, `list of numbers`, or its allowed values."""
    return _type_text(field.annotation)


def _type_text(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is type(None):
        return "none"
    if origin is typing.Annotated:
        return _type_text(arguments[0])
    if origin is Literal:
        return ", ".join(f"`{value.value if isinstance(value, Enum) else value}`" for value in arguments)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(_type_text(part) for part in arguments if part is not type(None)))
    if origin in (list, tuple):
        if Ellipsis in arguments or origin is list:
            return f"list of {_type_text(arguments[0])}"
        return f"{len(arguments)} values: {_type_text(arguments[0])}"
    if origin is dict:
        return f"table of {_type_text(arguments[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "table"
    names = {str: "text", int: "integer", float: "number", bool: "true or false", Path: "path"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)))


def default_text(field: FieldInfo) -> str:
    """Return the default of a key as TOML, `required`, or a dash for an optional table or list."""
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    if default in (None, PydanticUndefined, (), {}, "") or isinstance(default, BaseModel):
        return "-"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, tuple | list):
        return "`[" + ", ".join(f'"{item}"' if isinstance(item, str) else str(item) for item in default) + "]`"
    return f"`{default}`"


def question_columns() -> str:
    """Return the table of the question files' columns, with the texts under the fields of `Question`."""
    tree = ast.parse(Path(str(question.__file__)).read_text(encoding="utf-8"))
    record = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Question")
    texts: dict[str, str] = {}
    for statement, following in zip(record.body, record.body[1:], strict=False):
        is_text = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            texts[statement.target.id] = " ".join(following.value.value.split()) if is_text else ""
    rows = [f"| `{field.name}` | {field.type} | {texts[field.name]} |" for field in question.QUESTION_SCHEMA]
    return "\n".join(["| column | type | description |", "|---|---|---|", *rows, ""])
