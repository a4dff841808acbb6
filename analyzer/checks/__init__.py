"""Checks: asks each rule's question of what the solver saw, and makes findings of the answers."""

from analyzer.checks.ask import Candidate, ask_rules

__all__ = ["Candidate", "ask_rules"]
