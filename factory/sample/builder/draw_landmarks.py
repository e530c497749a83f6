"""Drawings of landmarks in landmarks/, as SVG: their characteristic outlines and colors."""

from pathlib import Path

from factory.sample.builder.svg import disc, document, ellipse, line, path, polygon, rect, ring

SIDE = 100.0
SAND, DARK_SAND, MARBLE, SHADE, STONE = "#d9b36b", "#b48a45", "#f2eee4", "#cfc8b8", "#8f8a83"
GRASS, ENTRANCE, GOLD, SNOW = "#6fae4e", "#4a3b32", "#e8b923", "#ffffff"


def _spire(x: float, top: float, bottom: float, width: float, fill: str) -> str:
    """A slender cone."""
    return polygon([(x, top), (x + width / 2, bottom), (x - width / 2, bottom)], fill)


def _onion(x: float, y: float, radius: float, fill: str) -> str:
    """An onion dome standing on (x, y), with a gold tip."""
    r = radius
    shape = (
        f"M{x - 0.7 * r} {y} C{x - 1.5 * r} {y - 0.9 * r} {x - 0.5 * r} {y - 1.4 * r} {x} {y - 2.2 * r} "
        f"C{x + 0.5 * r} {y - 1.4 * r} {x + 1.5 * r} {y - 0.9 * r} {x + 0.7 * r} {y} Z"
    )
    return path(shape, fill=fill) + _spire(x, y - 2.9 * r, y - 2 * r, 0.5 * r, GOLD)


def _dome(x: float, y: float, radius: float, fill: str) -> str:
    """Half a disc standing on (x, y)."""
    return path(f"M{x - radius} {y} A{radius} {radius} 0 0 1 {x + radius} {y} Z", fill=fill)


def _arch(x: float, y: float, width: float, height: float, fill: str) -> str:
    """An opening with a round top; (x, y) is the middle of its sill."""
    r = width / 2
    return path(f"M{x - r} {y} V{y - height + r} A{r} {r} 0 0 1 {x + r} {y - height + r} V{y} Z", fill=fill)


def _trapezium(x: float, top: float, bottom: float, above: float, below: float, fill: str) -> str:
    """A symmetric trapezium about x, `above` wide at the top and `below` at the bottom."""
    corners = [(x - above / 2, top), (x + above / 2, top), (x + below / 2, bottom), (x - below / 2, bottom)]
    return polygon(corners, fill)


def _columns(left: float, right: float, top: float, bottom: float, number: int, width: float, fill: str) -> str:
    """Equal columns from the left edge to the right one."""
    step = (right - left - width) / (number - 1)
    return "".join(rect(left + n * step, top, width, bottom - top, fill) for n in range(number))


def eiffel_tower() -> list[str]:
    """Brown iron: four feet with an arch, two platforms, a needle."""
    iron = "#7a5a3c"
    legs = path("M34 96 C42 74 46 50 48 6 H52 C54 50 58 74 66 96 H58 C56 82 44 82 42 96 Z", fill=iron)
    return [legs, rect(40, 66, 20, 4, iron), rect(44, 42, 12, 3, iron), line([(50, 0), (50, 10)], iron, 2)]


def taj_mahal() -> list[str]:
    """White marble: a great onion dome over an arch, between four minarets, on a plinth."""
    minarets = [
        rect(x, 34, 4, 52, SHADE) + _dome(x + 2, 34, 4, MARBLE) + rect(x - 1, 56, 6, 2, STONE) for x in (4, 18, 78, 92)
    ]
    hall = rect(27, 54, 46, 32, MARBLE) + "".join(_arch(x, 84, 8, 16, SHADE) for x in (33, 67))
    domes = _onion(50, 54, 15, MARBLE) + _dome(33, 54, 5, SHADE) + _dome(67, 54, 5, SHADE)
    return [*minarets, hall, domes, _arch(50, 86, 16, 28, "#a9a294"), rect(0, 86, 100, 8, SHADE)]


