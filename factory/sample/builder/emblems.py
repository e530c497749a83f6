"""Simplified emblems of flags: recognizable at 100 pixels, not heraldically complete."""

from factory.sample.builder.svg import disc, ellipse, line, on_circle, path, place, polygon, rect, ring


def wheel(x: float, y: float, radius: float, color: str, spokes: int) -> str:
    """India's chakra: rim, hub and spokes."""
    lines = (line([(x, y), on_circle(x, y, radius, 360 * n / spokes)], color, radius * 0.05) for n in range(spokes))
    return ring(x, y, radius * 0.92, color, radius * 0.16) + disc(x, y, radius * 0.2, color) + "".join(lines)


def saladin_eagle(x: float, y: float, height: float, gold: str) -> str:
    """Egypt's eagle, seen from the front: wings folded down, a shield on the breast, a scroll below."""
    wing = path("M-3 -12 C-16 -22 -22 -12 -20 16 L-15 10 L-14 20 L-10 13 L-8 21 L-4 12 Z", fill=gold)
    parts = [
        wing,
        f'<g transform="scale(-1 1)">{wing}</g>',
        path("M-5 -12 C-5 -26 5 -26 6 -18 L10 -16 L5 -15 L5 -10 Z", fill=gold),
        path("M-6 -12 H6 V14 L0 24 L-6 14 Z", fill=gold),
        path("M-4 -7 H4 V8 L0 13 L-4 8 Z", fill="#fff", stroke="#7a5c00", width=1),
        rect(-1.3, -7, 2.6, 17, "#c8102e"),
        path("M-14 24 H14 L16 31 H-16 Z", fill=gold),
    ]
    return place("".join(parts), x, y - height * 0.03, scale=height / 56)


def cactus_eagle(x: float, y: float, height: float) -> str:
    """Mexico's eagle in profile on a cactus, with a snake in its beak, and a wreath below."""
    parts = [
        path("M-22 10 C-18 34 18 34 22 10", stroke="#2e7d32", width=3.5),
        path("M-17 16 C-10 27 10 27 17 16", stroke="#8fa73e", width=2.5),
        ellipse(0, 17, 11, 4.5, "#3f8f4f"),
        ellipse(-9, 12, 3.5, 6, "#3f8f4f"),
        ellipse(10, 12, 3.5, 5, "#3f8f4f"),
        path("M-3 8 V14 M3 8 V14", stroke="#d9a520", width=2),
        path("M8 -10 C4 6 -2 10 -8 9 L-20 16 L-15 6 C-12 -2 -6 -10 2 -16 Z", fill="#6b3f1a"),
        path("M2 -8 L-16 -30 L-18 -20 L-23 -21 L-21 -13 L-26 -12 L-21 -5 L-24 -2 L-14 2 L-2 4 Z", fill="#8a5a2b"),
        path("M4 -6 L14 -26 L16 -17 L21 -18 L19 -10 L23 -8 L16 0 L6 4 Z", fill="#8a5a2b"),
        path("M-1 -12 C-1 -24 10 -26 12 -18 L17 -15 L11 -14 L6 -8 Z", fill="#6b3f1a"),
        disc(8, -18, 1.3, "#fff"),
        path("M16 -15 C22 -12 14 -8 20 -3 C26 2 18 8 10 4 L4 9", stroke="#1f8a70", width=2.4),
    ]
    return place("".join(parts), x, y, scale=height / 58)


