"""Training of a LLaVA-NeXT on the same conversations with TRL, as its documentation shows; needs TRL.

    python -P tests/perf/support/trl_peer.py CHECKPOINT CONVERSATIONS --steps 3 --batch-questions 16 --rows 1

Prints JSON: the number of questions and the seconds at the end of each step; with `--count`, the number of tokens and
targets of all rows. It imports nothing of this project.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import trl
from datasets import Dataset, Image, Sequence
from transformers import PrinterCallback, TrainerCallback

# TRL finds targets only with a template that marks the assistant's text. This one writes the project's text.
TEMPLATE = (
    "{{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}"
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message['role'] + '\\n' }}"
    "{%- if message['role'] == 'assistant' %}"
    "{%- generation %}{{- message['content'][0]['text'] + '<|im_end|>' }}{%- endgeneration %}"
    "{%- else %}"
    "{%- for part in message['content'] %}"
    "{{- '<image>\\n' if part['type'] == 'image' else part['text'] }}"
    "{%- endfor %}"
    "{{- '<|im_end|>' }}"
    "{%- endif %}"
    "{{- '\\n' }}"
    "{%- endfor %}"
)


def rows(path: Path) -> Dataset:
    """Return a row per question of a LLaVA file, with its image and a length for grouping."""
    examples = []
    for row in json.loads(path.read_text()):
        question, answer = (part["value"].replace("<image>", "").strip() for part in row["conversations"])
        messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        image = str(path.parent / row["image"])
        examples.append({"messages": messages, "images": [image], "length": len(question) + len(answer)})
    return Dataset.from_list(examples).cast_column("images", Sequence(Image()))


class Clock(TrainerCallback):
    """Callback that records the end of each step.

    Args:
        batch_questions: questions in a step.
    """

    def __init__(self, batch_questions: int) -> None:
        self.log: list[dict[str, float]] = []
        self._batch_questions = batch_questions

    def on_step_end(self, args: Any, state: Any, *_: Any, **__: Any) -> None:
        questions = state.global_step * self._batch_questions
        self.log.append({"questions": questions, "seconds": time.monotonic()})


def trainer(options: argparse.Namespace, output: str, clock: Clock) -> trl.SFTTrainer:
    """Return TRL's trainer with equal settings, and the fastest option where it has a choice."""
    template = Path(output) / "template.jinja"
    template.write_text(TEMPLATE)
    settings = trl.SFTConfig(
        output_dir=output,
        max_steps=options.steps,
        per_device_train_batch_size=options.rows,
        gradient_accumulation_steps=options.batch_questions // options.rows,
        train_sampling_strategy="group_by_length",
        remove_unused_columns=False,  # `length` is what rows are grouped by
        chat_template_path=str(template),
        assistant_only_loss=True,
        max_length=None,
        gradient_checkpointing=False,
        bf16=False,
        use_cpu=True,
        dataloader_num_workers=0,
        dataloader_pin_memory=False,
        learning_rate=1e-5,
        save_strategy="no",
        logging_steps=1,
        report_to="none",
        disable_tqdm=True,
    )
    sft_trainer = trl.SFTTrainer(
        model=str(options.checkpoint), args=settings, train_dataset=rows(options.conversations), callbacks=[clock]
    )
    sft_trainer.remove_callback(PrinterCallback)
    sft_trainer.model.model.vision_tower.requires_grad_(False)
    return sft_trainer


def counts(sft_trainer: trl.SFTTrainer) -> dict[str, Any]:
    """Return the tokens and targets of all rows, and TRL's version."""
    batches = [sft_trainer.data_collator([row]) for row in sft_trainer.train_dataset]
    return {
        "version": trl.__version__,
        "tokens": sum(int(batch["attention_mask"].sum()) for batch in batches),
        "targets": sum(int((batch["labels"] != -100).sum()) for batch in batches),
    }


def main() -> None:
    """Train, or only count."""
    parser = argparse.ArgumentParser()
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("conversations", type=Path)
    parser.add_argument("--steps", type=int, default=1)
    parser.add_argument("--batch-questions", type=int, default=1)
    parser.add_argument("--rows", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--count", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as output:
        clock = Clock(options.batch_questions)
        sft_trainer = trainer(options, output, clock)
        if options.count:
            print(json.dumps(counts(sft_trainer)))
            return
        sft_trainer.train()
        print(json.dumps({"log": clock.log}))


if __name__ == "__main__":
    main()
