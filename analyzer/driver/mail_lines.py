"""Which line of the mail a finding is about."""

from collections.abc import Sequence

from analyzer.driver.images import Image
from analyzer.findings import Finding, Status
from analyzer.patch import FileChange


class MailLines:
    """The lines of one patch, by the lines of the files before and after it."""

    def __init__(self, before: Image, after: Image, changes: Sequence[FileChange]) -> None:
        self.before = before
        self.after = after
        self.changes = changes

    def of(self, finding: Finding) -> int | None:
        """Return the mail line that shows the finding's line when the patch changes it.

        Else the nearest changed line of its function (of a patch that only deletes
        there, the deleted line), else the finding's line as context; None when the
        patch does not show the function.
        """
        fixed = finding.status is Status.FIXED
        for change in self.changes:
            if finding.file == (change.old_path if fixed else change.new_path):
                return self._in(change, finding, fixed)
        return None

    def _in(self, change: FileChange, finding: Finding, fixed: bool) -> int | None:
        shown = change.pre_lines if fixed else change.post_lines
        ranges = change.pre_ranges if fixed else change.post_ranges
        if any(first <= finding.line <= last for first, last in ranges):
            return shown.get(finding.line)
        spans = self._spans(change, finding, fixed)
        nearest = [
            (distance, mail_line)
            for first, last in spans
            for distance, mail_line in self._changed(change, finding.line, first, last, fixed)
        ]
        return min(nearest)[1] if nearest else shown.get(finding.line)

    def _spans(self, change: FileChange, finding: Finding, fixed: bool) -> list[tuple[int, int]]:
        image, path = (self.before, change.old_path) if fixed else (self.after, change.new_path)
        spans = image.file(path or "").spans.get(finding.function, [])
        return [span for span in spans if span[0] <= finding.line <= span[1]] or spans

    def _changed(self, change: FileChange, line: int, first: int, last: int, fixed: bool) -> list[tuple[int, int]]:
        """Return (distance to `line`, mail line) of the lines that are added or deleted between two lines."""
        found = []
        own, own_lines, other, other_lines = change.post_ranges, change.post_lines, change.pre_ranges, change.pre_lines
        if fixed:
            own, own_lines, other, other_lines = other, other_lines, own, own_lines
        for (start, end), (other_start, other_end) in zip(own, other, strict=True):
            if not (first <= start <= last + 1 or first <= end <= last):
                continue
            if end >= start:
                for number in range(max(start, first), min(end, last) + 1):
                    if number in own_lines:
                        found.append((abs(number - line), own_lines[number]))
            elif first < start <= last:
                for number in range(other_start, other_end + 1):
                    if number in other_lines:
                        found.append((abs(start - line), other_lines[number]))
        return found
