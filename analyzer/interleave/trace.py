"""A violation as the trace that a finding carries."""

from analyzer.findings import Step
from analyzer.interleave.search import Violation
from analyzer.source import RuleError


def finding_steps(violation: Violation) -> tuple[Step, ...]:
    """Return the steps in execution order, each with the name of its context.

    Steps without text are left out: they are guards that stand for no code
    of their own. The last step names the broken invariant. Raises RuleError
    for a step that has text and no place, which only hand-written contexts have.
    """
    last = violation.trace[-1]
    steps = []
    for step in violation.trace:
        if not step.text and step is not last:
            continue
        if step.place is None:
            raise RuleError(f"context {step.context}: the step {step.text!r} has no place in the source")
        message = f"{step.text}: {violation.invariant.title}" if step is last else step.text
        place = step.place
        steps.append(
            Step(file=place.file, line=place.line, function=place.function, message=message, context=step.context)
        )
    return tuple(steps)
