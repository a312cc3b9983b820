import pytest
import torch

from mmface_core.network.config import NetworkConfig, named_config
from mmface_core.network.mmface import MMFaceNet


@pytest.fixture(scope="session")
def tiny() -> NetworkConfig:
    """The shape of `lite` with a handful of channels."""
    return named_config(
        "lite",
        name="tiny",
        stem_channels=4,
        channels=8,
        bottleneck=2,
        depth=2,
        volume_convs=((2, 4, 4, 0), (4, 2, 2, 0), (4, 4, 2, 1), (8, 3, 1, 1), (8, 4, 1, 0)),
        map_convs=(4, 4, 4),
        hidden=16,
        n_points=124,
    )


@pytest.fixture
def tiny_net(tiny: NetworkConfig) -> MMFaceNet:
    torch.manual_seed(0)
    return MMFaceNet(tiny)
