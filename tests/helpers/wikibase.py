"""Entity documents with all types of Wikidata's data model: fixed ones, and hypothesis strategies for others."""

from hypothesis import strategies as st

GREGORIAN = "http://www.wikidata.org/entity/Q1985727"
JULIAN = "http://www.wikidata.org/entity/Q1985786"
EARTH = "http://www.wikidata.org/entity/Q2"
METER = "http://www.wikidata.org/entity/Q11573"


def item(name):
    return {"type": "wikibase-entityid", "value": {"entity-type": "item", "numeric-id": int(name[1:]), "id": name}}


def time(text, precision=11, calendar=GREGORIAN):
    moment = {"time": text, "precision": precision, "calendarmodel": calendar}
    return {"type": "time", "value": moment | {"timezone": 0, "before": 0, "after": 0}}


def quantity(amount, unit="1", **bounds):
    return {"type": "quantity", "value": {"amount": amount, "unit": unit, **bounds}}


def coordinate(latitude, longitude, globe=EARTH):
    value = {"latitude": latitude, "longitude": longitude, "altitude": None, "precision": None, "globe": globe}
    return {"type": "globecoordinate", "value": value}


def string(text):
    return {"type": "string", "value": text}


def monolingual(language, text):
    return {"type": "monolingualtext", "value": {"language": language, "text": text}}


def snak(datavalue):
    """Return a snak. The strings `somevalue` and `novalue` instead of a datavalue make such a snak."""
    return {"snaktype": datavalue} if isinstance(datavalue, str) else {"snaktype": "value", "datavalue": datavalue}


def statement(datavalue, rank="normal", references=()):
    """Return a statement with references, which are lists of snaks by property."""
    plain = {"type": "statement", "rank": rank, "mainsnak": snak(datavalue)}
    return plain | ({"references": [{"snaks": snaks} for snaks in references]} if references else {})


def document(name, claims, labels=(("en", "thing"),), revision=7):
    return {
        "type": "item",
        "id": name,
        "lastrevid": revision,
        "labels": {code: {"language": code, "value": text} for code, text in dict(labels).items()},
        "claims": claims,
    }


TIMES = [
    time("+1889-03-31T00:00:00Z"),
    time("+1889-03-00T00:00:00Z", 10),
    time("+1889-00-00T00:00:00Z", 9),
    time("+1889-07-14T00:00:00Z", 9),  # digits below the precision are ignored
    time("+1300-00-00T00:00:00Z", 7),
    time("-0079-10-24T00:00:00Z", 11, JULIAN),
    time("-0079-00-00T00:00:00Z", 9),
    time("-0001-00-00T00:00:00Z", 9),  # RDF: year 0
    time("-0001-06-00T00:00:00Z", 10, JULIAN),
    time("+0001-01-01T00:00:00Z", 11, JULIAN),  # RDF: 30 December of the year 0
    time("+1500-02-29T00:00:00Z", 11, JULIAN),
    time("+1564-04-26T00:00:00Z", 11, JULIAN),
    time("+1917-10-25T00:00:00Z", 11, JULIAN),
    time("-4712-05-01T00:00:00Z", 11, JULIAN),
    time("-5509-09-01T00:00:00Z", 11, JULIAN),  # before the Julian day count: not converted
    time("-0500-00-00T00:00:00Z", 7),  # the export does not move centuries to the years of XSD 1.1
    time("-200000-00-00T00:00:00Z", 4),
    time("-15000000-00-00T00:00:00Z", 3),
    time("-13798000000-00-00T00:00:00Z", 0),
]
QUANTITIES = [
    quantity("+330", METER, lowerBound="+329.5", upperBound="+330.5"),
    quantity("+330.0", METER),
    quantity("+0"),
    quantity("-12.50", "http://www.wikidata.org/entity/Q25267"),
    quantity("+0.000001"),
    quantity("+1409517397"),
    quantity("+14000605000000", "http://www.wikidata.org/entity/Q4917", lowerBound="+1", upperBound="+15000000000000"),
]
COORDINATES = [
    coordinate(48.858222222222, 2.2945),
    coordinate(-33.85678333333333, 151.21530000000001),
    coordinate(37.81972222222222, -122.4786111111111),
    coordinate(0.00001, -0.0),
    coordinate(0, 180),
    coordinate(0.674, 23.473, "http://www.wikidata.org/entity/Q405"),
]
TEXTS = [
    string("Stadtbild Köln (50MP), 100%.jpg"),
    string("50_% & + ä/é?#.jpg"),
    string('quotes " and \\ back\tslashes'),
    string("日本の城 🏯.jpg"),
    string("\\/ and /\\"),
]

IMPORTED = {"P143": [snak(item("Q328"))], "P813": [snak(time("+2020-01-02T00:00:00Z"))]}
STATED = {"P248": [snak(item("Q1"))], "P813": [snak(time("+2020-01-02T00:00:00Z"))]}
REFERENCES = [
    (),
    (IMPORTED,),
    (STATED,),
    (IMPORTED, STATED),
    ({"P4656": [snak(string("https://de.wikipedia.org/w/index.php?oldid=1"))]},),
    ({"P887": [snak(item("Q2"))], "P3452": [snak(item("Q3"))]},),
    ({"P854": [snak(string("https://example.org/"))]},),
    ({"P577": [snak(time("+1999-00-00T00:00:00Z", 9))]},),
    ({"P248": [snak("somevalue")]},),
    ({"P248": [snak("novalue")]},),
    ({"P248": [snak("somevalue"), snak(item("Q1"))]},),
    ([],),  # old documents have a list for an empty object
]
"""References of a statement: those at 2, 3, 6, 7 and 10 name a source."""