def brandenburg_gate() -> list[str]:
    """Sandstone: six columns, a flat attic, a green quadriga on top."""
    columns = _columns(10, 90, 44, 90, 6, 7, SAND)
    quadriga = "".join(disc(x, 18, 3, "#4f8f7b") + rect(x - 1, 18, 2, 8, "#4f8f7b") for x in (41, 46, 51, 56))
    statue = rect(61, 8, 3, 18, "#4f8f7b") + disc(62.5, 7, 3, "#4f8f7b")
    return [
        columns,
        rect(6, 36, 88, 8, DARK_SAND),
        rect(14, 26, 72, 10, SAND),
        quadriga,
        statue,
        rect(4, 90, 92, 5, STONE),
    ]


def neuschwanstein() -> list[str]:
    """White walls and blue pointed roofs on a wooded hill."""
    roof = "#3d5a80"
    towers = "".join(
        rect(x - w / 2, top, w, 74 - top, MARBLE) + _spire(x, top - 16, top, w + 4, roof)
        for x, top, w in ((24, 46, 9), (40, 26, 10), (74, 36, 8))
    )
    hall = rect(38, 46, 34, 28, MARBLE) + polygon([(36, 46), (44, 36), (68, 36), (74, 46)], roof)
    windows = "".join(rect(x, y, 3, 5, ENTRANCE) for x in (46, 54, 62) for y in (51, 61))
    return [path("M0 100 C10 70 30 68 50 72 C72 66 90 76 100 100 Z", fill="#3f7d3a"), towers, hall, windows]


def big_ben() -> list[str]:
    """A tall stone tower, a white clock under a green-black pyramid roof."""
    shaft = rect(36, 24, 28, 74, "#c2a467") + _columns(38, 62, 50, 96, 5, 1.6, "#96793f")
    clock = rect(33, 24, 34, 24, "#a3854b") + disc(50, 36, 10, SNOW) + ring(50, 36, 10, "#1f2b46", 1.6)
    hands = line([(50, 29), (50, 36), (55, 39)], "#1f2b46", 1.8)
    return [shaft, clock, hands, _trapezium(50, 12, 24, 14, 34, "#3b4a44"), _spire(50, 0, 12, 12, "#3b4a44")]


def stonehenge() -> list[str]:
    """Grey uprights with lintels across, on grass."""
    uprights = "".join(rect(x, 46, 9, 38, STONE) for x in (6, 24, 45, 63, 84))
    lintels = "".join(rect(x, 36, w, 10, "#a5a099") for x, w in ((4, 31), (43, 31)))
    return [rect(0, 80, 100, 14, GRASS), uprights, lintels, rect(80, 74, 18, 10, "#7c7770")]


def great_pyramid() -> list[str]:
    """A sand-colored pyramid, one face in the light and one in the shade."""
    light = polygon([(44, 14), (0, 88), (58, 88)], "#e3bf78")
    shade = polygon([(44, 14), (58, 88), (100, 88)], DARK_SAND)
    courses = "".join(
        line([(44 - t * 44, 14 + t * 74), (44 + t * 14, 14 + t * 74)], "#c9a35c", 1) for t in (0.4, 0.6, 0.8)
    )
    return [rect(0, 86, 100, 10, "#ead7a6"), light, shade, courses]


def colosseum() -> list[str]:
    """A round ruin with three stories of arches, higher on the left."""
    wall = path("M4 90 V26 C22 14 46 14 54 22 V44 C70 44 88 48 96 54 V90 Z", fill="#cfa77a")
    stories = ((84, 10), (62, 10), (40, 5))
    openings = "".join(_arch(10 + 9 * n, y, 6, 14, "#6b4a33") for y, number in stories for n in range(number))
    return [wall, openings, rect(0, 90, 100, 5, STONE)]


