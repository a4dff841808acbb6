"""The exception tree of the project.

    AnalyzerError
    ├── SourceError     a tree, file or git object that cannot be read
    ├── SyntaxFailure   C text that cannot be turned into a tree
    ├── PatchError      mail or diff text that cannot be understood or applied
    ├── RuleError       a model or rule file that does not make sense
    ├── LimitExceeded   a bound of the analysis was hit (size, depth, steps)
    └── WorkersLost     the processes or the cluster that do the work are gone: no patch or file can go on

They are raised where the fact is known and caught only in ``driver`` (per
file or function, counted in ``skipped``) and in ``cli`` (one line, exit 2 or 3).
Each message is one line that says what is wrong and where.
"""


class AnalyzerError(Exception):
    """Base of all errors that pagelint raises on purpose."""


class SourceError(AnalyzerError):
    """A tree, file or git object cannot be read."""


class SyntaxFailure(AnalyzerError):
    """C text cannot be turned into a syntax tree."""


class PatchError(AnalyzerError):
    """Mail or diff text cannot be understood or applied."""


class RuleError(AnalyzerError):
    """A model or rule file does not make sense."""


class LimitExceeded(AnalyzerError):
    """A bound of the analysis was hit."""


class WorkersLost(AnalyzerError):
    """The processes or the cluster that do the work are gone."""
