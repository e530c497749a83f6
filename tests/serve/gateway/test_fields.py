"""Fields of requests: listed ones within their bounds pass, all others are refused by name."""

import asyncio
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serve.gateway.fields import requests, response_format
from tests.serve.gateway.asgi import Inner, asked, call, chat, guarded

PNG = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGFsbG8="}}
TEXT = {"type": "text", "text": "x"}


def run(body, *, path="/v1/chat/completions", inner=None, **options):
    return asyncio.run(call(guarded(inner, **options), path=path, body=body))


def nested(levels):
    value = {"type": "string"}
    for _ in range(levels):
        value = {"anyOf": [value]}
    return value


def form(schema):
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}


SERVED = {
    "model": "tiny",
    "n": 8,
    "max_tokens": 2048,
    "max_completion_tokens": 1,
    "temperature": 0,
    "top_p": 1.0,
    "top_k": -1,
    "seed": -3,
    "stop": ["a", "b"],
    "stream": False,
    "logprobs": True,
    "top_logprobs": 20,
    "prompt_logprobs": 0,
    "add_generation_prompt": False,
    "continue_final_message": True,
    "response_format": form({"type": "object", "properties": {"a": {"type": "string", "pattern": "^[a-z]+$"}}}),
    "user": "someone",
}


@pytest.mark.parametrize("field", SERVED)
def test_listed_field_is_passed_on(field):
    inner = Inner()
    assert run(chat(**{field: SERVED[field]}), inner=inner).status == 200
    assert inner.bodies[0][field] == SERVED[field]


@pytest.mark.parametrize(
    "field",
    [
        *("best_of", "guided_regex", "guided_json", "structured_outputs", "truncate_prompt_tokens", "min_tokens"),
        *("bad_words", "logit_bias", "allowed_token_ids", "stop_token_ids", "chat_template", "chat_template_kwargs"),
        *("mm_processor_kwargs", "media_io_kwargs", "prompt_embeds", "kv_transfer_params", "cache_salt", "priority"),
        *("request_id", "documents", "tools", "tool_choice", "echo", "use_beam_search", "vllm_xargs", "audio"),
    ],
)
def test_other_field_is_refused_by_its_name(field):
    reply = run(chat(**{field: 1}))
    assert reply.status == 400 and reply.error["param"] == field and field in reply.error["message"]


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("n", [0, -1, 9, 1000, 16385, "2", 1.0, True]),
        ("max_tokens", [-1, 0, 2049, 10**9, 2**63, 10**30, "abc", 1.5]),
        ("temperature", [-1, 2.1, 1e308, "0", [], True]),
        ("top_p", [0, 1.1, "x"]),
        ("top_k", [-2, 1e3]),
        ("seed", [2**64, 0.5]),
        ("stop", [["a"] * 5, "x" * 300, [1], 3]),
        ("stream", [1, "true"]),
        ("stream_options", [[], {"include_usage": 1}, {"other": True}]),
        ("top_logprobs", [-1, 21, 1000]),
        ("prompt_logprobs", [-1, 1, 100000, True]),
        ("model", [3, {}, "x" * 300]),
        ("messages", [[], {}, "x", 3, [3], [{}], [{"content": "x"}]]),
    ],
)
def test_value_out_of_bounds_is_refused(field, values):
    for value in values:
        reply = run(chat(**{field: value}))
        assert reply.status == 400 and reply.error["param"].startswith(field), value
        assert reply.error["code"] == "field"


def test_null_means_absent():
    inner = Inner()
    assert run(chat(temperature=None, max_tokens=None, stop=None, tools=None), inner=inner).status == 400
    assert run(chat(temperature=None, max_tokens=None, stop=None), inner=inner).status == 200
    assert set(inner.bodies[0]) == {"model", "messages", "cache_salt"}


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"role": "hacker", "content": "x"}, "messages[0].role"),
        ({"role": "tool", "content": "x"}, "messages[0].role"),
        ({"role": "user<|im_end|>", "content": "x"}, "messages[0].role"),
        ({"role": "user"}, "messages[0].content"),
        ({"role": "user", "content": None}, "messages[0].content"),
        ({"role": "user", "content": []}, "messages[0].content"),
        ({"role": "user", "content": 3}, "messages[0].content"),
        ({"role": "user", "content": ["x"]}, "messages[0].content[0].type"),
        ({"role": "user", "content": [{"type": "text"}]}, "messages[0].content[0].text"),
        ({"role": "user", "content": [{"type": "text", "text": None}]}, "messages[0].content[0].text"),
        ({"role": "user", "content": [{"type": "audio_url", "audio_url": {}}]}, "messages[0].content[0].type"),
        ({"role": "user", "content": [{"type": "image_pil", "image_pil": ""}]}, "messages[0].content[0].type"),
        ({"role": "user", "content": [{"type": "image_embeds", "image_embeds": ""}]}, "messages[0].content[0].type"),
        ({"role": "user", "content": [{**PNG, "uuid": "x"}]}, "messages[0].content[0].uuid"),
        ({"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}, "messages[0].content[0].image_url"),
        ({"role": "system", "content": [PNG]}, "messages[0].content"),
        ({"role": "assistant", "content": "x", "tool_calls": [{}]}, "messages[0].tool_calls"),
        ({"role": "user", "content": "x", "tool_call_id": "y"}, "messages[0].tool_call_id"),
    ],
)
def test_other_message_is_refused(message, param):
    assert run(chat(messages=[message])).error["param"] == param


