"""The package itself: its version, and what importing the command line must not load."""

import subprocess
import sys

import pytest

import analyzer


def test_version_is_a_number_or_unknown() -> None:
    assert analyzer.__version__[0].isdigit()


def test_unknown_attribute_is_an_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        analyzer.nothing  # noqa: B018


def test_scan_command_starts_without_process_pools_and_package_metadata() -> None:
    code = "import sys; known = {*sys.modules}; import analyzer.cli.commands.scan; print(*{*sys.modules} - known)"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert "analyzer.driver.executor" in loaded
    assert not {"concurrent.futures.process", "importlib.metadata"} & set(loaded)