def shield_and_spears(x: float, y: float, height: float) -> str:
    """Kenya's Maasai shield over two crossed spears."""
    spear = rect(-0.7, -46, 1.4, 92, "#fff") + polygon([(0, -54), (3.4, -40), (0, -36), (-3.4, -40)], "#fff")
    shield = [
        path("M0 -40 C24 -20 24 20 0 40 C-24 20 -24 -20 0 -40 Z", fill="#bb0000"),
        path("M-11 -25 C-3 -10 -3 10 -11 25 C-20 10 -20 -10 -11 -25 Z", fill="#000"),
        path("M11 -25 C3 -10 3 10 11 25 C20 10 20 -10 11 -25 Z", fill="#000"),
        ellipse(0, 0, 4, 9, "#fff"),
        polygon([(0, -34), (2, -24), (0, -14), (-2, -24)], "#fff"),
        polygon([(0, 34), (2, 24), (0, 14), (-2, 24)], "#fff"),
        ellipse(-12, 0, 1.8, 6, "#fff"),
        ellipse(12, 0, 1.8, 6, "#fff"),
    ]
    spears = place(spear, 0, 0, turn=32) + place(spear, 0, 0, turn=-32)
    return place(spears + "".join(shield), x, y, scale=height / 88)


def lion(x: float, y: float, height: float, gold: str, ground: str) -> str:
    """Sri Lanka's lion, walking to the hoist with a sword upright in its forepaw."""
    parts = [
        path("M-39 -40 L-36 -46 L-33 -40 L-34 4 L-38 4 Z", fill=gold),
        line([(-43, 4), (-29, 4)], gold, 4),
        path("M-36 4 V14", stroke=gold, width=4),
        path("M-36 10 L-20 10 L-12 -2", stroke=gold, width=6),
        path(
            "M-30 -22 L-28 -32 L-20 -36 L-16 -42 L-10 -36 C0 -40 8 -30 6 -16 L-4 -6 L-16 -6 C-18 -10 -16 -14 -20 -16 Z",
            fill=gold,
        ),
        path("M-2 -28 C-12 -20 -6 -8 -16 2 L-14 18 C-2 22 14 16 20 20 L34 14 C36 0 30 -14 14 -16 L4 -24 Z", fill=gold),
        path("M-12 14 L-14 36 L-22 40 H-6 L-3 16 Z M2 16 L0 36 L-6 40 H8 L11 18 Z", fill=gold),
        path("M18 16 L20 34 L13 40 H27 L29 16 Z M27 10 L36 32 L31 40 H44 L36 8 Z", fill=gold),
        path("M32 -6 C46 -2 50 -18 42 -24 C36 -28 38 -36 46 -38", stroke=gold, width=4),
        disc(-19, -28, 2, ground),
        path("M-2 -32 C-8 -22 2 -16 -8 -8", stroke=ground, width=1.5),
    ]
    return place("".join(parts), x, y, scale=height / 88)


def soyombo(x: float, y: float, height: float, gold: str, ground: str) -> str:
    """Mongolia's Soyombo: flame, sun and moon, triangles, bars and the two fishes between two pillars."""
    parts = [
        path(
            "M0 -50 C8 -42 8 -36 4 -32 H-4 C-8 -36 -8 -42 0 -50 Z "
            "M-8 -42 C-4 -38 -6 -34 -3 -32 H-8 C-12 -35 -12 -38 -8 -42 Z "
            "M8 -42 C4 -38 6 -34 3 -32 H8 C12 -35 12 -38 8 -42 Z",
            fill=gold,
        ),
        disc(0, -22, 7, gold),
        path("M-13 -24 C-12 -6 12 -6 13 -24 C10 -12 -10 -12 -13 -24 Z", fill=gold),
        rect(-26, -8, 9, 56, gold),
        rect(17, -8, 9, 56, gold),
        polygon([(-13, -8), (13, -8), (0, 0)], gold),
        rect(-13, 3, 26, 4, gold),
        disc(0, 19, 10, gold),
        path("M0 9 C-8 13 8 24 0 29", stroke=ground, width=2),
        disc(-3.5, 16, 1.6, ground),
        disc(3.5, 22, 1.6, ground),
        rect(-13, 32, 26, 4, gold),
        polygon([(-13, 39), (13, 39), (0, 47)], gold),
    ]
    return place("".join(parts), x, y, scale=height / 98)


