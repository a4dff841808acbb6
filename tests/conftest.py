"""What every test may use: golden files and the hypothesis profiles.

`golden("report/text.txt", text)` compares `text` with a file below
`tests/golden/`; `pytest --update-golden` writes the file instead, and the
difference is reviewed like code.

Hypothesis runs the derandomised profile `ci` unless HYPOTHESIS_PROFILE names
another, so that the default run gives the same answer twice.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

GOLDEN = Path(__file__).parent / "golden"

settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    max_examples=100,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("nightly", parent=settings.get_profile("ci"), derandomize=False, max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files instead of comparing")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Return the comparison with a golden file; its bytes count, trailing blanks included."""
    update: bool = request.config.getoption("--update-golden")

    def check(path: str, text: str) -> None:
        file = GOLDEN / path
        data = text.encode("utf-8")
        if update:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
            return
        if not file.exists():
            pytest.fail(f"no golden file {path}: run pytest --update-golden and review it")
        assert text == file.read_bytes().decode("utf-8")

    return check
