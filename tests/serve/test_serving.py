"""The real server: vLLM gives the same answers as transformers and checks the key."""

import asyncio

import openai
import pytest
import torch
from PIL import Image
from transformers import LlavaNextForConditionalGeneration

from pangea_cultural.endpoint.client import Endpoint
from pangea_cultural.endpoint.concurrency import gather
from pangea_cultural.endpoint.messages import question
from pangea_cultural.errors import UserError
from pangea_cultural.model import processor
from tests.helpers.greedy_tokens import NUM_TOKENS, greedy_tokens

pytestmark = pytest.mark.serving


@pytest.fixture(scope="module")
def reference(workspace):
    """The same checkpoint in transformers."""
    folder = workspace / "checkpoints/tiny"
    return LlavaNextForConditionalGeneration.from_pretrained(folder).eval(), processor.load(folder)


@pytest.fixture(scope="module")
def prompts(export):
    """Fifty questions with their images, in three languages."""
    rows = [row for split in ("test", "dev") for row in export.questions(split) if row.question_type == "open"]
    return [(export.path / row.image, f"{row.question} ({n})") for n, row in enumerate((rows * 50)[:50])]


def chat(full, path, text, *, answer=None):
    turns = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": text}]}]
    if answer is not None:
        turns.append({"role": "assistant", "content": answer})
    prompt = full.apply_chat_template(
        turns, tokenize=False, add_generation_prompt=answer is None, continue_final_message=answer is not None
    )
    return full(images=Image.open(path).convert("RGB"), text=prompt, return_tensors="pt")


def test_greedy_tokens_equal_those_of_transformers(server, reference, prompts):
    model, full = reference
    assert len(prompts) == 50
    for path, text in prompts:
        inputs = chat(full, path, text)
        with torch.no_grad():
            tokens = model.generate(**inputs, max_new_tokens=NUM_TOKENS, min_new_tokens=NUM_TOKENS, do_sample=False)
        expected = tokens[0, inputs["input_ids"].shape[1] :].tolist()
        # `min_new_tokens` forbids the end mark in transformers, `ignore_eos` lets it pass in vLLM.
        assert greedy_tokens(server, path, text) == expected


def test_likelihoods_equal_those_of_transformers(server, reference, prompts):
    model, full = reference

    async def ask(answer):
        async with Endpoint(server.url, api_key=server.api_key) as endpoint:
            return await endpoint.likelihood(*prompts[0], answer)

    for answer in ("Japan", "Deutschland", "日本", " the flag"):
        inputs = chat(full, *prompts[0], answer=answer)
        with torch.no_grad():
            scores = model(**inputs).logits.log_softmax(-1)[0]
        ids = inputs["input_ids"][0]
        before = len(chat(full, *prompts[0], answer="")["input_ids"][0])
        expected = sum(scores[i - 1, ids[i]].item() for i in range(before, len(ids)))
        likelihood = asyncio.run(ask(answer))
        assert likelihood.num_tokens == len(ids) - before
        assert likelihood.logprob == pytest.approx(expected, abs=1e-3)


def test_streamed_pieces_join_to_the_answer(server, prompts):
    async def ask():
        async with Endpoint(server.url, api_key=server.api_key) as endpoint:
            pieces = [piece async for piece in endpoint.stream(*prompts[1], max_tokens=NUM_TOKENS)]
            return pieces, await endpoint.answer(*prompts[1], max_tokens=NUM_TOKENS)

    pieces, answer = asyncio.run(ask())
    assert "".join(pieces) == answer


def test_answers_are_greedy_unless_a_caller_asks_otherwise(server, prompts):
    def answers(**options):
        client = openai.OpenAI(base_url=server.url, api_key=server.api_key)
        request = {"model": server.model, "messages": [question(*prompts[1])], "max_tokens": NUM_TOKENS} | options
        return {client.chat.completions.create(**request).choices[0].message.content for _ in range(4)}

    greedy = answers(temperature=0)
    assert len(greedy) == 1 and answers() == greedy
    assert len(answers(temperature=2.0)) > 1


def test_text_without_image_is_answered(server):
    async def ask():
        async with Endpoint(server.url, api_key=server.api_key) as endpoint:
            return await endpoint.answer(None, "Hello", max_tokens=3)

    assert isinstance(asyncio.run(ask()), str)


def test_wrong_key_is_rejected(server):
    async def ask():
        async with Endpoint(server.url, api_key="wrong", model=server.model) as endpoint:
            await endpoint.answer(None, "Hello")

    with pytest.raises(UserError, match="rejects the key"):
        asyncio.run(ask())


def test_unknown_model_is_named(server):
    async def ask():
        async with Endpoint(server.url, api_key=server.api_key, model="other") as endpoint:
            await endpoint.answer(None, "Hello")

    with pytest.raises(UserError, match="does not serve other"):
        asyncio.run(ask())


def test_key_is_not_on_the_command_line(server):
    import psutil

    family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
    assert not any("secret" in part for process in family for part in process.cmdline())


def test_concurrent_answers_keep_their_order(server, prompts):
    async def ask_all():
        async with Endpoint(server.url, api_key=server.api_key) as endpoint:
            return await gather(lambda p: endpoint.answer(*p, max_tokens=4), prompts, concurrency=16)

    async def ask_one():
        async with Endpoint(server.url, api_key=server.api_key) as endpoint:
            return [await endpoint.answer(*p, max_tokens=4) for p in prompts]

    assert asyncio.run(ask_all()) == asyncio.run(ask_one())
