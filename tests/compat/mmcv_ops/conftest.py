import pytest


@pytest.fixture
def golden(reference):
    """Inputs and outputs of the compiled CPU kernels of mmcv 2.1.0."""
    return reference('mmcv_ops_a.pt')['data']
