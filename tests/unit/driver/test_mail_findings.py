"""The section [findings] of each mail below fixtures/mail: what the whole pipeline says of it on `base/`.

A finding is shown with the line of the mail that it is said to be about, as that
line stands in the mail (unpacked, when it is compressed), so that whoever reviews
an expectation sees at once whether it is the right one. Most mails are one change
in many shapes: it takes an unlock out of an error path of ->read_folio, which is
found in every shape that shows the hunk.
"""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from analyzer.driver.options import Options
from analyzer.driver.patching import Judged, check_patches
from analyzer.findings import Finding
from tests.mails import BASE, MAILS, expected_section, write_section


@pytest.fixture(scope="module")
def reports() -> dict[str, str]:
    """Judge all mails in one run, as a maintainer would with a folder of them; return the reports by file name."""
    found: dict[str, list[str]] = {path.name: ["[findings]"] for path in MAILS}
    for judged in check_patches(_streams(), BASE, Options(jobs=1)):
        name = judged.patch.source if judged.patch is not None else judged.result.skipped[0].file
        found[name] += _report_lines(judged)
    return {name: "\n".join(lines).replace(str(BASE), "base") + "\n" for name, lines in found.items()}


def _streams() -> Iterator[tuple[str, BinaryIO]]:
    for path in MAILS:
        with path.open("rb") as stream:
            yield path.name, stream


def _report_lines(judged: Judged) -> Iterator[str]:
    patch = judged.patch
    yield f"{patch.title or '(no title)'}, at line {patch.line}" if patch is not None else "no patch"
    yield from (_finding_line(finding, judged) for finding in judged.result.findings)
    for skipped in judged.result.skipped:
        place = ":".join(str(word) for word in (skipped.file, skipped.line, skipped.function) if word is not None)
        yield f"  skipped {place}: {skipped.reason}"
    if not judged.result.findings and not judged.result.skipped:
        yield "  no findings"


def _finding_line(finding: Finding, judged: Judged) -> str:
    assert finding.patch is not None and judged.patch is not None
    until = finding.message.partition(" (until ")[2]
    words = (finding.status.value, finding.rule, finding.confidence.value, finding.function)
    shown = f"{' '.join(words)} {finding.file}:{finding.line}{f' (until {until}' if until else ''}"
    number = finding.patch.line
    return f"  {shown}, mail line {number}: {_mail_line(judged.patch.source, number)}" if number else f"  {shown}"


def _mail_line(name: str, number: int) -> str:
    path = next(path for path in MAILS if path.name == name)
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(data)
    return data.split(b"\n")[number - 1].decode("utf-8", "backslashreplace").rstrip()


@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.name)
def test_mail_gives_the_expected_findings(path: Path, reports: dict[str, str], request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden"):
        write_section(path, reports[path.name])
        return
    assert reports[path.name] == expected_section(path, "findings")
