"""Greedy tokens of a served model."""

from openai import OpenAI

from pangea_cultural.endpoint.messages import data_url

NUM_TOKENS = 8


def greedy_tokens(server, path, text):
    """Return greedy tokens, past the end mark: a random model must not agree with an empty answer."""
    client = OpenAI(base_url=server.url, api_key=server.api_key)
    content = [{"type": "image_url", "image_url": {"url": data_url(path)}}, {"type": "text", "text": text}]
    reply = client.chat.completions.create(
        model=server.model,
        messages=[{"role": "user", "content": content}],
        max_tokens=NUM_TOKENS,
        temperature=0,
        extra_body={"ignore_eos": True, "return_token_ids": True},
    )
    return reply.choices[0].model_extra["token_ids"]