DOCUMENTS = [
    document("Q1", {"P571": [statement(value) for value in TIMES]}),
    document("Q2", {"P2048": [statement(value) for value in QUANTITIES]}),
    document("Q3", {"P625": [statement(value) for value in COORDINATES]}),
    document("Q4", {"P18": [statement(value) for value in TEXTS], "P373": [statement(value) for value in TEXTS]}),
    document(
        "Q5",
        {
            "P1476": [statement(monolingual("fr", "tour Eiffel")), statement(monolingual("zh-hant", "艾菲爾鐵塔"))],
            "P17": [statement(item(name), rank) for name, rank in (("Q9", "deprecated"), ("Q142", "normal"))],
            "P36": [statement(item("Q10")), statement(item("Q90"), "preferred"), statement("novalue")],
            "P1082": [statement(quantity("+5")), statement("somevalue", "preferred")],
            "P138": [statement("novalue")],
            "P61": [statement({"type": "wikibase-entityid", "value": {"id": "P31"}})],
        },
        labels={
            "en": "Eiffel Tower",
            "mul": "Tour Eiffel",
            "zh-hant": "艾菲爾鐵塔",
            "nb": "Eiffeltårnet",
            "nn": "Eiffeltårnet",
        },
    ),
    document("Q6", {}, labels={}, revision=9),
    document(
        "Q7",
        {
            "P571": [
                statement(time(f"+{1800 + n}-00-00T00:00:00Z", 9), references=content)
                for n, content in enumerate(REFERENCES)
            ],
            "P2048": [statement(quantity(f"+{n}"), references=content) for n, content in enumerate(REFERENCES)],
            "P625": [statement(coordinate(1, 2), references=(STATED,))],
            "P17": [statement(item("Q142"), references=(STATED,))],
        },
    ),
]

# RDF does not distinguish converted days from others around the first day of the Julian day count.
years = st.integers(-9999, 9999).filter(lambda year: year not in (0, -4713, -4714))
deep_years = st.integers(-(10**11), 10**11).filter(bool)
calendars = st.sampled_from([GREGORIAN, JULIAN])
# Characters without special meaning in RDF stores and JSON files. A SPARQL answer cannot contain NUL.
texts = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), min_size=1, max_size=12).filter(str.strip)
amounts = st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**12), max_value=10**12)
degrees = st.floats(-180, 180, allow_nan=False)


def date_text(year, month, day):
    return f"{'-' if year < 0 else '+'}{abs(year):04d}-{month:02d}-{day:02d}T00:00:00Z"


def signed(amount):
    return f"{amount:+f}"


@st.composite
def quantities(draw):
    low, amount, high = sorted(draw(st.tuples(amounts, amounts, amounts)))
    limits = {"lowerBound": signed(low), "upperBound": signed(high)} if draw(st.booleans()) else {}
    return quantity(signed(amount), draw(st.sampled_from(["1", METER])), **limits)


months = st.integers(0, 12)
days = st.builds(date_text, years, st.integers(1, 12), st.integers(1, 28))
times = (
    st.builds(time, days, st.just(11), calendars)
    | st.builds(time, st.builds(date_text, years, st.integers(1, 12), st.integers(0, 31)), st.just(10), calendars)
    | st.builds(time, st.builds(date_text, deep_years, months, st.integers(0, 31)), st.integers(0, 9), calendars)
)
items = st.integers(1, 10**9).map(lambda n: item(f"Q{n}"))
strings = texts.map(string)
monolinguals = st.builds(monolingual, st.sampled_from(["fr", "zh-hant", "be-x-old", "nb"]), texts)
VALUES = {
    "P17": items,
    "P18": strings,
    "P373": strings,
    "P571": times,
    "P625": st.builds(coordinate, degrees, degrees, st.sampled_from([EARTH, "http://www.wikidata.org/entity/Q405"])),
    "P1476": monolinguals,
    "P2048": quantities(),
}
"""Strategy for each property. A property has one datatype, and RDF has IRIs for files."""
ranks = st.sampled_from(["preferred", "normal", "deprecated"])
claims = st.fixed_dictionaries(
    {},
    optional={
        name: st.lists(
            st.builds(statement, value | st.sampled_from(["novalue", "somevalue"]), ranks, st.sampled_from(REFERENCES)),
            max_size=4,
        )
        for name, value in VALUES.items()
    },
)
CODES = ("en", "mul", "nb", "zh-hant")
documents = st.builds(
    document,
    st.integers(1, 10**6).map(lambda n: f"Q{n}"),
    claims,
    st.dictionaries(st.sampled_from(CODES), texts, max_size=4),
    st.integers(1, 2**40),
)

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("\ud800")
garbage = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)
"""Any result of a JSON parser, lone surrogates included."""


def paths(value, path=()):
    """Yield the path of every value inside a document."""
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from paths(child, (*path, key))


def replaced(value, path, content):
    """Return a copy of a document with other content at a path. None removes the value."""
    if not path:
        return content
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(path) == 1 and content is None:
        del copy[path[0]]
    else:
        copy[path[0]] = replaced(copy[path[0]], path[1:], content)
    return copy


@st.composite
def broken_documents(draw):
    """Draw a valid document in which one to three values are replaced or removed."""
    document = draw(st.sampled_from(DOCUMENTS) | documents)
    for _ in range(draw(st.integers(1, 3))):
        if isinstance(document, dict | list) and document:
            document = replaced(document, draw(st.sampled_from(list(paths(document)))), draw(garbage))
    return document