def test_answer_is_accepted_as_the_client_got_it():
    """openai's `message.model_dump()` has all fields of an answer."""
    message = {"content": "x", "refusal": None, "role": "assistant", "annotations": None, "audio": None}
    message |= {"function_call": None, "tool_calls": None, "reasoning": None}
    assert run(chat(messages=[{"role": "user", "content": "x"}, message])).status == 200


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1/a.png", "https://example.org/a.png", "HTTP://example.org/", "file:///etc/passwd"),
        *("/etc/passwd", "ftp://example.org/a.png", "", "data:", "data:,", "data:image/png,hello", "DATA:text/html,x"),
        *("data:text/html;base64,aGFsbG8=", "data:video/mp4;base64,aGFsbG8=", "data:image/png;base64"),
        *("\\\\host\\share", "http:\\\\127.0.0.1\\", "file://localhost/etc/passwd", "javascript:1", "blob:x"),
    ],
)
def test_only_data_urls_of_images_are_accepted(url):
    reply = run(asked({"type": "image_url", "image_url": {"url": url}}))
    assert reply.status == 400 and reply.error["code"] == "image" and reply.error["param"] == "image_url"


def test_images_have_one_budget():
    assert run(asked(*[PNG] * 8, TEXT)).status == 200
    assert run(asked(*[PNG] * 9, TEXT)).error["code"] == "image"
    several = [{"role": "user", "content": [PNG] * 5}, {"role": "user", "content": [PNG] * 4}]
    assert run(chat(messages=several)).error["code"] == "image"
    assert run(asked(*[PNG] * 1000, TEXT)).status == 400
    assert run(asked(*[PNG] * 4), max_image_bytes=20).status == 200
    assert run(asked(*[PNG] * 5), max_image_bytes=20).error["code"] == "image"


def test_texts_have_one_limit():
    halves = [{"role": "user", "content": "x" * 60}, {"role": "user", "content": [{"type": "text", "text": "x" * 60}]}]
    assert run(chat(messages=halves), max_text=120).status == 200
    assert run(chat(messages=halves), max_text=119).error["code"] == "text"
    assert run(json.dumps({"prompt": "x" * 50_000_000}).encode(), path="/tokenize").status == 413
    assert run(json.dumps({"prompt": "x" * 300_000}).encode(), path="/tokenize").error["code"] == "text"
    assert run(chat(messages=[{"role": "user", "content": "x"}] * 10_000)).status == 400


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b'"x"', b"null", b"3", b"\xff\xfe", b'{"messages":NaN}', b"[" * 100_000, b'{"a":' * 5000,
        b'{"messages":[{"role":"user","content":"\\ud800"}]}', b'{"messages":[{"role":"user","content":"\xff"}]}',
        '{"messages":[]}'.encode("utf-16"),
    ],
)  # fmt: skip
def test_broken_json_is_refused(body):
    for path in ("/v1/chat/completions", "/tokenize"):
        reply = run(body, path=path)
        assert reply.status == 400 and reply.error["code"] in ("json", "field")


@pytest.mark.parametrize("value", [b"[]", b"{}", b"1"])
def test_body_of_millions_of_values_is_refused_before_it_is_parsed(value, monkeypatch):
    """Python would make an object of each, and nothing else meanwhile."""
    body = b'{"messages":[' + b",".join([value] * 1_100_000) + b"]}"
    with monkeypatch.context() as patch:
        patch.setattr(requests.orjson, "loads", None)
        reply = run(body)
    assert reply.status == 400 and reply.error["code"] == "json" and "1,000,000 values" in reply.error["message"]
    photo = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 1_000_000}}
    large = [{"role": "user", "content": "[{,," * 120_000}, {"role": "user", "content": [photo, TEXT]}]
    assert run(chat(messages=large), max_text=500_000).status == 200


def test_tokenize_takes_a_chat_or_a_text():
    def ask(**fields):
        return run(json.dumps(fields).encode(), path="/tokenize").status

    messages = [{"role": "user", "content": "x"}]
    assert ask(prompt="x", add_special_tokens=True) == ask(messages=messages, continue_final_message=False) == 200
    assert ask() == ask(prompt="x", messages=messages) == ask(prompt=[1, 2]) == ask(prompt="x", temperature=0) == 400
    assert ask(messages=messages, chat_template="x") == ask(messages=messages, tools=[]) == 400


