import pytest

from pangea_cultural.model import tokenizer
from pangea_cultural.reference.languages import languages
from tests.helpers import tiny


def test_any_language_round_trips():
    text_tokenizer = tiny.tokenizer()
    for language in languages().values():
        ids = text_tokenizer.encode(language.native, add_special_tokens=False)
        assert text_tokenizer.decode(ids) == language.native


def test_special_tokens_encode_to_one_token():
    text_tokenizer = tiny.tokenizer()
    for token in tokenizer.SPECIAL_TOKENS:
        assert len(text_tokenizer.encode(token, add_special_tokens=False)) == 1


def test_chat_template_matches_pangea():
    text_tokenizer = tiny.tokenizer()
    parts = [{"type": "text", "text": "What?"}, {"type": "image"}]
    text = text_tokenizer.apply_chat_template(
        [{"role": "user", "content": parts}], tokenize=False, add_generation_prompt=True
    )
    assert text == (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        "<|im_start|>user\n<image>\nWhat?<|im_end|>\n<|im_start|>assistant\n"
    )


def test_chat_template_continues_a_given_answer():
    text_tokenizer = tiny.tokenizer()
    turns = [{"role": "user", "content": "What?"}, {"role": "assistant", "content": "Jap"}]
    text = text_tokenizer.apply_chat_template(turns, tokenize=False, continue_final_message=True)
    assert text.endswith("<|im_start|>assistant\nJap")


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (["See ", None, ". Who?"], "See <image>. Who?"),
        (["", None, " and ", None, ""], "<image> and <image>"),
        (["Who?", None], "<image>\nWho?"),
        ([None, None, "Who?"], "<image> <image>\nWho?"),
        ([None, "Who", "?"], "<image>\nWho?"),
        (["Who", "?"], "Who?"),
    ],
)
def test_chat_template_keeps_images_between_texts(parts, expected):
    content = [{"type": "image"} if part is None else {"type": "text", "text": part} for part in parts]
    text = tiny.tokenizer().apply_chat_template([{"role": "user", "content": content}], tokenize=False)
    assert f"user\n{expected}<|im_end|>" in text
