"""The model and the rules, read from TOML into frozen values.

The model says what calls do to a page's facets (`rules/model/*.toml`); a rule
asks a question of them (`rules/<id>.toml`). `rules/README.md` describes the files.
"""

from analyzer.rulespec.load import load_model, load_rules
from analyzer.rulespec.model import ANY, NEGATIVE, POSITIVE, ZERO, Event, Facet, Model, ResultCondition, View
from analyzer.rulespec.pattern import Argument, CallPattern
from analyzer.rulespec.rules import Rule

__all__ = [
    "ANY",
    "NEGATIVE",
    "POSITIVE",
    "ZERO",
    "Argument",
    "CallPattern",
    "Event",
    "Facet",
    "Model",
    "ResultCondition",
    "Rule",
    "View",
    "load_model",
    "load_rules",
]