def leaning_tower() -> list[str]:
    """A white round tower of eight stories that leans to the right."""
    stories = []
    for n in range(8):
        y, x, width = 92 - 11 * n, 36 + 2.6 * n, 24 if n < 7 else 18
        stories.append(polygon([(x, y), (x + width, y), (x + width + 2, y - 10), (x + 2, y - 10)], MARBLE))
        stories += [_arch(x + 5 + 5 * i, y - 1, 3, 7, STONE) for i in range(4 if n < 7 else 3)]
        stories.append(line([(x, y), (x + width, y)], STONE, 1.2))
    return [rect(8, 92, 84, 6, GRASS), *stories]


def saint_basils() -> list[str]:
    """Red brick towers with onion domes, each in other colors."""
    brick = "#b5402f"
    domes = ((14, 66, 8, "#3f8f4f"), (32, 52, 9, "#2e62a8"), (68, 52, 9, "#e2a829"), (86, 66, 8, "#7a3f98"))
    towers = "".join(rect(x - 6, y, 12, 92 - y, brick) + _onion(x, y, r, fill) for x, y, r, fill in domes)
    middle = _trapezium(50, 26, 60, 8, 24, "#3f7d6a") + rect(38, 60, 24, 32, brick) + _onion(50, 28, 6, GOLD)
    return [towers, middle, "".join(_arch(x, 92, 8, 14, MARBLE) for x in (14, 32, 50, 68, 86))]


def sagrada_familia() -> list[str]:
    """Slender brown spires of a church, with colored tips, over a portal."""
    towers = "".join(
        path(f"M{x - 6} 78 C{x - 6} 50 {x - 3} 24 {x} {top} C{x + 3} 24 {x + 6} 50 {x + 6} 78 Z", fill="#a5835b")
        + disc(x, top, 3, tip)
        + line([(x, top + 18), (x, 72)], "#6e5436", 1.6)
        for x, top, tip in ((22, 20, "#d64545"), (40, 8, GOLD), (60, 8, "#4a9d5b"), (78, 20, "#3a7ca5"))
    )
    return [
        towers,
        polygon([(12, 94), (12, 74), (50, 52), (88, 74), (88, 94)], "#c19a6b"),
        _arch(50, 94, 20, 26, ENTRANCE),
    ]


def great_wall() -> list[str]:
    """A grey crenellated wall that winds over green hills, with a watchtower."""
    hills = path("M0 100 V66 C20 42 34 74 52 56 C70 38 84 58 100 40 V100 Z", fill="#5c8f45")
    way = path("M2 84 C22 60 36 88 54 70 C70 54 84 72 98 54", stroke="#b9ae9a", width=10)
    teeth = path("M2 78 C22 54 36 82 54 64 C70 48 84 66 98 48", stroke="#8d8371", width=3)
    dashes = teeth.replace("/>", ' stroke-dasharray="4 3"/>').replace('stroke-linecap="round" ', "")
    tower = rect(46, 42, 18, 26, "#a89c86") + _arch(55, 66, 6, 10, ENTRANCE) + _columns(44, 66, 36, 43, 4, 4, "#a89c86")
    return [hills, way, dashes, tower]


def christ_the_redeemer() -> list[str]:
    """A pale statue with its arms held out, on a green peak."""
    robe = _trapezium(50, 30, 78, 12, 18, "#dcdad2")
    return [
        path("M8 100 C28 92 38 80 42 76 H58 C62 80 72 92 92 100 Z", fill="#3f7d3a"),
        robe,
        polygon([(4, 32), (50, 28), (96, 32), (96, 37), (56, 42), (44, 42), (4, 37)], "#e8e6df"),
        disc(50, 22, 6, "#dcdad2"),
        line([(50, 44), (50, 76)], "#b5b2a8", 2),
    ]


