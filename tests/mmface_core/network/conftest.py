import pytest
import torch

from mmface_core.network.config import NetworkConfig, named_config
from mmface_core.network.mmface import MMFaceNet
from tests.tiny_network import TINY


@pytest.fixture(scope="session")
def tiny() -> NetworkConfig:
    """The shape of `lite` with a handful of channels."""
    return named_config("lite", name="tiny", n_points=124, **TINY)


@pytest.fixture
def tiny_net(tiny: NetworkConfig) -> MMFaceNet:
    torch.manual_seed(0)
    return MMFaceNet(tiny)
