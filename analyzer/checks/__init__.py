"""Checks: asks each rule's question of what the solver saw, and makes findings of the answers."""

from analyzer.checks.ask import Candidate, Suspicion, ask_rules, ask_suspicions

__all__ = ["Candidate", "Suspicion", "ask_rules", "ask_suspicions"]
