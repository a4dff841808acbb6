"""pagelint: page-lock and page-isolation analysis of Linux kernel C.

The subpackages form a one-way pipeline; each may import only what stands to
its right in ``[tool.importlinter]`` of ``pyproject.toml``.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("pagelint")
except PackageNotFoundError:  # run from a checkout that was never installed
    __version__ = "0+unknown"