def armillary_shield(x: float, y: float, height: float) -> str:
    """Portugal's armillary sphere with the shield of five blue escutcheons and a border of castles."""
    gold = "#ffd800"
    castles = [(-15, -17), (0, -17), (15, -17), (-15, 0), (15, 0), (-9, 15), (9, 15)]
    parts = [
        ring(0, 0, 30, gold, 4),
        f'<ellipse rx="30" ry="11" fill="none" stroke="{gold}" stroke-width="3.5"/>',
        f'<ellipse rx="12" ry="30" fill="none" stroke="{gold}" stroke-width="3.5"/>',
        path("M-20 -22 H20 V6 C20 16 10 22 0 25 C-10 22 -20 16 -20 6 Z", fill="#e00000", stroke="#fff", width=1.5),
        path("M-11 -12 H11 V4 C11 11 6 15 0 17 C-6 15 -11 11 -11 4 Z", fill="#fff"),
        *(rect(cx - 2.4, cy - 2.6, 4.8, 5.4, "#003399") for cx, cy in ((0, -7), (-6.5, 0), (0, 1), (6.5, 0), (0, 9))),
        *(rect(cx - 2, cy - 2, 4, 4, gold) for cx, cy in castles),
    ]
    return place("".join(parts), x, y, scale=height / 64)


def spanish_arms(x: float, y: float, height: float) -> str:
    """Spain's quartered shield between the two pillars, under a crown."""
    red, gold = "#ad1519", "#c8a000"
    pillar = rect(-3, -20, 6, 42, "#e8e4dc") + rect(-5, -24, 10, 4, gold) + rect(-5, 22, 10, 4, gold)
    parts = [
        place(pillar, -27, 2),
        place(pillar, 27, 2),
        path("M-33 4 L-20 -4 M33 4 L20 -4", stroke=red, width=3),
        rect(-18, -18, 18, 20, red),
        rect(0, -18, 18, 20, "#eee"),
        path("M-18 2 H0 V26 C-10 25 -18 22 -18 14 Z", fill="#e8b500"),
        path("M18 2 H0 V26 C10 25 18 22 18 14 Z", fill="#c8102e"),
        *(rect(px, 3, 2.4, 20, red) for px in (-15, -9.5, -4)),
        rect(-13, -13, 8, 10, gold),
        path("M5 -4 L8 -14 L13 -10 L12 -3 Z", fill="#8e44ad"),
        ring(9, 12, 5, gold, 2),
        disc(0, 3, 5, "#123a8c"),
        path("M-14 -20 L-17 -31 L-8 -27 L0 -34 L8 -27 L17 -31 L14 -20 Z", fill=gold, stroke=red, width=1.5),
    ]
    return place("".join(parts), x, y, scale=height / 62)


def sword_and_script(x: float, y: float, width: float) -> str:
    """Saudi Arabia's sword under a line of writing, drawn without its words."""
    strokes = (
        "M92 -26 V8 M84 -14 C84 6 70 6 66 -4 M62 -28 L50 8 M52 -28 L64 8 M44 -26 V6 C40 14 30 12 26 4 M34 -22 V0 "
        "M20 -12 C22 2 8 6 6 -6 M2 -28 V8 M-6 -28 L-18 8 M-16 -28 L-4 8 M-24 -26 V2 C-28 12 -40 12 -42 0 M-34 -20 V0 "
        "M-50 -28 V6 M-56 -10 C-54 6 -70 8 -72 -6 M-78 -26 V4 C-80 12 -92 10 -94 0 M-86 -18 V0"
    )
    dots = "".join(
        disc(px, py, 2.6, "#fff") for px, py in ((74, 14), (30, -30), (12, -20), (-30, -30), (-64, -18), (-86, -28))
    )
    sword = (
        path("M-92 36 C-60 32 30 32 74 34 L74 40 C30 40 -60 40 -92 36 Z", fill="#fff")
        + path("M74 29 V45", stroke="#fff", width=4)
        + path("M76 37 H94 C98 37 98 31 94 31", stroke="#fff", width=4)
    )
    return place(path(strokes, stroke="#fff", width=5) + dots + sword, x, y, scale=width / 200)


