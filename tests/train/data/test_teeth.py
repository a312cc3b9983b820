import numpy as np

from train.data.head import default_head
from train.data.render.teeth import place_teeth


def test_only_the_teeth_move_and_each_row_as_one_piece():
    head = default_head()
    moved = place_teeth(np.random.default_rng(1), head.mean) - head.mean
    teeth = np.zeros(head.n_vertices, bool)
    for part in ("teeth_upper", "teeth_lower"):
        teeth[head.parts[part]] = True
        assert np.ptp(moved[head.parts[part]], axis=0).max() < 1e-4
        assert moved[head.parts[part]][0, 1] < 0  # down, where an open mouth shows them
    assert not moved[~teeth].any()