def parthenon() -> list[str]:
    """A ruined temple: eight columns, an entablature, a broken pediment, on a rock."""
    pediment = polygon([(8, 40), (50, 22), (66, 29), (66, 34), (92, 40)], "#e2d3b0")
    return [
        polygon([(0, 98), (6, 84), (94, 84), (100, 98)], "#9c9484"),
        _columns(8, 92, 48, 84, 8, 6, "#efe3c6"),
        rect(6, 40, 88, 8, "#d6c596"),
        pediment,
        rect(4, 82, 92, 4, "#d6c596"),
    ]


def kilimanjaro() -> list[str]:
    """A broad volcano with a flat white cap over yellow savanna and an acacia."""
    mountain = polygon([(0, 82), (34, 34), (66, 34), (100, 82)], "#5b6f8f")
    cap = polygon([(26, 46), (34, 34), (66, 34), (74, 46), (64, 42), (54, 50), (44, 42), (36, 50)], SNOW)
    tree = rect(18, 72, 3, 18, ENTRANCE) + ellipse(19.5, 70, 14, 4, "#4b7a2e")
    return [mountain, cap, rect(0, 80, 100, 18, "#d8b44a"), tree]


def borobudur() -> list[str]:
    """Dark stone terraces with bell-shaped stupas and a great one on top."""
    terraces = "".join(rect(4 + 8 * n, 86 - 10 * n, 92 - 16 * n, 10, ("#6f6a60", "#857f73")[n % 2]) for n in range(5))

    def bell(x: float, y: float, r: float) -> str:
        return _dome(x, y, r, "#4d4942") + _spire(x, y - 2 * r, y - r + 1, r / 2, "#4d4942")

    bells = [bell(12 + 8 * n, 76 - 10 * n, 4) + bell(88 - 8 * n, 76 - 10 * n, 4) for n in range(4)]
    return [terraces, *bells, bell(50, 46, 12)]


def petronas_towers() -> list[str]:
    """Twin silver towers with a bridge between them."""

    def tower(x: float) -> str:
        body = (
            rect(x - 11, 44, 22, 52, "#9fb4c3")
            + rect(x - 8, 26, 16, 18, "#b7c9d5")
            + rect(x - 5, 14, 10, 12, "#cfdde6")
        )
        floors = "".join(line([(x - 11, y), (x + 11, y)], "#6b8496", 1.2) for y in range(50, 96, 7))
        return body + floors + _spire(x, 0, 14, 5, "#7f98a8")

    return [tower(26), tower(74), rect(37, 56, 26, 5, "#6b8496")]


def hagia_sophia() -> list[str]:
    """A reddish church with a low grey dome and half domes, between four minarets."""
    minarets = "".join(rect(x, 26, 4, 64, SHADE) + _spire(x + 2, 10, 26, 5, "#5f6b73") for x in (4, 18, 78, 92))
    walls = rect(24, 58, 52, 32, "#c98a6b") + "".join(_arch(x, 90, 6, 14, ENTRANCE) for x in (32, 44, 56, 68))
    domes = _dome(30, 60, 9, "#7d8b93") + _dome(70, 60, 9, "#7d8b93") + _dome(50, 58, 20, "#93a1a9")
    return [minarets, domes, walls, line([(50, 28), (50, 40)], GOLD, 2)]


def taipei_101() -> list[str]:
    """A green tower of eight segments, each wider at its top, with a needle."""
    segments = "".join(_trapezium(50, 22 + 7 * n, 29 + 7 * n, 26, 20, "#4f9d8b") for n in range(8))
    edges = "".join(line([(37, 22 + 7 * n), (63, 22 + 7 * n)], "#2f6f60", 1.4) for n in range(8))
    top = rect(43, 14, 14, 8, "#5fae9b") + rect(46, 8, 8, 6, "#5fae9b") + line([(50, 0), (50, 8)], "#2f6f60", 1.6)
    return [_trapezium(50, 78, 97, 24, 36, "#3f8775"), segments, edges, top]


