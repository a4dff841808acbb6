"""The path-sensitive solver and the function summaries; knows no kernel name."""

from analyzer.dataflow.bound import join_bound
from analyzer.dataflow.escape import Escapes, escapes
from analyzer.dataflow.knowledge import Knowledge, make_knowledge
from analyzer.dataflow.observe import Sight
from analyzer.dataflow.shape import Anatomy, anatomy_of, tested_expression, tested_name
from analyzer.dataflow.solver import Analysis, EntryState, analyse
from analyzer.dataflow.summary import Case, Change, Effect, Guard, Summary, join_summaries

__all__ = [
    "Analysis",
    "Anatomy",
    "Case",
    "Change",
    "Effect",
    "EntryState",
    "Escapes",
    "Guard",
    "Knowledge",
    "Sight",
    "Summary",
    "analyse",
    "anatomy_of",
    "escapes",
    "join_bound",
    "join_summaries",
    "make_knowledge",
    "tested_expression",
    "tested_name",
]
