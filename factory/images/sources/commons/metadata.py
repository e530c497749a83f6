"""Conversion of a page of the API's answer to image metadata."""

from dataclasses import replace
from typing import Any

from yarl import URL

from factory.images.base import Attribution, ImageInfo, OriginalFile
from factory.images.sources.commons.html_text import plain, printable
from factory.images.sources.commons.photo_rules import PhotoRules
from pangea_cultural.dataset.titles import normalized
from pangea_cultural.errors import ImageError

MAX_NUMBER = 2**31 - 1
HIDDEN = "file hidden on Commons"


def read(page: dict[str, Any], rules: PhotoRules, *, in_category: bool = False) -> ImageInfo:
    """Return the metadata of a file, with the reason if the file is refused.

    Args:
        page: page with `title` and `imageinfo`.
        rules: rules for accepting files.
        in_category: the file was found in a category.
    """
    info = _read(page)
    try:
        if not info.original.url:
            raise ImageError(HIDDEN)
        rules.check(info, in_category=in_category)
    except ImageError as error:
        return replace(info, refused=error)
    return info


def _read(page: dict[str, Any]) -> ImageInfo:
    entry = page["imageinfo"][0]
    fields = entry.get("extmetadata")
    fields = fields if isinstance(fields, dict) else {}
    author, author_url = plain(_text(fields, "Artist"))
    code, name = _text(fields, "License"), plain(_text(fields, "LicenseShortName"))[0]
    return ImageInfo(
        title=normalized(page["title"]),
        attribution=Attribution(
            author=author,
            author_url=author_url,
            requested=plain(_text(fields, "Attribution"))[0],
            credit=plain(_text(fields, "Credit"))[0],
            license=name or code,
            license_code=code,
            license_url=_with_scheme(_text(fields, "LicenseUrl")),
            restrictions=_text(fields, "Restrictions"),
            source=_string(entry, "descriptionurl"),
            page=_string(entry, "descriptionurl"),
        ),
        original=OriginalFile(
            url=_without_tracking(_string(entry, "url")),
            thumbnail_url=_without_tracking(_string(entry, "thumburl")),
            width=_positive(entry.get("width")),
            height=_positive(entry.get("height")),
            size_bytes=_positive(entry.get("size")),
            sha1=_string(entry, "sha1"),
            mime=_string(entry, "mime"),
            mediatype=_string(entry, "mediatype"),
        ),
        categories=tuple(filter(None, _text(fields, "Categories").split("|"))),
        date=plain(_text(fields, "DateTimeOriginal"))[0],
    )


def _text(fields: dict[str, Any], name: str) -> str:
    """Return a field of `extmetadata` as text. Values are strings and sometimes numbers."""
    field = fields.get(name)
    value = field.get("value") if isinstance(field, dict) else None
    return "" if value is None or isinstance(value, dict | list) else printable(str(value)).strip()


def _with_scheme(url: str) -> str:
    return f"https:{url}" if url.startswith("//") else url


def _string(entry: dict[str, Any], name: str) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) else ""


def _positive(value: object) -> int | None:
    """Return a positive number that the store can hold."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MAX_NUMBER else None


def _without_tracking(url: str) -> str:
    """Remove the `utm_` parameters that the API adds, so that a file has one URL."""
    if "?" not in url:
        return url
    try:
        parsed = URL(url, encoded=True)
    except ValueError:
        return url  # Fetching it gives the reason.
    kept = [(key, value) for key, value in parsed.query.items() if not key.startswith("utm_")]
    return str(parsed.with_query(kept or None))