def tulip(x: float, y: float, height: float, color: str) -> str:
    """Iran's emblem: a sword between two pairs of crescents, in the shape of a tulip."""
    side = "M3 -12 C22 -6 24 18 6 26 C16 16 16 2 3 -6 Z M12 -16 C34 -4 30 22 10 30 C26 18 26 0 12 -16 Z"
    parts = [
        path(side, fill=color),
        f'<g transform="scale(-1 1)">{path(side, fill=color)}</g>',
        path("M0 -22 L3 -14 L2 26 L0 32 L-2 26 L-3 -14 Z", fill=color),
        path("M-6 -28 C-3 -24 3 -24 6 -28", stroke=color, width=3.4),
    ]
    return place("".join(parts), x, y, scale=height / 60)


def kufic_border(width: float, y: float, height: float, count: int, color: str) -> str:
    """Iran's repeated writing along a stripe's edge, as a regular pattern."""
    step = width / count
    sign = "M.1 .9 H.9 M.15 .9 V.1 M.4 .9 V.35 H.62 V.9 M.85 .9 V.1"
    parts = (
        f'<g transform="translate({n * step:.2f} {y:.2f}) scale({step:.2f} {height:.2f})">'
        f"{path(sign, stroke=color, width=0.1)}</g>"
        for n in range(count)
    )
    return "".join(parts)


def trigram(x: float, y: float, width: float, bars: str, turn: float) -> str:
    """One of South Korea's trigrams: `bars` are solid (1) or broken (0), outermost first."""
    height, gap = width / 6, width / 12
    parts = []
    for n, bar in enumerate(bars):
        top = (n - 1) * (height + gap) - height / 2
        parts.append(rect(-width / 2, top, width, height, "#000"))
        if bar == "0":
            parts.append(rect(-gap / 2, top - 0.1, gap, height + 0.2, "#fff"))
    return place("".join(parts), x, y, turn=turn)


def rays(x: float, y: float, inner: float, outer: float, count: int, color: str, *, spread: float = 0.5) -> str:
    """Triangular rays around a sun; `spread` is the share of the circle that their bases cover."""
    half = 180 / count * spread
    return "".join(
        polygon(
            [
                on_circle(x, y, inner, 360 * n / count - half),
                on_circle(x, y, outer, 360 * n / count),
                on_circle(x, y, inner, 360 * n / count + half),
            ],
            color,
        )
        for n in range(count)
    )


def pentagram(x: float, y: float, radius: float, color: str) -> str:
    """Ethiopia's star of five lines, with a ray in each gap."""
    tips = [on_circle(x, y, radius, 72 * n) for n in range(5)]
    lines = line([tips[n] for n in (0, 2, 4, 1, 3, 0, 2)], color, radius * 0.09)
    gaps = [36 + 72 * n for n in range(5)]
    beams = [[on_circle(x, y, r * radius, a) for r in (0.5, 1)] for a in gaps]
    return lines + "".join(line(beam, color, radius * 0.08) for beam in beams)


def bo_leaf(x: float, y: float, size: float, gold: str, turn: float) -> str:
    """A leaf in a corner of Sri Lanka's flag."""
    return place(path("M0 -10 C8 -4 8 6 0 10 C-8 6 -8 -4 0 -10 Z", fill=gold), x, y, scale=size / 20, turn=turn)


def hexagram(x: float, y: float, radius: float, color: str, width: float) -> str:
    """The star of David, as two outlined triangles."""
    triangles = ([on_circle(x, y, radius, start + 120 * n) for n in (0, 1, 2, 0, 1)] for start in (0, 60))
    return "".join(line(corners, color, width) for corners in triangles)
