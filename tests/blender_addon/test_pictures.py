"""The small pictures that the panel shows."""

import numpy as np

from retarget.worker.pictures import KEPT, Pictures


def test_no_request_writes_a_picture_of_the_name_that_an_earlier_one_had(tmp_path):
    image = np.zeros((40, 60, 3), np.uint8)
    names = []
    for _ in range(3):  # requests, each of them a photo or a short clip
        pictures = Pictures(tmp_path, painter=None)  # no face is painted
        names += [pictures.write(image, []) for _ in range(2)]
    assert len(set(names)) == len(names)
    assert sorted(map(str, tmp_path.iterdir())) == names[-KEPT:]
