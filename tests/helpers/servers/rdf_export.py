"""Export of entity documents in Wikidata's RDF (N-Triples), written from Wikibase's description of the format.

It shares no code with the reader, because a shared error would remain unnoticed.
"""

import hashlib
import json
import re
from datetime import date, timedelta
from urllib.parse import quote

WD = "http://www.wikidata.org/entity/"
PROP = "http://www.wikidata.org/prop/"
ONTOLOGY = "http://wikiba.se/ontology#"
XSD = "http://www.w3.org/2001/XMLSchema#"
SCHEMA = "http://schema.org/"
DERIVED = "http://www.w3.org/ns/prov#wasDerivedFrom"
TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
LABELS = (
    "http://www.w3.org/2000/01/rdf-schema#label",
    "http://www.w3.org/2004/02/skos/core#prefLabel",
    f"{SCHEMA}name",
)
JULIAN = "Q1985786"
EARTH = "Q2"
SITES = {"commonswiki": "https://commons.wikimedia.org/", "enwiki": "https://en.wikipedia.org/"}
MEDIA = {"P18", "P41", "P94", "P154", "P242", "P948", "P8592", "P5775", "P3451", "P4291", "P8517", "P9721", "P1801"}
"""Properties whose values are files. RDF has their addresses, JSON their names."""


def iri(text):
    return f"<{text}>"


def literal(text, *, language="", datatype=""):
    escaped = json.dumps(text)[1:-1]
    # Characters beyond the first plane are two surrogates in JSON and one escape in N-Triples.
    escaped = re.sub(
        r"\\u(d[89ab]..)\\u(d[c-f]..)",
        lambda m: f"\\U{0x10000 + ((int(m[1], 16) - 0xD800) << 10) + int(m[2], 16) - 0xDC00:08X}",
        escaped,
    )
    return f'"{escaped}"' + (f"@{language}" if language else f"^^<{datatype}>" if datatype else "")