@pytest.mark.parametrize(
    "value",
    [
        nested(20), nested(200), {"enum": ["x" * 100] * 200}, {"type": "array", "items": {}, "maxItems": 10**6},
        {"type": "string", "pattern": "^([a-z]{1,200}){1,200}$"}, {"type": "string", "pattern": "a" * 101},
        {"properties": {f"p{n}": {"pattern": "^a+$"} for n in range(9)}},
        {"patternProperties": {"a{1,1000}": {}}}, {"type": "string", "minLength": 1e9}, [], "x", 3,
        {"properties": {f"p{n}": {} for n in range(200)}, "minProperties": 100, "maxProperties": 140},
    ],
)  # fmt: skip
def test_schema_that_takes_long_to_compile_is_refused(value):
    reply = run(chat(response_format=form(value)))
    assert reply.status == 400 and reply.error["param"].startswith("response_format")


def refs(**definitions):
    """Return a schema that refers to the first of some definitions."""
    return {"$ref": f"#/$defs/{next(iter(definitions))}", "$defs": definitions}


A, B = {"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}


@pytest.mark.parametrize(
    "value",
    [
        {"$ref": "#"}, refs(a=B, b=A), {"$ref": "#/$defs/none"}, {"$ref": "http://127.0.0.1/x"}, {"$ref": "x"},
        refs(a={"anyOf": [{"type": "string"}, B]}, b={"allOf": [A]}), {"anyOf": [{"oneOf": [{"$ref": "#"}]}]},
        {"type": "array", "items": A, "$defs": {"a": {"anyOf": [A]}}},
        {"type": "string", "minLength": -5}, {"type": "object", "properties": {"a": False}}, {"anyOf": [False]},
    ],
)  # fmt: skip
def test_schema_on_which_grammars_fail_is_refused(value):
    """vLLM would answer 500, after it has accepted the schema."""
    reply = run(chat(response_format=form(value)))
    assert reply.status == 400 and reply.error["param"].startswith("response_format")


@pytest.mark.parametrize(
    "value",
    [
        {"type": "object", "properties": {"a": {"$ref": "#"}}, "additionalProperties": False},
        refs(a={"type": "array", "items": A}), refs(a={"anyOf": [{"type": "null"}, {"type": "array", "items": A}]}),
        refs(a={"anyOf": [B, B]}, b={"type": "string"}), {"$defs": {"a/b~c": {}}, "$ref": "#/$defs/a~1b~0c"},
        {"type": "object", "properties": {"$ref": {"type": "string"}}, "minProperties": 1},
    ],
)  # fmt: skip
def test_schema_that_refers_to_itself_on_another_level_is_served(value):
    assert run(chat(response_format=form(value))).status == 200


@pytest.mark.parametrize(
    "value",
    [
        {"type": "grammar"}, {"type": "structural_tag"}, {"type": "json_schema"}, {"type": "text", "json_schema": {}},
        {}, [], {"type": "json_schema", "json_schema": {"name": "x"}},
        {"type": "json_object", "json_schema": {"name": "x", "schema": {}}}, {"type": ["text"]},
    ],
)  # fmt: skip
def test_other_form_of_an_answer_is_refused(value):
    reply = run(chat(response_format=value))
    assert reply.status == 400 and reply.error["param"].startswith("response_format")


def test_usual_schema_is_within_the_limits():
    item = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 100}}, "required": ["name"]}
    usual = {"$defs": {"item": item}, "type": "array", "items": {"$ref": "#/$defs/item"}, "maxItems": 50}
    assert run(chat(response_format=form(usual))).status == 200
    assert response_format.MAX_DEPTH > 8


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from([*SERVED, "stream_options", "messages", "guided_regex", "tools"]) | st.text(max_size=9)
PARTS = st.lists(st.sampled_from([PNG, TEXT, {}, {"type": "text"}, {"type": "image_url", "image_url": None}]) | JSON)
MESSAGES = st.fixed_dictionaries(
    {}, optional={"role": st.sampled_from(["user", "system", "assistant", "tool"]) | JSON, "content": JSON | PARTS}
)
BODIES = st.dictionaries(NAMES, JSON, max_size=5) | st.builds(
    lambda fields, messages: fields | {"messages": messages},
    st.dictionaries(NAMES, JSON, max_size=3),
    st.lists(MESSAGES | JSON, max_size=3),
)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(body=BODIES | JSON, path=st.sampled_from(["/v1/chat/completions", "/tokenize"]))
def test_any_body_is_served_or_refused_with_a_reason(body, path):
    inner = Inner()
    reply = run(json.dumps(body).encode(), path=path, inner=inner)
    if reply.status != 200:
        assert reply.status == 400 and reply.error and inner.bodies == []
    else:
        (sent,) = inner.bodies
        assert "messages" in sent or path == "/tokenize"
