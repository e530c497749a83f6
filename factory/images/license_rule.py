"""The license rule: every image, from any source, is judged by the license table."""

from dataclasses import replace

from factory.images.base import ImageInfo
from pangea_cultural.errors import ImageError
from pangea_cultural.reference import licenses

NO_AUTHOR = "no author, but the license asks to name one"


def judged(info: ImageInfo, *, any_license: bool = False) -> ImageInfo:
    """Return an image's metadata with the license's code from the table, or with the reason why it is refused.

    Args:
        info: metadata, whose license code is the source's own.
        any_license: accept licenses that are not free or not in the table. Their code is empty.
    """
    attribution = info.attribution
    try:
        license = licenses.find(attribution.license_code, attribution.license)
    except ImageError as error:
        refused = None if any_license and error.reason != licenses.NO_LICENSE else error
        return replace(info, attribution=replace(attribution, license_code=""), refused=info.refused or refused)
    refused = info.refused
    if license.attribution and not (attribution.requested or attribution.author):
        refused = refused or ImageError(NO_AUTHOR, license.code)
    return replace(info, attribution=replace(attribution, license_code=license.code), refused=refused)
