import cv2
import numpy as np
import pytest

from mmface_core.errors import UserError
from train.measure.curve import write_chart
from train.picture_file import write_picture


def test_a_picture_is_written_in_its_own_colours(tmp_path):
    write_picture(tmp_path / "red.png", np.full((4, 4, 3), (255, 0, 0), np.uint8))
    assert cv2.imread(str(tmp_path / "red.png"))[0, 0].tolist() == [0, 0, 255]


@pytest.mark.parametrize("name", ["nowhere/sheet.png", "sheet.text", "sheet"])
def test_a_picture_that_cannot_be_written_is_told(tmp_path, name):
    with pytest.raises(UserError, match="cannot be written"):
        write_picture(tmp_path / name, np.zeros((4, 4, 3), np.uint8))


def test_a_chart_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(UserError, match="cannot be written"):
        write_chart(tmp_path / "nowhere" / "chart.png", {"a": [(0.0, 0.0), (1.0, 1.0)]}, "chart", 1.0)