def belem_tower() -> list[str]:
    """A pale fortress tower with turrets, on a low bastion in the water."""
    stone = "#e6dcc3"
    tower = rect(46, 16, 32, 60, stone) + _columns(44, 80, 10, 17, 5, 4, stone)
    turrets = "".join(rect(x - 3, 30, 6, 14, "#cdbf9c") + _dome(x, 30, 4, "#b9a980") for x in (46, 78))
    bastion = rect(12, 62, 74, 22, "#d8ccae") + _columns(10, 88, 56, 63, 9, 4, "#d8ccae")
    windows = "".join(_arch(x, y, 6, 9, ENTRANCE) for x, y in ((56, 34), (68, 34), (62, 52), (24, 76), (40, 76)))
    return [tower, turrets, bastion, windows, rect(0, 84, 100, 12, "#4a90b8")]


def chichen_itza() -> list[str]:
    """A grey step pyramid with a stair in the middle and a temple on top."""
    steps = "".join(rect(6 + 4.6 * n, 84 - 7 * n, 88 - 9.2 * n, 7, ("#a9a08c", "#bdb5a2")[n % 2]) for n in range(8))
    stair = _trapezium(50, 35, 91, 12, 20, "#8b8270") + "".join(
        line([(42, y), (58, y)], "#cfc7b3", 1) for y in range(40, 91, 5)
    )
    return [rect(0, 88, 100, 8, GRASS), steps, stair, rect(38, 20, 24, 15, "#bdb5a2"), rect(46, 25, 8, 10, ENTRANCE)]


def charles_bridge() -> list[str]:
    """A stone bridge of many arches over water, with a Gothic gate tower."""
    arches = "".join(_arch(20 + 17 * n, 84, 12, 18, "#5fa4c9") for n in range(5))
    tower = rect(4, 22, 20, 50, "#7d6b55") + polygon([(2, 22), (9, 2), (19, 2), (26, 22)], "#3e4a52")
    statues = "".join(rect(x, 50, 2.4, 10, "#3f3a34") + disc(x + 1.2, 49, 2, "#3f3a34") for x in (36, 53, 70, 87))
    return [
        rect(0, 78, 100, 18, "#5fa4c9"),
        rect(0, 60, 100, 22, "#a58f6f"),
        arches,
        tower,
        statues,
        _arch(14, 72, 8, 16, ENTRANCE),
    ]


def palace_of_culture() -> list[str]:
    """A stepped tower in the manner of the 1950s, with four corner turrets, a clock and a needle."""
    stone = "#cbb994"
    blocks = rect(10, 68, 80, 28, "#b5a27c") + rect(32, 34, 36, 34, stone) + rect(40, 20, 20, 14, "#d8c8a6")
    turrets = "".join(_spire(x, 56, 68, 8, "#8a7a58") for x in (14, 86)) + "".join(
        _spire(x, 26, 34, 6, "#8a7a58") for x in (34, 66)
    )
    windows = _columns(36, 64, 42, 66, 6, 1.8, "#7b6a48") + _columns(14, 86, 74, 94, 13, 1.8, "#7b6a48")
    return [blocks, turrets, windows, disc(50, 27, 5, SNOW), _spire(50, 0, 20, 6, "#8a7a58")]


def marina_bay_sands() -> list[str]:
    """Three towers that carry one long ship."""
    towers = "".join(polygon([(x, 34), (x + 14, 34), (x + 18, 88), (x - 4, 88)], "#c7d6df") for x in (12, 43, 74))
    lines = "".join(line([(x + 7, 34), (x + 7, 88)], "#7b93a3", 2) for x in (12, 43, 74))
    ship = path("M0 26 C30 30 70 30 100 22 C98 30 90 35 84 35 H12 C6 34 2 30 0 26 Z", fill="#5c6f7b")
    palms = "".join(disc(x, 24, 2.4, "#3f8f4f") for x in (22, 34, 46, 58, 70))
    return [towers, lines, palms, ship, rect(0, 88, 100, 8, "#3a7ca5")]


