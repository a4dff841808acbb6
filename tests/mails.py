"""The mails below fixtures/mail and what their `<stem>.expected` says of them, one section a stage."""

from pathlib import Path

MAIL = Path(__file__).parents[1] / "fixtures" / "mail"
BASE = MAIL / "base"
MAILS = sorted(path for path in MAIL.iterdir() if path.is_file() and path.suffix != ".expected")


def stem_of(mail: Path) -> str:
    """Return the name of a mail without all of its suffixes."""
    return mail.name.split(".")[0]


def expected_section(mail: Path, name: str) -> str:
    """Return the section `[name]` of what is expected of a mail, its head included; "" when there is none."""
    return "".join(section for section in _sections(mail) if section.startswith(f"[{name}]"))


def write_section(mail: Path, text: str) -> None:
    """Write a section, given with its head, in place of the one of that name."""
    head = text.splitlines()[0]
    others = [section for section in _sections(mail) if not section.startswith(head)]
    sections = sorted([*others, text], key=lambda section: section.startswith("[findings]"))
    _expectation(mail).write_text("".join(sections), "utf-8")


def _expectation(mail: Path) -> Path:
    return mail.with_name(f"{stem_of(mail)}.expected")


def _sections(mail: Path) -> list[str]:
    """Cut the expectations of a mail before each line that begins with "["."""
    file = _expectation(mail)
    sections: list[str] = []
    for line in file.read_text("utf-8").splitlines(keepends=True) if file.exists() else ():
        if line.startswith("[") or not sections:
            sections.append("")
        sections[-1] += line
    return sections
