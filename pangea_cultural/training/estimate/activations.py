"""How many bytes autograd keeps of a forward pass, by formulas that follow transformers' code of Qwen2 and CLIP line by
line; tests hold them against the tensors that are really saved.

The way of counting is that of Korthikanti et al. (2022, arXiv 2205.05198), section 4.
"""

from dataclasses import dataclass

from transformers import CLIPVisionConfig, LlavaNextConfig, PretrainedConfig


@dataclass(frozen=True)
class Width:
    """Bytes of a number: in matrix products, and in the residual stream between layers."""

    compute: int
    stream: int

    @property
    def casts(self) -> bool:
        """Whether a matrix product makes a copy of its input, as autocast does."""
        return self.compute != self.stream


def language_model_bytes(
    text: PretrainedConfig,
    rows: int,
    length: int,
    width: Width,
    *,
    learns: bool,
    adapters: int,
    attention: str,
    checkpointing: bool,
) -> int:
    """Of a language model of Qwen2's kind, from its input embeddings to its last norm.

    Args:
        text: its configuration.
        rows: of the batch.
        length: tokens of a row.
        width: of numbers.
        learns: whether its own weights do; gradients pass through in any case.
        adapters: numbers a token that all its adapters keep.
        attention: of transformers.
        checkpointing: whether a layer keeps its input only, and all of it while its backward pass runs.
    """
    tokens, layers = rows * length, text.num_hidden_layers
    layer = tokens * _layer(text, width, learns, attention) + _square(text, rows, length, width, attention)
    layer += tokens * adapters * width.compute // layers
    mask = 0 if attention == "flex_attention" else rows * length**2 * width.stream
    norm = tokens * text.hidden_size * (4 + (width.stream if learns else 0))
    if checkpointing:
        return layers * tokens * text.hidden_size * width.stream + layer + mask + norm
    return layers * layer + mask + norm


def _layer(text: PretrainedConfig, width: Width, learns: bool, attention: str) -> int:
    """Bytes a token of a layer."""
    hidden, inner, heads = text.hidden_size, text.intermediate_size, text.num_attention_heads
    head = getattr(text, "head_dim", None) or hidden // heads
    # transformers repeats keys and values for all query heads, but for FlexAttention with a power of two of these.
    grouped = attention == "flex_attention" and heads & (heads - 1) == 0
    keys = text.num_key_value_heads if grouped else heads
    # A norm keeps its input in float32, and what it multiplies with its weight if that learns.
    norms = 2 * hidden * (4 + (width.stream if learns else 0))
    # Inputs of the query, key, value, gate and up projections: one tensor for each norm, or a cast for each projection.
    inputs = (5 if width.casts else 2) * hidden * width.compute if learns else 0
    # Query, key, value and result; the logarithm of each head's sum, in float32.
    attended = 2 * (heads + keys) * head * width.compute + 4 * heads
    # Gate, its activation, up, and their product.
    gated = (4 if learns else 3) * inner * width.compute
    return norms + inputs + attended + gated


def _square(text: PretrainedConfig, rows: int, length: int, width: Width, attention: str) -> int:
    """Bytes of a layer that grow with the square of the length, for attention over a dense mask."""
    pairs = rows * length**2
    if attention == "eager":
        # Probabilities in float32, and as they are multiplied with the values.
        return text.num_attention_heads * pairs * (4 + (width.compute if width.compute < 4 else 0))
    return pairs * width.compute if attention == "sdpa" and width.casts else 0


def vision_tower_bytes(vision: CLIPVisionConfig, tiles: int, width: Width, *, learns: bool, checkpointing: bool) -> int:
    """Of a CLIP tower: what autograd keeps if it learns, else the output of every layer, which LLaVA-NeXT asks for, and
    the widest layer at work.
    """
    patches = tiles * ((vision.image_size // vision.patch_size) ** 2 + 1)
    hidden, inner, layers = vision.hidden_size, vision.intermediate_size, vision.num_hidden_layers
    outputs = (layers + 1) * hidden * width.stream
    if not learns:
        return patches * (outputs + 3 * inner * width.compute)
    # Inputs of norms; inputs of projections; query, key, value and result; the activation's input, sigmoid and result.
    inputs = (4 if width.casts else 2) * hidden * width.compute
    layer = 2 * hidden * width.stream + inputs + 4 * hidden * width.compute + 3 * inner * width.compute
    return patches * (outputs + layer if checkpointing else layers * layer)


def projector_bytes(config: LlavaNextConfig, tiles: int, width: Width) -> int:
    """Of the projector: the inputs of its two layers and of the activation between them."""
    patches = tiles * (config.vision_config.image_size // config.vision_config.patch_size) ** 2
    return patches * (config.vision_config.hidden_size + 2 * config.text_config.hidden_size) * width.compute
