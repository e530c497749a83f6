"""A page of the API's answer, read into what the factory knows of an image."""

from dataclasses import replace
from typing import Any

from yarl import URL

from factory.images import licenses
from factory.images.base import ImageInfo
from factory.images.sources.commons.html_text import plain
from factory.images.sources.commons.photo_rules import Rules
from factory.images.titles import normalized
from pangea_cultural.errors import ImageError


def read(page: dict[str, Any], rules: Rules, *, in_category: bool = False) -> ImageInfo:
    """What a page tells of a file, and whether it is refused.

    Args:
        page: with `title` and `imageinfo`.
        rules: which files are taken.
        in_category: the file was found in a category.
    """
    info = _read(page)
    try:
        if not info.url:
            raise ImageError("file hidden on Commons")
        rules.check(info, in_category=in_category)
        license = licenses.find(info.license_code, info.license)
        if license.attribution and not (info.attribution or info.author):
            raise ImageError("no author, but the license asks to name one", license.code)
    except ImageError as error:
        return replace(info, license_code=licenses.code_of(info.license_code or info.license), refused=error)
    return replace(info, license_code=license.code)


def _read(page: dict[str, Any]) -> ImageInfo:
    entry = page["imageinfo"][0]
    told = entry.get("extmetadata") or {}
    title = normalized(page["title"])
    author, author_url = plain(_text(told, "Artist"))
    credit, _ = plain(_text(told, "Credit"))
    code, name = _text(told, "License"), _text(told, "LicenseShortName")
    return ImageInfo(
        title=title,
        author=author,
        author_url=author_url,
        attribution=plain(_text(told, "Attribution"))[0],
        credit=credit,
        license=name or code,
        license_code=code,
        license_url=_absolute(_text(told, "LicenseUrl")),
        restrictions=_text(told, "Restrictions"),
        source=entry.get("descriptionurl", ""),
        page=entry.get("descriptionurl", ""),
        url=_without_tracking(entry.get("url", "")),
        thumbnail=_without_tracking(entry.get("thumburl", "")),
        categories=tuple(filter(None, _text(told, "Categories").split("|"))),
        width=_number(entry.get("width")),
        height=_number(entry.get("height")),
        size_bytes=_number(entry.get("size")),
        sha1=entry.get("sha1", ""),
        mime=entry.get("mime", ""),
        mediatype=entry.get("mediatype", ""),
        date=plain(_text(told, "DateTimeOriginal"))[0],
    )


def _text(told: dict[str, Any], name: str) -> str:
    """A field of `extmetadata`; values are strings, and now and then numbers."""
    field = told.get(name)
    value = field.get("value") if isinstance(field, dict) else None
    return "" if value is None or isinstance(value, dict | list) else str(value).strip()


def _absolute(url: str) -> str:
    return f"https:{url}" if url.startswith("//") else url


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None


def _without_tracking(url: str) -> str:
    """A URL without the `utm_` parameters that the API adds: they would make two addresses of one file."""
    if "?" not in url:
        return url
    parsed = URL(url, encoded=True)
    kept = [(key, value) for key, value in parsed.query.items() if not key.startswith("utm_")]
    return str(parsed.with_query(kept or None))
