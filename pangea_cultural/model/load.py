"""temporary"""

from pathlib import Path

from pangea_cultural.errors import UserError
from pangea_cultural.model import processor
from pangea_cultural.model.packed import PackedLlavaNext


def load(name, *, dtype, attention):
    loaded, info = PackedLlavaNext.from_pretrained(name, dtype=dtype, output_loading_info=True)
    wrong = {key: value for key, value in info.items() if value}
    if wrong:
        raise UserError(f"{name} is no complete LLaVA-NeXT checkpoint: {wrong}")
    loaded.set_attn_implementation({"text_config": attention})
    return loaded, processor.load(Path(name))