def wat_arun() -> list[str]:
    """A steep stepped spire with four smaller ones, over the river."""

    def prang(x: float, top: float, width: float, fill: str) -> str:
        height = 84 - top
        foot, low, high = width / 2, width / 2.6, width / 5
        belly, neck = 84 - 0.4 * height, top + 0.3 * height
        left = f"M{x - foot} 84 C{x - low} {belly} {x - high} {neck} {x} {top}"
        right = f"C{x + high} {neck} {x + low} {belly} {x + foot} 84 Z"
        bands = "".join(
            line([(x - s * width / 2, 84 - t * height), (x + s * width / 2, 84 - t * height)], "#b56b4a", 1.6)
            for t, s in ((0.15, 0.9), (0.32, 0.7), (0.5, 0.5))
        )
        return path(f"{left} {right}", fill=fill) + bands

    small = "".join(prang(x, 44, 16, "#d9cdb0") for x in (10, 30, 70, 90))
    return [small, prang(50, 4, 40, "#e9dfc6"), rect(0, 84, 100, 4, "#b56b4a"), rect(0, 88, 100, 8, "#5f87a0")]


def gyeongbokgung() -> list[str]:
    """A palace hall: two curved dark roofs over red columns and green beams, on a stone terrace."""

    def roof(y: float, half: float) -> str:
        shape = f"M{50 - half} {y} C{50 - half / 2} {y - 6} {50 - half / 2.4} {y - 12} {50 - half / 2} {y - 16} "
        shape += f"H{50 + half / 2} C{50 + half / 2.4} {y - 12} {50 + half / 2} {y - 6} {50 + half} {y} Z"
        return path(shape, fill="#3f4a52")

    lower = rect(14, 62, 72, 24, "#b8453a") + _columns(14, 86, 62, 86, 7, 4, "#7d2620") + rect(14, 60, 72, 4, "#2f8f6f")
    upper = rect(28, 34, 44, 12, "#b8453a") + rect(28, 32, 44, 4, "#2f8f6f")
    return [upper, roof(34, 40), lower, roof(60, 50), rect(4, 86, 92, 9, "#c9c3b6")]


DRAWINGS = {
    "Q243": eiffel_tower,
    "Q9141": taj_mahal,
    "Q82425": brandenburg_gate,
    "Q4152": neuschwanstein,
    "Q41225": big_ben,
    "Q39671": stonehenge,
    "Q37200": great_pyramid,
    "Q10285": colosseum,
    "Q39054": leaning_tower,
    "Q129846": saint_basils,
    "Q48435": sagrada_familia,
    "Q12501": great_wall,
    "Q79961": christ_the_redeemer,
    "Q10288": parthenon,
    "Q7296": kilimanjaro,
    "Q42798": borobudur,
    "Q83063": petronas_towers,
    "Q12506": hagia_sophia,
    "Q83101": taipei_101,
    "Q215003": belem_tower,
    "Q5859": chichen_itza,
    "Q204871": charles_bridge,
    "Q167566": palace_of_culture,
    "Q548679": marina_bay_sands,
    "Q724970": wat_arun,
    "Q482485": gyeongbokgung,
}
"""Landmarks by Wikidata's ids. Names, places and sources are in decisions.toml."""


def designs() -> dict[str, str]:
    """Return all landmarks as SVG documents, by Wikidata's ids."""
    return {name: document(SIDE, SIDE, *draw()) for name, draw in DRAWINGS.items()}


def main() -> None:
    """Write landmarks/<id>.svg."""
    folder = Path(__file__).parents[1] / "landmarks"
    folder.mkdir(exist_ok=True)
    for name, content in designs().items():
        (folder / f"{name}.svg").write_text(content, "utf-8")


if __name__ == "__main__":
    main()
