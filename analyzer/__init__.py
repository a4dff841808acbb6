"""pagelint: page-lock and page-isolation analysis of Linux kernel C.

The subpackages form a one-way pipeline; each may import only what stands to
its right in ``[tool.importlinter]`` of ``pyproject.toml``.
"""

from functools import cache


@cache
def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("pagelint")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "0+unknown"


def __getattr__(name: str) -> str:
    """Return `__version__` when it is first asked: reading the metadata of a package takes long."""
    if name == "__version__":
        return _version()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
