"""Control-flow graphs: lowers one parsed function into the IR.

`build_cfg` needs the parsed function and the idioms (which macros are
transparent, which calls do not return, what an iterator macro assigns), and
gives an `ir.Function`. `show_cfg` writes it as text for golden tests.
"""

from analyzer.cfg.build import build_cfg
from analyzer.cfg.idioms import Idioms
from analyzer.cfg.show import show_cfg

__all__ = ["Idioms", "build_cfg", "show_cfg"]
