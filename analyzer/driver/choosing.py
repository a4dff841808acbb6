"""Which findings are shown: rules selected and ignored, and the least confidence."""

from collections.abc import Iterable

from analyzer.driver.options import Options
from analyzer.findings import Finding
from analyzer.rulespec import Rule
from analyzer.source import RuleError


def rule_id(name: str) -> str:
    """Return the id that a user means: PAGE_LOCK_LEAK, as checkpatch spells types, is page-lock-leak."""
    return name.strip().lower().replace("_", "-")


class Choice:
    """The rules whose findings are wanted, and how sure they must be."""

    def __init__(self, options: Options, rules: Iterable[Rule]) -> None:
        """Raise RuleError when `select` or `ignore` names a rule that does not exist."""
        known = {rule.id for rule in rules}
        selected = {rule_id(name) for name in options.select}
        ignored = {rule_id(name) for name in options.ignore}
        for name in sorted((selected | ignored) - known):
            raise RuleError(f"{name}: no such rule (`pagelint rules` lists them)")
        self.rules = (selected or known) - ignored
        self.rank = options.min_confidence.rank

    def wants(self, finding: Finding) -> bool:
        """Tell whether a finding is to be shown."""
        return finding.rule in self.rules and finding.confidence.rank >= self.rank
