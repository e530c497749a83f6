"""Drawings of the 42 regions' flags in flags/, as SVG: true proportions, colors and layout, simplified emblems."""

from pathlib import Path

from factory.sample.builder import emblems
from factory.sample.builder.svg import (
    columns,
    crescent,
    disc,
    document,
    line,
    on_circle,
    path,
    place,
    polygon,
    rect,
    rows,
    star,
)

WHITE, BLACK = "#fff", "#000"


def norway() -> str:
    """A white cross with a blue one in it, on red."""
    white, blue = rect(6, 0, 4, 16, WHITE) + rect(0, 6, 22, 4, WHITE), "#00205b"
    return document(22, 16, rect(0, 0, 22, 16, "#ba0c2f"), white, rect(7, 0, 2, 16, blue) + rect(0, 7, 22, 2, blue))


def ethiopia() -> str:
    """Green, yellow and red, a star of lines on a blue disc."""
    bands = rows(60, 30, ["#078930", "#fcdd09", "#da121a"])
    return document(60, 30, bands, disc(30, 15, 7.6, "#0f47af"), emblems.pentagram(30, 15, 6.4, "#fcdd09"))


def mongolia() -> str:
    """Red, blue and red, the Soyombo at the hoist."""
    red = "#da2032"
    bands = columns(60, 30, [red, "#0066b3", red])
    return document(60, 30, bands, emblems.soyombo(10, 15, 22, "#ffd900", red))


def brazil() -> str:
    """Green, a yellow rhombus, a starry blue globe with a white band."""
    stars = (
        (8.4, 8.2),
        (9.4, 9.6),
        (7.4, 8),
        (10.6, 8.6),
        (12, 8.2),
        (11.2, 10.2),
        (10, 11.6),
        (8.4, 10.8),
        (10.4, 5.2),
    )
    return document(
        20,
        14,
        rect(0, 0, 20, 14, "#009739"),
        polygon([(1.7, 7), (10, 1.7), (18.3, 7), (10, 12.3)], "#fedd00"),
        disc(10, 7, 3.5, "#012169"),
        path("M6.55 6.7 C8.6 5.9 11.6 6.6 13.3 8.3", stroke=WHITE, width=0.55),
        *(star(x, y, 0.22, WHITE) for x, y in stars),
    )


def china() -> str:
    """Red with one large star and four small ones that point to it."""
    small = ((10, 2, -121), (12, 4, -98), (12, 7, -74), (10, 9, -51))
    return document(
        30,
        20,
        rect(0, 0, 30, 20, "#ee1c25"),
        star(5, 5, 3, "#ffde00"),
        *(star(x, y, 1, "#ffde00", turn=turn) for x, y, turn in small),
    )


def greece() -> str:
    """Nine stripes, a white cross on blue in the canton."""
    blue = "#0d5eaf"
    canton = rect(0, 0, 10, 10, blue) + rect(4, 0, 2, 10, WHITE) + rect(0, 4, 10, 2, WHITE)
    return document(27, 18, rows(27, 18, [blue, WHITE] * 4 + [blue]), canton)


def iran() -> str:
    """Green, white and red, writing along the inner edges, a red emblem."""
    bands = rows(42, 24, ["#239f40", WHITE, "#da0000"])
    writing = emblems.kufic_border(42, 6.9, 1.2, 22, WHITE) + emblems.kufic_border(42, 15.9, 1.2, 22, WHITE)
    return document(42, 24, bands, writing, emblems.tulip(21, 12, 6.6, "#da0000"))


def israel() -> str:
    """Two blue stripes and a blue hexagram on white."""
    blue = "#0038b8"
    stripes = rect(0, 15, 220, 25, blue) + rect(0, 120, 220, 25, blue)
    return document(220, 160, rect(0, 0, 220, 160, WHITE), stripes, emblems.hexagram(110, 80, 30, blue, 5.5))


def kenya() -> str:
    """Black, red and green with white edges; shield and spears."""
    bands = rows(300, 200, [BLACK, WHITE, "#bb0000", WHITE, "#006600"], [6, 1, 6, 1, 6])
    return document(300, 200, bands, emblems.shield_and_spears(150, 100, 130))


def malaysia() -> str:
    """Fourteen stripes; crescent and 14-pointed star on a blue canton."""
    red, blue, gold = "#cc0001", "#010066", "#ffcc00"
    moon = crescent(6, 4, 2.6, gold, cut=2.3, shift=(0.9, 0), ground=blue)
    sun = star(8.4, 4, 2.2, gold, tips=14, inner=0.5)
    return document(28, 14, rows(28, 14, [red, WHITE] * 7), rect(0, 0, 14, 8, blue), moon, sun)


