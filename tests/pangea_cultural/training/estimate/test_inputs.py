import numpy as np

from pangea_cultural.training.batching.mixture import SourceQuestions
from pangea_cultural.training.estimate.inputs import subsample


def test_subsample_keeps_one_in_ten_usable_groups():
    starts = np.arange(0, 4001, 4)
    usable = np.repeat(np.arange(1000) >= 200, 4)
    source = subsample(SourceQuestions(starts, usable, 0.5, 300), 10)
    groups = np.unique(np.flatnonzero(source.usable) // 4)
    assert len(groups) == 80 and source.usable.sum() == 320 and groups.min() >= 200
    assert (source.weight, source.count) == (0.5, 30)
