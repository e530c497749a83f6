"""The tokens of answers at the end of prompts, for several chat templates and tokenizers."""

import asyncio
import math

import orjson
import pytest

from pangea_cultural.endpoint.alignment import Boundary, logprobs_of, shared_boundary
from pangea_cultural.endpoint.client import Endpoint
from pangea_cultural.endpoint.failures import NoLikelihoodsError
from tests.helpers.servers.scripted_endpoint import ScriptedEndpoint, completion


class Template:
    """A chat template with a tokenizer that splits text at given pieces, the longest first."""

    def __init__(self, header, *, pieces=(), before_answer=""):
        self.header, self.before_answer = header, before_answer
        self.pieces = sorted(pieces, key=len, reverse=True)

    def text(self, messages, *, continues):
        asked = messages[0]["content"]
        asked = asked if isinstance(asked, str) else asked[-1]["text"]
        return f"USER: {asked}" + (
            self.header + self.before_answer + messages[1]["content"] if continues else self.header
        )

    def tokens(self, text):
        found = []
        while text:
            piece = next((piece for piece in self.pieces if text.startswith(piece)), text[0])
            found.append(piece)
            text = text[len(piece) :]
        return found


def number(token):
    return sum(ord(character) * 31**place for place, character in enumerate(token))


def logprob(token):
    return -1 - number(token) % 7


def served(template, change=lambda entries: entries):
    """Return an endpoint with a template, as vLLM. `change` falsifies the log-probabilities of its prompts."""

    def tokenize(body):
        text = template.text(body["messages"], continues=body["continue_final_message"])
        return {"tokens": [number(token) for token in template.tokens(text)]}

    def chat(body, count):
        tokens = template.tokens(template.text(body["messages"], continues=True))
        entries = [{str(number(token)): {"logprob": logprob(token), "rank": 1}} for token in tokens]
        return orjson.dumps(orjson.loads(completion("x")) | {"prompt_logprobs": change([None, *entries[1:]])})

    return ScriptedEndpoint(chat, models=["m"], tokenize=tokenize)


def choose(server, *options):
    async def ask():
        async with Endpoint(server.url) as endpoint:
            return await endpoint.choose(None, "Who?", options)

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("template", "tokens"),
    [
        (Template("<|im_end|>assistant\n", pieces=["Japan", "Ja", "<|im_end|>"]), (["Japan"], ["Ja", "v", "a"])),
        (
            Template(" ASSISTANT:", before_answer=" ", pieces=[" Ja", " ASSISTANT", "pan"]),
            ([" Ja", "pan"], [" Ja", "v", "a"]),
        ),
        (
            Template("[/INST]", before_answer=" ", pieces=["[/INST]", "[/INST] "]),
            (["[/INST] ", *"Japan"], ["[/INST] ", *"Java"]),
        ),
    ],
    ids=["newline", "colon and blank", "joined"],
)
def test_likelihood_is_that_of_the_answer_with_any_template(template, tokens):
    with served(template) as server:
        found = choose(server, "Japan", "Java")
    assert [(likelihood.logprob, likelihood.num_tokens) for likelihood in found] == [
        (sum(map(logprob, part)), len(part)) for part in tokens
    ]


def test_all_options_begin_at_the_same_token():
    """The header's last character is joined with one of the options only."""
    with served(Template("A:", pieces=[":J"])) as server:
        joined, other = choose(server, "Ja", "Na")
    assert (joined.num_tokens, other.num_tokens) == (2, 3)
    assert other.logprob == sum(map(logprob, ":Na"))


class Thinking(Template):
    """A template that begins an answer with a mark, and writes answers without it."""

    def text(self, messages, *, continues):
        text = super().text(messages, continues=continues)
        return text if continues else f"{text}<think>"


def test_template_with_another_form_for_answers_gives_no_likelihoods():
    with served(Thinking("A:")) as server, pytest.raises(NoLikelihoodsError, match="another form for an answer"):
        choose(server, "Ja")


@pytest.mark.parametrize(
    "change",
    [
        lambda entries: None,
        lambda entries: entries[-2:],
        lambda entries: [{"5": {"logprob": -1.0}} for _ in entries],
        lambda entries: [*entries[:-1], {"5": {"logprob": -1.0}}],
        lambda entries: [*entries[:-4], {"5": {"logprob": -1.0}}, *entries[-3:]],
        lambda entries: [None for _ in entries],
    ],
    ids=["none", "short", "other tokens", "other last token", "other token before", "empty"],
)
def test_logprobs_of_other_tokens_are_refused(change):
    with (
        served(Template("A:"), change) as server,
        pytest.raises(NoLikelihoodsError, match="missing, or of other tokens"),
    ):
        choose(server, "Ja", "Na")


def test_value_is_that_of_the_token_and_not_the_first_one():
    def two(entries):
        return [entry and {"5": {"logprob": -0.1, "rank": 1}} | entry for entry in entries]

    with served(Template("A:")) as server, served(Template("A:"), two) as other:
        assert choose(server, "Ja", "Na") == choose(other, "Ja", "Na")


def test_endpoint_without_tokens_of_chats_gives_no_likelihoods():
    message = "does not tell the tokens of a chat"
    with (
        ScriptedEndpoint(lambda body, number: "x", models=["m"]) as server,
        pytest.raises(NoLikelihoodsError, match=message),
    ):
        choose(server, "Ja")


def test_boundary_near_the_beginning_may_include_the_first_token():
    boundary = shared_boundary([1, 2], [1, 2], [[1, 2, 3], [1, 2, 4, 5]]).of([1, 2, 3])
    assert boundary == Boundary((1, 2), (3,))
    assert logprobs_of([None, {"2": {"logprob": -1}}, {"3": {"logprob": -2}}], boundary) == [-2.0]
    assert math.isnan(logprobs_of([None, {"2": {"logprob": -1}}, {"3": {"logprob": math.nan}}], boundary)[0])


def test_tokens_of_the_question_are_not_compared():
    assert shared_boundary([7, 1, 2], [8, 1, 2], [[7, 1, 2, 3]]).of([7, 1, 2, 3]) == Boundary((1, 2), (3,))
    assert shared_boundary([7, 1], [8, 9], [[7, 1, 3]]).of([7, 1, 3]) == Boundary((), (3,))
    assert shared_boundary([7, 1, 2], [8, 1, 2], [[7, 1, 5]]).of([7, 1, 5]) == Boundary((1,), (5,))


def test_empty_answer_and_other_header_have_no_boundary():
    assert shared_boundary([1, 2], [1, 2], [[1, 2]]) is None
    assert shared_boundary([1, 2, 3, 4], [1, 2, 3, 4], [[1, 9, 9]]) is None
