"""Byte-level BPE tokenizers with ChatML's special tokens, for models from scratch.

Any text round-trips: characters without a token are encoded as bytes.
"""

from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

PAD = "<|endoftext|>"
START = "<|im_start|>"
END = "<|im_end|>"
IMAGE = "<image>"
SPECIAL_TOKENS = (PAD, START, END, IMAGE)

SYSTEM = "You are a helpful assistant."

CHAT_TEMPLATE = (
    "{%- if messages[0]['role'] != 'system' %}"
    "{{- '<|im_start|>system\\n" + SYSTEM + "<|im_end|>\\n' }}"
    "{%- endif %}"
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message['role'] + '\\n' }}"
    "{%- if message['content'] is string %}"
    "{{- message['content'] }}"
    "{%- elif message['content'] | selectattr('type', 'equalto', 'text') | list | length > 1"
    " and message['content'][0]['type'] == 'text' and message['content'][-1]['type'] == 'text' %}"
    "{%- for part in message['content'] if part['type'] in ('text', 'image', 'image_url') %}"
    "{{- part['text'] if part['type'] == 'text' else '<image>' }}"
    "{%- endfor %}"
    "{%- else %}"
    "{%- set ns = namespace(images=0) %}"
    "{%- for part in message['content'] if part['type'] in ('image', 'image_url') %}"
    "{{- (' ' if ns.images else '') + '<image>' }}{%- set ns.images = ns.images + 1 %}"
    "{%- endfor %}"
    "{{- '\\n' if ns.images else '' }}"
    "{%- for part in message['content'] if part['type'] == 'text' %}{{- part['text'] }}{%- endfor %}"
    "{%- endif %}"
    "{%- if not (loop.last and continue_final_message) %}{{- '<|im_end|>\\n' }}{%- endif %}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)
"""ChatML as in Pangea's training: images first, joined by spaces, one newline, then the text.

If a message begins and ends with different parts of text, also empty ones, its images stay between them, as in the
training on texts with placeholders of images.
"""


def train(texts: Iterable[str], *, vocab_size: int, max_length: int) -> PreTrainedTokenizerFast:
    """Train a tokenizer.

    Args:
        texts: training texts. The same texts in the same order give the same tokenizer.
        vocab_size: number of tokens, including the special tokens and the 256 bytes.
        max_length: longest sequence of the model, in tokens.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=[START, IMAGE],
        chat_template=CHAT_TEMPLATE,
        model_max_length=max_length,
        padding_side="right",
    )