def days_before(year, month):
    """Return the number of days of a Julian year before a month."""
    lengths = [31, 29 if year % 4 == 0 else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    return sum(lengths[: month - 1])


def julian_in_gregorian(year, month, day):
    """Convert a Julian day to the Gregorian calendar, both with a year 0. Their first days are two days apart."""
    ordinal = 365 * (year - 1) + (year - 1) // 4 + days_before(year, month) + day - 2
    cycles, rest = divmod(ordinal - 1, 146097)
    day_in_cycle = date(1, 1, 1) + timedelta(days=rest)
    return day_in_cycle.year + 400 * cycles, day_in_cycle.month, day_in_cycle.day


def date_time(value):
    """Return the literal of a time like DateTimeValueCleaner and JulianDateTimeValueCleaner of Wikibase."""
    sign, year, month, day, clock = re.fullmatch(r"([+-])(\d+)-(\d\d)-(\d\d)T(.*)", value["time"]).groups()
    year, month, day = int(sign + year), max(int(month), 1), max(int(day), 1)
    if year == 0:
        return literal(value["time"])
    precision = value["precision"]
    if precision <= 9:
        month = day = 1
    elif precision == 10:
        day = 1
    if precision >= 9 and year < 0:
        year += 1
    if precision >= 11 and value["calendarmodel"].endswith(JULIAN) and -4712 <= year <= 1465072:
        year, month, day = julian_in_gregorian(year, month, day)
    text = f"{'-' if year < 0 else ''}{abs(year):04d}-{month:02d}-{day:02d}T{clock}"
    return literal(text, datatype=f"{XSD}dateTime")


def number(value):
    return literal(str(value), datatype=f"{XSD}decimal")


def degrees(value):
    return number(f"{value:.14G}")


class Writer:
    """Collects the triples of documents."""

    def __init__(self):
        self.triples = []
        self.blank = 0

    def add(self, subject, predicate, value):
        self.triples.append(f"{subject} <{predicate}> {value} .")

    def document(self, document):
        name = document["id"]
        subject, page = iri(WD + name), iri(f"https://www.wikidata.org/wiki/Special:EntityData/{name}")
        self.add(page, TYPE, iri(f"{SCHEMA}Dataset"))
        self.add(page, f"{SCHEMA}about", subject)
        self.add(page, f"{SCHEMA}softwareVersion", literal("1.0.0"))
        if "lastrevid" in document:
            self.add(page, f"{SCHEMA}version", literal(str(document["lastrevid"]), datatype=f"{XSD}integer"))
        self.add(subject, TYPE, iri(f"{ONTOLOGY}Item"))
        for site, link in (document.get("sitelinks") or {}).items():
            self.sitelink(subject, SITES[site], link["title"])
        for code, label in (document.get("labels") or {}).items():
            for predicate in LABELS:
                self.add(subject, predicate, literal(label["value"], language=code))
        for prop, statements in (document.get("claims") or {}).items():
            self.statements(name, prop, statements)

    def sitelink(self, subject, site, title):
        article = iri(f"{site}wiki/{quote(title.replace(' ', '_'), safe=':()')}")
        self.add(article, TYPE, iri(f"{SCHEMA}Article"))
        self.add(article, f"{SCHEMA}about", subject)
        self.add(article, f"{SCHEMA}inLanguage", literal("en"))
        self.add(article, f"{SCHEMA}isPartOf", iri(site))
        self.add(article, f"{SCHEMA}name", literal(title, language="en"))

    def redirect(self, name, target):
        self.add(iri(WD + name), "http://www.w3.org/2002/07/owl#sameAs", iri(WD + target))

    def statements(self, name, prop, statements):
        ranks = {s["rank"] for s in statements}
        best = "preferred" if "preferred" in ranks else "normal"
        for n, statement in enumerate(statements):
            guid = statement.get("id", f"{name}${prop}-{n}")
            node = iri(f"{WD}statement/{re.sub(r'[^A-Za-z0-9_-]', '-', guid)}")
            self.add(iri(WD + name), f"{PROP}{prop}", node)
            self.add(node, TYPE, iri(f"{ONTOLOGY}Statement"))
            self.add(node, f"{ONTOLOGY}rank", iri(f"{ONTOLOGY}{statement['rank'].capitalize()}Rank"))
            if statement["rank"] == best:
                self.add(node, TYPE, iri(f"{ONTOLOGY}BestRank"))
                self.snak(iri(WD + name), f"{PROP}direct/{prop}", None, statement["mainsnak"], prop)
            self.snak(node, f"{PROP}statement/{prop}", f"{PROP}statement/value/{prop}", statement["mainsnak"], prop)
            for key, snaks in statement.get("qualifiers", {}).items():
                for snak in snaks:
                    self.snak(node, f"{PROP}qualifier/{key}", f"{PROP}qualifier/value/{key}", snak, key)
            for reference in statement.get("references", ()):
                self.reference(node, reference)
            # A qualifier and a reference without content, which a reader must ignore.
            self.add(node, f"{PROP}qualifier/P805", iri(f"{WD}Q1"))
            self.add(node, DERIVED, iri("http://www.wikidata.org/reference/0a"))

    def reference(self, statement, reference):
        content = json.dumps(reference, sort_keys=True)
        node = iri(f"http://www.wikidata.org/reference/{hashlib.sha1(content.encode()).hexdigest()}")
        self.add(statement, DERIVED, node)
        self.add(node, TYPE, iri(f"{ONTOLOGY}Reference"))
        for key, snaks in (reference["snaks"] or {}).items():
            for snak in snaks:
                self.snak(node, f"{PROP}reference/{key}", f"{PROP}reference/value/{key}", snak, key)

    def snak(self, subject, simple, deep, snak, prop):
        if snak["snaktype"] == "novalue":
            self.add(subject, TYPE, iri(f"{PROP}novalue/{prop}"))
        elif snak["snaktype"] == "somevalue":
            self.blank += 1
            self.add(subject, simple, f"_:b{self.blank}")
        else:
            datavalue = snak["datavalue"]
            self.add(subject, simple, self.simple(datavalue, snak.get("datatype"), prop))
            if deep and datavalue["type"] in ("time", "quantity", "globecoordinate"):
                self.add(subject, deep, self.node(datavalue))

    def simple(self, datavalue, datatype, prop):
        value = datavalue["value"]
        match datavalue["type"]:
            case "wikibase-entityid":
                return iri(WD + (value.get("id") or f"Q{value['numeric-id']}"))
            case "monolingualtext":
                return literal(value["text"], language=value["language"])
            case "time":
                return date_time(value)
            case "quantity":
                return number(value["amount"])
            case "globecoordinate":
                point = f"Point({value['longitude']:.14G} {value['latitude']:.14G})"
                globe = "" if value["globe"].endswith(f"/{EARTH}") else f"<{value['globe']}> "
                return literal(globe + point, datatype="http://www.opengis.net/ont/geosparql#wktLiteral")
        if datatype == "commonsMedia" or (datatype is None and prop in MEDIA):
            return iri(f"http://commons.wikimedia.org/wiki/Special:FilePath/{quote(value, safe='')}")
        return iri(value.strip()) if datatype == "url" else literal(value)

    def node(self, datavalue):
        value, value_type = datavalue["value"], datavalue["type"]
        node = iri(f"http://www.wikidata.org/value/{hashlib.md5(json.dumps(datavalue).encode()).hexdigest()}")
        self.add(node, TYPE, iri(f"{ONTOLOGY}{value_type[0].upper()}{value_type[1:]}Value"))
        for part, content in getattr(self, f"_{value_type}")(value):
            self.add(node, f"{ONTOLOGY}{part}", content)
        return node

    def _time(self, value):
        yield "timeValue", date_time(value)
        yield "timePrecision", literal(str(value["precision"]), datatype=f"{XSD}integer")
        yield "timeTimezone", literal("0", datatype=f"{XSD}integer")
        yield "timeCalendarModel", iri(value["calendarmodel"])

    def _quantity(self, value):
        yield "quantityAmount", number(value["amount"])
        yield "quantityUnit", iri(f"{WD}Q199" if value["unit"] == "1" else value["unit"])
        for name in ("upperBound", "lowerBound"):
            if name in value:
                yield f"quantity{name[0].upper()}{name[1:]}", number(value[name])

    def _globecoordinate(self, value):
        yield "geoLatitude", degrees(value["latitude"])
        yield "geoLongitude", degrees(value["longitude"])
        yield "geoPrecision", number(value.get("precision") or "0.00027777777777778")
        yield "geoGlobe", iri(value["globe"])


def triples(documents, redirects=()):
    """Return the N-Triples of documents and of redirects (id, target)."""
    writer = Writer()
    for document in documents:
        writer.document(document)
    for name, target in redirects:
        writer.redirect(name, target)
    return "\n".join(writer.triples) + "\n"
