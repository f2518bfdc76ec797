import pytest
from file_server import running_server


@pytest.fixture
def server():
    with running_server() as running:
        yield running
