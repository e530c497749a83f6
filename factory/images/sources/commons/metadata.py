"""Conversion of a page of the API's answer to image metadata."""

from dataclasses import replace
from typing import Any

from yarl import URL

from factory.images import licenses
from factory.images.base import Attribution, ImageInfo, OriginalFile
from factory.images.sources.commons.html_text import plain
from factory.images.sources.commons.photo_rules import PhotoRules
from factory.images.titles import normalized
from pangea_cultural.errors import ImageError

HIDDEN = "file hidden on Commons"
NO_AUTHOR = "no author, but the license asks to name one"


def read(page: dict[str, Any], rules: PhotoRules, *, in_category: bool = False) -> ImageInfo:
    """Return the metadata of a file, with the reason if the file is refused.

    Args:
        page: page with `title` and `imageinfo`.
        rules: rules for accepting files.
        in_category: the file was found in a category.
    """
    info = _read(page)
    attribution = info.attribution
    try:
        if not info.original.url:
            raise ImageError(HIDDEN)
        rules.check(info, in_category=in_category)
        license = licenses.find(attribution.license_code, attribution.license)
        if license.attribution and not (attribution.requested or attribution.author):
            raise ImageError(NO_AUTHOR, license.code)
    except ImageError as error:
        code = licenses.code_of(attribution.license_code or attribution.license)
        return replace(info, attribution=replace(attribution, license_code=code), refused=error)
    return replace(info, attribution=replace(attribution, license_code=license.code))


def _read(page: dict[str, Any]) -> ImageInfo:
    entry = page["imageinfo"][0]
    fields = entry.get("extmetadata") or {}
    author, author_url = plain(_text(fields, "Artist"))
    code, name = _text(fields, "License"), _text(fields, "LicenseShortName")
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
            source=entry.get("descriptionurl", ""),
            page=entry.get("descriptionurl", ""),
        ),
        original=OriginalFile(
            url=_without_tracking(entry.get("url", "")),
            thumbnail_url=_without_tracking(entry.get("thumburl", "")),
            width=_positive(entry.get("width")),
            height=_positive(entry.get("height")),
            size_bytes=_positive(entry.get("size")),
            sha1=entry.get("sha1", ""),
            mime=entry.get("mime", ""),
            mediatype=entry.get("mediatype", ""),
        ),
        categories=tuple(filter(None, _text(fields, "Categories").split("|"))),
        date=plain(_text(fields, "DateTimeOriginal"))[0],
    )


def _text(fields: dict[str, Any], name: str) -> str:
    """Return a field of `extmetadata` as text. Values are strings and sometimes numbers."""
    field = fields.get(name)
    value = field.get("value") if isinstance(field, dict) else None
    return "" if value is None or isinstance(value, dict | list) else str(value).strip()


def _with_scheme(url: str) -> str:
    return f"https:{url}" if url.startswith("//") else url


def _positive(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None


def _without_tracking(url: str) -> str:
    """Remove the `utm_` parameters that the API adds, so that a file has one URL."""
    if "?" not in url:
        return url
    parsed = URL(url, encoded=True)
    kept = [(key, value) for key, value in parsed.query.items() if not key.startswith("utm_")]
    return str(parsed.with_query(kept or None))
