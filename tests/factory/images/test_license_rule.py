"""The license rule, which holds for every source."""

import pytest

from factory.images.base import Attribution, ImageInfo
from factory.images.license_rule import judged
from pangea_cultural.errors import ImageError


def info(license, author="A", *, code="", requested="", refused=None):
    attribution = Attribution(
        author=author, requested=requested, license=license, license_code=code, license_url="", source=""
    )
    return ImageInfo(title="A.jpg", attribution=attribution, categories=(), refused=refused)


@pytest.mark.parametrize(
    ("license", "author", "reason", "any_license_reason"),
    [
        ("CC BY-SA 4.0", "A", None, None),
        ("All rights reserved", "A", "non-free license", None),
        ("unknown", "A", "unknown license", None),
        ("false", "A", "unknown license", None),
        ("", "A", "no license", "no license"),
        ("CC BY-SA 4.0", "", *["no author, but the license asks to name one"] * 2),
        ("CC0", "", None, None),
    ],
)
def test_judged_refuses_what_the_recipe_does_not_accept(license, author, reason, any_license_reason):
    for any_license, expected in ((False, reason), (True, any_license_reason)):
        refused = judged(info(license, author), any_license=any_license).refused
        assert (refused and refused.reason) == expected


def test_code_is_from_the_table_or_empty():
    assert judged(info("CC BY 4.0", code="cc-by-4.0")).attribution.license_code == "cc-by-4.0"
    assert judged(info("CC BY 4.0")).attribution.license_code == "cc-by-4.0"
    assert judged(info("mine", code="mine"), any_license=True).attribution.license_code == ""


def test_requested_attribution_replaces_the_author():
    assert judged(info("CC BY 4.0", "", requested="City of Bonn")).refused is None


def test_earlier_reason_stays():
    problem = ImageError("no photo: video")
    assert judged(info("All rights reserved", refused=problem)).refused is problem
