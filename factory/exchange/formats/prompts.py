"""Prompts and replies of chats, as SQL expressions over the columns of a question."""

from importlib import resources

from factory.exchange.source import Source
from pangea_cultural.dataset.question import AnswerStyle


def prompt_and_reply(source: Source, answer_style: AnswerStyle) -> tuple[str, str]:
    """Return the expressions of prompt and reply. The answer of a choice question must be among its choices."""
    source.define(resources.files(__package__).joinpath("prompts.sql").read_text("utf-8"))
    style = f"style_of(id, '{answer_style}')"
    return (
        f"prompt(question, question_type, choices, instruction, {style})",
        f"reply(id, question_type, choices, answer, sentence, {style})",
    )
