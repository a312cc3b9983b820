"""Readers of the paper's datasets on stand-ins with their real folders, names and conventions."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmface_core.cli import run
from mmface_core.errors import UserError
from mmface_core.geometry.camera import weak_perspective
from tests.train.datasets import stand_ins
from train.batch import Place
from train.commands.dataset import dataset as dataset_command
from train.datasets.cropping import FACE_PX, box_crop, fitted_pose, pose_from_file, pose_in_crop
from train.datasets.index import build_index, open_dataset, read_index, write_index
from train.datasets.kinds import kind_of
from train.datasets.labels import BadItem
from train.datasets.stream import Order, make_dataset_loader, open_samples
from train.datasets.t7 import read_t7_tensor, write_t7_tensor
from train.datasets.truth import TruthMaker


def project(model, truth) -> np.ndarray:
    """The true landmarks (68, 3) in crop px."""
    import torch

    codes = [torch.from_numpy(code)[None] for code in (truth.identity, truth.expression)]
    pose = [torch.from_numpy(np.asarray(part, np.float32))[None] for part in truth.pose]
    return weak_perspective(model.landmarks(*codes), *pose)[0].numpy()


@pytest.mark.parametrize("kind", ["300w_lp", "aflw2000"])
def test_the_files_poses_and_codes_land_on_the_files_points(tmp_path, model, basel, kind):
    make = stand_ins.lp300w if kind == "300w_lp" else stand_ins.aflw2000
    index = open_dataset(make(tmp_path / kind, basel))
    maker = TruthMaker(model)
    assert index.dataset.key == kind and len(index.items) == (16 if kind == "300w_lp" else 6)
    for item in index.items:
        labels = index.dataset.labels(item)
        image = index.dataset.picture(item)
        crop = box_crop(labels.points, turn=0.3)
        truth = maker.truth(labels, crop, image.shape[0])
        assert truth.exact
        # MATLAB counts pixels from 1, pose and points alike.
        wanted = crop.points_to_crop(labels.points - 1.0)
        np.testing.assert_allclose(project(model, truth)[:, :2], wanted, atol=0.02)
        size = np.ptp(box_crop(labels.points).points_to_crop(labels.points), axis=0)
        assert abs(np.sqrt(size.prod()) - FACE_PX) < 1e-6


def test_yaw_is_positive_towards_the_subjects_left_and_both_label_sets_are_read(tmp_path, basel):
    index = open_dataset(stand_ins.aflw2000(tmp_path / "a", basel))
    yaws = [index.dataset.labels(item).yaw_deg for item in index.items]
    np.testing.assert_allclose(np.abs(yaws), np.linspace(0, 85, 6), atol=1e-3)
    labels = index.dataset.labels(index.items[3])
    np.testing.assert_allclose(labels.reannotated, labels.points + 0.5, atol=1e-3)
    # Turned to their left, the subject's left cheek is the narrow one.
    left = max(index.items, key=lambda item: index.dataset.labels(item).yaw_deg)
    points = index.dataset.labels(left).points
    assert abs(points[16, 0] - points[30, 0]) < abs(points[0, 0] - points[30, 0])


def test_video_frames_come_with_their_own_points(tmp_path, basel):
    index = open_dataset(stand_ins.vw300(tmp_path / "vw", basel))
    assert len(index.items) == 10
    for place in (0, 1, 4, 2, 7):  # forward, and back
        item = index.items[place]
        assert abs(int(index.dataset.picture(item).mean()) - (30 + 20 * (place % 5))) <= 3
    assert index.dataset.labels(index.items[0]).points.shape == (68, 2)


def test_ls3d_w_reads_its_tensors(tmp_path, basel):
    index = open_dataset(stand_ins.ls3d_w(tmp_path / "ls", basel))
    assert [item.name for item in index.items] == ["300W-Testset-3D/face1", "Menpo-3D/face0", "Menpo-3D/face2"]
    wanted = stand_ins.labelled(basel, 301, yaw=10.0)["marks"][:2].T
    np.testing.assert_allclose(index.dataset.labels(index.items[0]).points, wanted)


@settings(max_examples=30, deadline=None)
@given(data=st.binary(max_size=200))
def test_a_t7_file_of_any_bytes_is_a_tensor_or_told(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("t7") / "x.t7"
    path.write_bytes(data)
    with pytest.raises(BadItem):
        read_t7_tensor(path)


def test_a_t7_tensor_that_claims_more_than_its_file_is_told(tmp_path):
    path = tmp_path / "x.t7"
    write_t7_tensor(path, np.arange(136.0).reshape(68, 2))
    whole = path.read_bytes()
    assert (read_t7_tensor(path) == np.arange(136.0).reshape(68, 2)).all()
    place = whole.index(np.array([68, 2, 2, 1], "<i8").tobytes())
    huge = np.array([2**40, 2, 2, 1], "<i8").tobytes()
    for broken in (whole[:place] + huge + whole[place + 32 :], whole[:-8]):
        path.write_bytes(broken)
        with pytest.raises(BadItem):
            read_t7_tensor(path)


def test_bad_files_are_counted_by_reason_and_left_out(tmp_path, basel, capsys):
    root = stand_ins.lp300w(tmp_path / "lp", basel)
    (root / "AFW" / "AFW_0_0.mat").write_bytes(b"no matlab")
    (root / "HELEN" / "HELEN_1_0.jpg").unlink()
    out = tmp_path / "index.csv"
    assert run(dataset_command, [str(root), "-o", str(out)]) == 0
    said = capsys.readouterr().out
    assert "14 faces, 2 bad" in said and "1 left out: the picture is missing" in said
    index = read_index(out)
    assert len(index.items) == 14 and sum(index.bad.values()) == 2
    assert open_dataset(out).items == open_dataset(f"300w_lp:{root}").items


def test_an_index_is_made_anew_when_files_come(tmp_path, basel):
    root = stand_ins.ls3d_w(tmp_path / "ls", basel, 2)
    assert len(open_dataset(root).items) == 2
    stand_ins.ls3d_w(root, basel, 3)
    assert len(open_dataset(root).items) == 3


def test_what_is_no_dataset_is_told(tmp_path, capsys):
    with pytest.raises(UserError, match="none of the datasets"):
        kind_of(tmp_path)
    with pytest.raises(UserError, match="no face of LS3D-W"):
        build_index(tmp_path, "ls3d_w")
    broken = tmp_path / "x.csv"
    broken.write_text("hello\n")
    with pytest.raises(UserError, match="no index"):
        open_dataset(broken)
    assert run(dataset_command, [str(tmp_path / "nowhere")]) == 2


def test_every_epoch_visits_every_item_once_and_videos_stay_together(tmp_path, basel):
    pictures = build_index(stand_ins.lp300w(tmp_path / "lp", basel))
    videos = build_index(stand_ins.vw300(tmp_path / "vw", basel))
    order = Order([pictures, videos], seed=3)
    first = [order.at(place) for place in range(26)]
    second = [order.at(place) for place in range(26, 52)]
    assert sorted(first) == sorted(second) == sorted(order.items) and first != second
    frames = [item.frame for number, item in first if number == 1]
    assert frames == [0, 1, 2, 3, 4] * 2
    assert [order.at(place) for place in range(26)] == first  # also after the second epoch


@pytest.mark.parametrize("workers", [0, 2])
def test_ranks_and_workers_share_the_batches_of_one_run(tmp_path, basel, model_path, monkeypatch, workers):
    root = stand_ins.lp300w(tmp_path / "lp", basel)
    write_index(build_index(root), tmp_path / "lp.csv")
    data = {"datasets": [str(tmp_path / "lp.csv")]}

    def batches(rank: int, ranks: int, start: int = 0, count: int = 3, used: int = 0):
        loader = iter(make_dataset_loader(data, model_path, 256, 5, Place(start, 4, rank, ranks), used))
        return [next(loader) for _ in range(count)]

    whole = batches(0, 1, used=workers)
    if workers == 0:
        halves = [batches(rank, 2) for rank in range(2)]
        for k in range(3):
            for key in whole[k]:
                assert (np.concatenate([halves[0][k][key], halves[1][k][key]]) == whole[k][key].numpy()).all(), key
    resumed = batches(0, 1, start=8, count=1)[0]
    assert all((resumed[key] == whole[2][key]).all() for key in resumed)
    assert whole[0]["crop"].shape == (4, 256, 256, 3) and whole[0]["identity"].shape == (4, 6)


def test_a_picture_that_does_not_decode_gives_way_to_the_next_and_is_counted(tmp_path, basel, model):
    root = stand_ins.lp300w(tmp_path / "lp", basel)
    samples = open_samples({"datasets": [str(root)], "augment": False}, model, 256, 1)
    broken = samples.order.at(2)[1]
    (root / broken.picture).write_bytes(b"no picture")
    made = [samples.sample(place) for place in range(4)]
    assert [int(sample["bad"]) for sample in made] == [0, 0, 1, 0]
    assert (made[2]["identity"] == made[3]["identity"]).all()


def test_points_without_parameters_get_a_fitted_face_that_is_trusted_less(tmp_path, basel, model):
    root = stand_ins.vw300(tmp_path / "vw", basel)
    samples = open_samples({"datasets": [str(root)], "augment": False}, model, 256, 1)
    sample = samples.sample(0)
    assert sample["identity_weight"] < 1 and sample["pose_weight"] == 1
    index = open_dataset(root)
    maker = TruthMaker(model)
    labels = index.dataset.labels(index.items[0])
    crop = box_crop(labels.points)
    fitted = maker.truth(labels, crop, 450)
    apart = np.linalg.norm(project(model, fitted)[:, :2] - crop.points_to_crop(labels.points), axis=1)
    assert apart.mean() < 1.0  # px of 256


@pytest.mark.parametrize("kind", ["300w_lp", "aflw2000"])
def test_a_face_fitted_to_the_points_lies_where_the_files_own_parameters_put_it(tmp_path, model, basel, kind):
    make = stand_ins.lp300w if kind == "300w_lp" else stand_ins.aflw2000
    index = open_dataset(make(tmp_path / kind, basel))
    maker = TruthMaker(model)
    shifts = []
    for item in index.items[:6]:
        labels = index.dataset.labels(item)
        crop = box_crop(labels.points)
        exact, fitted = maker.truth(labels, crop, 450), maker.truth(replace(labels, pose=None), crop, 450)
        assert exact.exact and not fitted.exact
        shifts.append((project(model, fitted) - project(model, exact))[:, :2].mean(axis=0) / crop.zoom)
    assert np.abs(np.mean(shifts, axis=0)).max() < 0.3  # px of the picture; the files count from 1


def test_a_pose_of_a_file_and_a_fit_of_its_points_agree(tmp_path, basel, model):
    index = open_dataset(stand_ins.aflw2000(tmp_path / "a", basel))
    labels = index.dataset.labels(index.items[0])
    crop = box_crop(labels.points)
    pose = pose_in_crop(pose_from_file(labels.pose, model, 450), crop)
    fit = fitted_pose(crop.points_to_crop(labels.points), TruthMaker(model).neutral)
    assert np.degrees(np.arccos(np.clip((np.trace(pose.rotation.T @ fit.rotation) - 1) / 2, -1, 1))) < 12
    assert abs(pose.scale / fit.scale - 1) < 0.1


@pytest.mark.shared
def test_the_real_300w_lp_file_and_the_real_aflw2000_files_are_read(shared):
    index = open_dataset(shared / "data" / "images" / "aflw2000_3d")
    assert len(index.items) == 11 and index.bad == {"the .mat lacks pt3d_68": 1}
    with_pose = [index.dataset.labels(item) for item in index.items if item.labels.endswith(".mat")]
    assert len(with_pose) == 8 and all(len(labels.shape_para) == 199 for labels in with_pose)
    from mmface_core.model.face_model import FaceModel

    neutral = TruthMaker(FaceModel.load()).neutral
    for labels in with_pose:
        # Another head, so a fit to the points comes near the file's angles, signs and order included.
        fit = fitted_pose(labels.points, neutral).rotation
        assert np.degrees(np.arccos(np.clip((np.trace(labels.pose.rotation.T @ fit) - 1) / 2, -1, 1))) < 15
        # The file's own numbers: the points, turned back, form a face in the Basel frame (um, x to the subject's left).
        v = np.stack([labels.points[:, 0], 451 - labels.points[:, 1], labels.depth])
        face = labels.pose.rotation.T @ (v - labels.pose.translation[:, None]) / labels.pose.f / 1000.0
        assert abs(face[0].mean()) < 2.5 and 80 < face[2].mean() < 95  # mm
        assert 80 < face[0, 45] - face[0, 36] < 100
    lone = type(index.dataset)(index.dataset.root)
    from scipy.io import loadmat

    lp = loadmat(lone.root / "IBUG_image_008_1_0.mat")
    assert lp["pt2d"].shape == (2, 68) and lp["Exp_Para"].shape == (29, 1)
