"""Simulated answers with a known true score, in the designs whose coverage and false alarms are measured."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import ndtr, ndtri

from evalsuite.statistics.scores import Scores


@cache
def layout(clusters, size, cells=False):
    """Return scores of clusters of equal size. With cells, each answer of a cluster is in another cell."""
    numbers, places = np.indices((clusters, size))
    return Scores.of(np.zeros(clusters * size), numbers.ravel(), places.ravel().tolist() if cells else None)


@dataclass(frozen=True)
class OneFigure:
    """Clusters of equal size. The answers of a cluster are right with its own probability, from a beta distribution."""

    clusters: int
    size: int
    mean: float
    correlation: float
    graded: bool = False
    """Whether scores are between 0 and 1, from a beta distribution with the cluster's mean."""

    @property
    def name(self):
        kind = "graded" if self.graded else "0/1"
        return f"{kind}, {self.clusters}x{self.size}, mean {self.mean}, correlation {self.correlation}"

    @property
    def truth(self):
        return self.mean

    def draw(self, rng):
        shape = (self.clusters, self.size)
        concentration = 1 / self.correlation - 1 if self.correlation else None
        chance = np.full(self.clusters, self.mean)
        if concentration:
            chance = rng.beta(self.mean * concentration, (1 - self.mean) * concentration, self.clusters)
        chance = chance[:, None]
        if self.graded:
            # 8 is the concentration of the scores of one image.
            values = rng.beta(np.maximum(8 * chance, 1e-6), np.maximum(8 * (1 - chance), 1e-6), shape)
        else:
            values = (rng.random(shape) < chance).astype(float)
        return layout(*shape).with_values(values.ravel())


@dataclass(frozen=True)
class Macro:
    """Languages that share images: a latent difficulty of each image correlates the answers in all languages."""

    images: int
    languages: int
    lowest: float
    highest: float
    correlation: float
    graded: bool = False

    @property
    def name(self):
        kind = "graded" if self.graded else "0/1"
        return (
            f"macro {kind}, {self.images} images x {self.languages} languages, means {self.lowest} to {self.highest}, "
            f"correlation {self.correlation}"
        )

    @property
    def means(self):
        return np.linspace(self.lowest, self.highest, self.languages)

    @property
    def truth(self):
        return float(self.means.mean())

    def draw(self, rng):
        shape = (self.images, self.languages)
        latent = np.sqrt(self.correlation) * rng.standard_normal((self.images, 1))
        latent = latent + np.sqrt(1 - self.correlation) * rng.standard_normal(shape)
        # A power of a uniform variable has any mean between 0 and 1.
        values = ndtr(latent) ** (1 / self.means - 1) if self.graded else (latent < ndtri(self.means)).astype(float)
        return layout(*shape, cells=True).with_values(values.ravel())


@dataclass(frozen=True)
class TwoRuns:
    """Two runs with a share of difficulty in common, of images and of questions, and with a share of their own."""

    clusters: int
    size: int
    a: float
    b: float
    shared: float
    """Share of the variance that both runs have in common, half of it by image."""
    own: float
    """Share of the variance that a run has of its own for each image."""

    @property
    def name(self):
        return f"{self.clusters}x{self.size}, {self.a} and {self.b}, shared {self.shared}, own {self.own}"

    @property
    def truth(self):
        return self.a - self.b

    def draw(self, rng):
        shape = (self.clusters, self.size)
        common = np.sqrt(self.shared / 2) * (rng.standard_normal((self.clusters, 1)) + rng.standard_normal(shape))
        runs = []
        for mean in (self.a, self.b):
            own = np.sqrt(self.own) * rng.standard_normal((self.clusters, 1))
            rest = np.sqrt(1 - self.shared - self.own) * rng.standard_normal(shape)
            runs.append((common + own + rest < ndtri(mean)).astype(float).ravel())
        of = layout(*shape).with_values
        return of(runs[0]), of(runs[1]), of(runs[0] - runs[1])