def portugal() -> str:
    """Green and red, the arms on the border between them."""
    return document(30, 20, columns(30, 20, ["#006600", "#e00000"], [2, 3]), emblems.armillary_shield(12, 10, 10.5))


def rwanda() -> str:
    """Blue, yellow and green, a sun at the upper fly."""
    gold = "#e5be01"
    sun = emblems.rays(36, 8, 3.6, 6.4, 24, gold, spread=0.8) + disc(36, 8, 3, gold)
    return document(45, 30, rows(45, 30, ["#00a1de", "#fad201", "#20603d"], [2, 1, 1]), sun)


def singapore() -> str:
    """Red over white; a crescent and a ring of five stars."""
    red = "#ef3340"
    stars = (star(*on_circle(11.5, 5.5, 2.2, 72 * n), 0.85, WHITE) for n in range(5))
    moon = crescent(7, 5.5, 3.8, WHITE, cut=3.6, shift=(1.6, 0), ground=red)
    return document(33, 22, rows(33, 22, [red, WHITE]), moon, *stars)


def south_korea() -> str:
    """The taegeuk and four trigrams on white."""
    halves = disc(0, 0, 12, "#0047a0") + path(
        "M-12 0 A12 12 0 0 1 12 0 A6 6 0 0 0 0 0 A6 6 0 0 1 -12 0 Z", fill="#cd2e3a"
    )
    # The disc's line runs along the flag's diagonal, from the upper hoist to the lower fly.
    signs = (
        (-20.5, -13.7, "111", -56.3),
        (20.5, -13.7, "010", 56.3),
        (-20.5, 13.7, "101", 236.3),
        (20.5, 13.7, "000", 123.7),
    )
    trigrams = (emblems.trigram(36 + x, 24 + y, 12, bars, turn) for x, y, bars, turn in signs)
    return document(72, 48, rect(0, 0, 72, 48, WHITE), place(halves, 36, 24, turn=33.7), *trigrams)


def spain() -> str:
    """Red, a double yellow stripe with the arms, red."""
    bands = rows(30, 20, ["#aa151b", "#f1bf00", "#aa151b"], [1, 2, 1])
    return document(30, 20, bands, emblems.spanish_arms(10, 10, 7.6))


def sri_lanka() -> str:
    """A yellow frame around a green and an orange stripe and a maroon panel with a lion and four leaves."""
    gold, maroon = "#ffb700", "#8d153a"
    corners = ((26, 11, 135), (53, 11, -135), (26, 39, 45), (53, 39, -45))
    return document(
        56 + 4,
        30,
        rect(0, 0, 60, 30, gold),
        rect(2.2, 2.2, 6.6, 25.6, "#00534e"),
        rect(8.8, 2.2, 6.6, 25.6, "#eb7400"),
        rect(17.6, 2.2, 40.2, 25.6, maroon),
        emblems.lion(37.7, 15, 19.5, gold, maroon),
        *(emblems.bo_leaf(x * 0.955 - 4.2, y * 0.78 - 4.5, 4, gold, turn) for x, y, turn in corners),
    )


def taiwan() -> str:
    """Red with a blue canton and a white sun of twelve rays."""
    blue = "#000095"
    sun = emblems.rays(7.5, 5, 1.9, 3.75, 12, WHITE, spread=0.95) + disc(7.5, 5, 2.15, blue) + disc(7.5, 5, 1.85, WHITE)
    return document(30, 20, rect(0, 0, 30, 20, "#fe0000"), rect(0, 0, 15, 10, blue), sun)


def tanzania() -> str:
    """Green and blue, parted by a yellow-edged black diagonal."""
    diagonal = [(-6, 52), (78, -4)]
    return document(
        72,
        48,
        rect(0, 0, 72, 48, "#00a3dd"),
        polygon([(0, 0), (72, 0), (0, 48)], "#1eb53a"),
        line(diagonal, "#fcd116", 19),
        line(diagonal, BLACK, 13),
    )


def turkey() -> str:
    """A white crescent and star on red."""
    red = "#e30a17"
    moon = crescent(30, 36, 15, WHITE, cut=12, shift=(3.75, 0), ground=red)
    return document(108, 72, rect(0, 0, 108, 72, red), moon, star(52, 36, 7.5, WHITE, turn=-90))


def pakistan() -> str:
    """A white bar at the hoist; crescent and star, tilted, on dark green."""
    green = "#01411c"
    moon = crescent(56, 30.5, 15, WHITE, cut=13.75, shift=(4, -4), ground=green)
    return document(90, 60, columns(90, 60, [WHITE, green], [1, 3]), moon, star(63.5, 22, 5, WHITE, turn=48))


