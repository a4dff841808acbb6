"""rulespec."""
