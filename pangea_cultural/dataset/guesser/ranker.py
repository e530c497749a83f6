"""A linear ranker of the options of choice questions.

It learns from pairs of a right and a wrong option of the same question, so that it ranks options, whatever the
question.
"""

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.linear_model import SGDClassifier

from pangea_cultural.dataset.guesser import features
from pangea_cultural.dataset.guesser.features import Asked


def pairs(asked: Asked, right: Any) -> sparse.csr_matrix:
    """Return the differences of the right option and each wrong one: for N questions of K options, N x (K - 1) rows.

    Args:
        asked: N questions.
        right: position of the right option of each.
    """
    options = len(asked.choices[0])
    of_options = features.matrix(asked)
    first = np.arange(len(right)) * options
    wrong = [first + (right + step) % options for step in range(1, options)]
    return of_options[np.repeat(first + right, options - 1)] - of_options[np.stack(wrong, 1).ravel()]


def learn(differences: sparse.csr_matrix, seed: int) -> Any:
    """Fit a ranker to `pairs`; return the weights of the features.

    Half of the pairs are turned around, because a classifier needs two classes.
    """
    sign = np.where(np.random.default_rng(seed).random(differences.shape[0]) < 0.5, 1.0, -1.0).astype(np.float32)
    model = SGDClassifier(
        loss="log_loss", alpha=1e-5, fit_intercept=False, max_iter=6, tol=None, average=True, random_state=seed % 2**32
    )
    # Features without a value have the weight 0. With few questions these are nearly all.
    used = np.unique(differences.indices)
    model.fit(sparse.diags(sign).dot(differences[:, used]).tocsr(), sign)
    weights = np.zeros(differences.shape[1], model.coef_.dtype)
    weights[used] = model.coef_[0]
    return weights


def guesses(weights: Any, asked: Asked) -> list[str]:
    """Return the option of each question that a ranker puts first; the first one of equal ones."""
    scores = (features.matrix(asked) @ weights).reshape(len(asked.choices), -1)
    return [options[place] for options, place in zip(asked.choices, scores.argmax(axis=1), strict=True)]