def united_kingdom() -> str:
    """The union of three crosses."""
    blue, red = "#012169", "#c8102e"
    white_saltire = line([(0, 0), (60, 30)], WHITE, 6) + line([(60, 0), (0, 30)], WHITE, 6)
    # Each red arm lies to one side of its white one: counter-changed, so that the flag has a right way up.
    arms = (
        [(0, 0), (30, 15), (26.7, 15), (0, 1.7)],
        [(60, 0), (30, 15), (26.7, 15), (56.6, 0)],
        [(60, 30), (30, 15), (33.3, 15), (60, 28.3)],
        [(0, 30), (30, 15), (33.3, 15), (3.4, 30)],
    )
    cross = rect(25, 0, 10, 30, WHITE) + rect(0, 10, 60, 10, WHITE) + rect(27, 0, 6, 30, red) + rect(0, 12, 60, 6, red)
    return document(60, 30, rect(0, 0, 60, 30, blue), white_saltire, *(polygon(arm, red) for arm in arms), cross)


UPRIGHT = {
    "fr": (30, 20, ["#0055a4", WHITE, "#ef4135"]),
    "ie": (60, 30, ["#169b62", WHITE, "#ff883e"]),
    "it": (30, 20, ["#008c45", "#f4f5f0", "#cd212a"]),
    "ng": (60, 30, ["#008751", WHITE, "#008751"]),
    "ro": (30, 20, ["#002b7f", "#fcd116", "#ce1126"]),
}
LEVEL = {
    "bg": (50, 30, [WHITE, "#00966e", "#d62612"]),
    "de": (50, 30, [BLACK, "#dd0000", "#ffce00"]),
    "id": (30, 20, ["#ff0000", WHITE]),
    "nl": (30, 20, ["#ae1c28", WHITE, "#21468b"]),
    "pl": (40, 25, [WHITE, "#dc143c"]),
    "ru": (30, 20, [WHITE, "#0039a6", "#d52b1e"]),
    "ua": (30, 20, ["#0057b7", "#ffd700"]),
}
"""Plain stripes: width, height and colors."""
DRAWN = {
    "br": brazil,
    "cn": china,
    "es": spain,
    "et": ethiopia,
    "gb": united_kingdom,
    "gr": greece,
    "il": israel,
    "ir": iran,
    "ke": kenya,
    "kr": south_korea,
    "lk": sri_lanka,
    "mn": mongolia,
    "my": malaysia,
    "no": norway,
    "pk": pakistan,
    "pt": portugal,
    "rw": rwanda,
    "sg": singapore,
    "tr": turkey,
    "tw": taiwan,
    "tz": tanzania,
}


def designs() -> dict[str, str]:
    """Return the SVG documents by lower-case ISO code."""
    green, egypt, india = "#006847", ["#ce1126", WHITE, BLACK], ["#ff671f", WHITE, "#046a38"]
    thailand = ["#ef3340", WHITE, "#00247d", WHITE, "#ef3340"]
    charged = {
        "bd": document(50, 30, rect(0, 0, 50, 30, "#006a4e"), disc(22.5, 15, 10, "#f42a41")),
        "cz": document(60, 40, rows(60, 40, [WHITE, "#d7141a"]), polygon([(0, 0), (30, 20), (0, 40)], "#11457e")),
        "eg": document(300, 200, rows(300, 200, egypt), emblems.saladin_eagle(150, 100, 60, "#c09300")),
        "in": document(45, 30, rows(45, 30, india), emblems.wheel(22.5, 15, 4.6, "#06038d", 24)),
        "jp": document(30, 20, rect(0, 0, 30, 20, WHITE), disc(15, 10, 6, "#bc002d")),
        "mx": document(70, 40, columns(70, 40, [green, WHITE, "#ce1126"]), emblems.cactus_eagle(35, 20, 20)),
        "sa": document(300, 200, rect(0, 0, 300, 200, "#006c35"), emblems.sword_and_script(150, 95, 190)),
        "th": document(45, 30, rows(45, 30, thailand, [1, 1, 2, 1, 1])),
        "vn": document(30, 20, rect(0, 0, 30, 20, "#da251d"), star(15, 10, 6, "#ffff00")),
    }
    upright = {iso: document(width, height, columns(width, height, c)) for iso, (width, height, c) in UPRIGHT.items()}
    level = {iso: document(width, height, rows(width, height, c)) for iso, (width, height, c) in LEVEL.items()}
    return charged | upright | level | {iso: draw() for iso, draw in DRAWN.items()}


def main() -> None:
    """Write flags/<iso>.svg."""
    folder = Path(__file__).parents[1] / "flags"
    folder.mkdir(exist_ok=True)
    for iso, content in designs().items():
        (folder / f"{iso}.svg").write_text(content, "utf-8")


if __name__ == "__main__":
    main()
