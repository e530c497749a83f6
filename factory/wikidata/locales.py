"""CLDR's locales by language code, for the texts of times and quantities."""

import functools
import re
from typing import Any

from babel import Locale, UnknownLocaleError, localedata

LANGUAGE_MISSING = "CLDR lacks the language"
"""Reason to reject a value."""
_OTHER_CODES = {"no": "nb"}
_BLANKS = re.compile("[\u00a0\u202f]")


class CannotRenderError(ValueError):
    """A value without text in a language. The message is the rejection's reason."""


@functools.cache
def locale_of(language: str) -> Locale:
    """Return CLDR's locale of a language code.

    Raises:
        CannotRenderError: CLDR lacks the language.
    """
    try:
        locale = Locale.parse(_OTHER_CODES.get(language, language), sep="-")
    except (UnknownLocaleError, ValueError) as error:
        raise CannotRenderError(LANGUAGE_MISSING) from error
    vars(locale)["_Locale__data"] = _own_data(str(locale))
    return locale


def nearest_locale(language: str) -> Locale:
    """Return CLDR's locale of a language. For one that it lacks, return the locale that all others inherit from."""
    try:
        return locale_of(language)
    except CannotRenderError:
        return locale_of("root")


def _own_data(name: str) -> localedata.LocaleDataDict:
    """Return the data of a locale that shares no object with another locale.

    Babel writes what it looks up for one locale into data that all inherit: after a look at Chinese months, Thai ones
    were Chinese.
    """
    with localedata._cache_lock:
        others = dict(localedata._cache)
        localedata._cache.clear()
        try:
            data: Any = localedata.load(name)
            return localedata.LocaleDataDict(data)
        finally:
            localedata._cache.clear()
            localedata._cache.update(others)


def plain_blanks(text: str) -> str:
    """Return a text with plain blanks in place of non-breaking ones, as people type."""
    return _BLANKS.sub(" ", text)
