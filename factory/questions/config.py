"""Configuration of the choice of questions: the recipe's table `[balance]`."""

from typing import Literal

from pydantic import Field

from pangea_cultural.config import Config

Dimension = Literal["region", "property", "answer", "language"]
DIMENSIONS: tuple[Dimension, ...] = ("region", "property", "answer", "language")
"""Dimensions in the order in which they are balanced."""


class BalanceConfig(Config):
    """Questions to drop, so that frequent regions, properties, answers or languages count less."""

    by: tuple[Dimension, ...] = ()
    """Dimensions to balance: region, property, language, answer. Nothing is dropped by default."""
    temperature: float = Field(default=0.5, ge=0, le=1)
    """Exponent T: a region, property or language of n questions keeps a number proportional to n^T. 1 keeps all, and 0
    makes all equal. It is the exponent that mT5 calls alpha, and the reciprocal of the temperature in p ~ n^(1/T).
    Answers have a limit of their own, a quarter, which T does not change."""
    smallest: float = Field(default=0.1, ge=0, le=1)
    """Regions, properties and languages with fewer questions than this share of their mean keep all, and do not reduce
    the others."""
    splits: tuple[Literal["train", "dev", "test", "unseen"], ...] = Field(default=("train",), min_length=1)
    """Splits to balance by region, property and language. Answers are balanced in all splits, because an answer that is
    frequent in test can be guessed there."""

    @property
    def without_effect(self) -> list[str]:
        """Keys that are set, although nothing that is balanced uses them."""
        by_number = any(name != "answer" for name in self.by)
        return [] if by_number else sorted(self.model_fields_set & {"temperature", "smallest", "splits"})


NO_BALANCE = BalanceConfig()
"""The default, which drops nothing."""
