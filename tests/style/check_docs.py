"""style.docs: all that a public header declares has a comment right above, and so has each option.

Fields of a struct are to be documented too, unless the struct's comment calls it private.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import common


@dataclass
class Statement:
    """A piece of C at one level of braces, up to its semicolon or closing brace."""

    start: int
    text: str
    body: tuple[int, int] | None  # offsets inside the braces


def statements(code: str, start: int, end: int) -> list[Statement]:
    """Split code[start:end], in which comments and preprocessor lines are blank."""
    found = []
    at = start
    while at < end:
        if code[at].isspace() or code[at] in ";}":
            at += 1
            continue
        first, depth, body = at, 0, None
        while at < end:
            if code[at] == "{":
                depth += 1
                if depth == 1 and body is None:
                    body = (at + 1, at + 1)
            elif code[at] == "}":
                depth -= 1
                if depth == 0 and body:
                    body = (body[0], at)
                    head = code[first : body[0] - 1]
                    # A function's body ends it, a struct goes on to its semicolon.
                    if head.rstrip().endswith(")") or head.startswith("extern"):
                        break
            elif code[at] == ";" and depth == 0:
                break
            at += 1
        found.append(Statement(first, code[first : at + 1], body))
        at += 1
    return found


def blank_preprocessor(code: str) -> str:
    """Code with preprocessor lines and their continuations blanked, offsets kept."""
    directive = re.compile(r"^[ \t]*#(?:[^\n\\]|\\\n|\\.)*", flags=re.M)
    return directive.sub(lambda match: re.sub(r"[^\n]", " ", match.group(0)), code)


def comment_above(text: str, start: int) -> str:
    """The comment that ends on the line before the statement at start, or nothing.

    Lines such as #ifdef may stand between the two.
    """
    above = text[: text.rfind("\n", 0, start) + 1]
    above = re.sub(r"(?:^[ \t]*#[^\n]*\n)+\Z", "", above, flags=re.M)
    if not above.endswith("*/\n"):
        return ""
    return above[above.rfind("/*") :]


def comment_beside(text: str, end: int) -> bool:
    """Whether a comment begins on the line on which the statement ends."""
    line_end = text.find("\n", end)
    return "/*" in text[end : line_end if line_end >= 0 else len(text)]


def declared_name(statement: Statement) -> str:
    """What a finding calls the statement."""
    head = re.split(r"[{;]", statement.text)[0]
    match = re.search(r"(\w+)\s*\([^*]", head) or re.search(r"(\w+)\s*(\[[^]]*\])?\s*$", head)
    return match.group(1) if match else " ".join(head.split())


def check_fields(text: str, code: str, body: tuple[int, int]) -> list[tuple[int, str]]:
    """(offset, name) of the fields without a comment above or beside."""
    return [
        (field.start, declared_name(field))
        for field in statements(code, *body)
        if not comment_above(text, field.start)
        and not comment_beside(text, field.start + len(field.text))
    ]


def check_header(text: str) -> list[tuple[int, str]]:
    """(offset, message) for each declaration that lacks its comment."""
    code = blank_preprocessor(common.blank_comments(text))
    # The linkage braces do not make a level of their own; their closing brace is skipped.
    code = re.sub(r'extern\s+"C"\s*\{', lambda m: " " * len(m.group(0)), code)
    found = []
    for statement in statements(code, 0, len(code)):
        if re.match(r"(struct|union|enum)\s+\w+\s*;", statement.text):
            continue  # a forward declaration says nothing yet
        if statement.text.startswith("_Static_assert"):
            continue
        comment = comment_above(text, statement.start)
        if not comment:
            name = declared_name(statement)
            found.append((statement.start, f"{name} has no comment right above"))
        is_struct = re.match(r"(struct|union)\s+\w+\s*\{", statement.text)
        if is_struct and statement.body and "private" not in comment.lower():
            for offset, name in check_fields(text, code, statement.body):
                found.append((offset, f"field {name} has no comment"))
    return found


def check_options(text: str) -> list[tuple[int, str]]:
    """(offset, message) for each option that lacks its comment or cannot be overridden."""
    found = []
    guard = re.search(r"#ifndef\s+(\w+)\s*\n#define\s+\1\s*\n", text)
    for match in re.finditer(r"^#define[ \t]+(\w+)", text, flags=re.M):
        name = match.group(1)
        if guard and name == guard.group(1):
            continue
        test = f"#ifndef {name}\n"
        if not text[: match.start()].endswith(test):
            found.append((match.start(), f"option {name} has no #ifndef right above"))
        elif not comment_above(text, match.start() - len(test)):
            found.append((match.start(), f"option {name} has no comment right above its #ifndef"))
    return found


def check(ctx: common.Context) -> list[str]:
    """Findings: one line for each thing without words."""
    headers = ctx.files("virtio/include", "port/include", suffixes=(".h",))
    if not headers:
        return ["no headers found"]
    findings = []
    for path in headers:
        text = path.read_text()
        found = check_header(text)
        if path.name.endswith("_opts.h"):
            found += check_options(text)
        for offset, message in found:
            findings.append(f"{ctx.name(path)}:{text.count(chr(10), 0, offset) + 1}: {message}")
    return findings


if __name__ == "__main__":
    common.main(check)
