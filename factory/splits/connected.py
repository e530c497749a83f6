"""Connected components: images that share something, directly or through others."""

import numpy as np


def first_of_component(nodes: int, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the smallest node of each node's component.

    Args:
        nodes: number of nodes.
        left: first nodes of the edges.
        right: second nodes of the edges.
    """
    if not len(left):
        return np.arange(nodes)
    # Imported here: a build whose images are split already needs no scipy.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    edges = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(nodes, nodes))
    _, labels = connected_components(edges, directed=False)
    _, first = np.unique(labels, return_index=True)
    return first[labels]
