"""style.shell: shellcheck has nothing to say, and a failing command ends each script.

SPDX-License-Identifier: BSD-3-Clause
"""

import re
from pathlib import Path

import common


def is_script(path: Path) -> bool:
    """Whether a file is for the shell: by its suffix or its first line."""
    if path.suffix == ".sh":
        return True
    if path.suffix:
        return False
    first = path.open("rb").readline()
    return bool(re.match(rb"#!.*\b(ba|da)?sh\b", first))


def check(ctx: common.Context) -> list[str]:
    """Findings: shellcheck's own, and scripts that do not stop at errors."""
    checker = common.tool("shellcheck", "shellcheck")
    scripts = [path for path in ctx.files() if is_script(path)]
    if not scripts:
        return ["no scripts found"]
    jobs = [
        (ctx.name(path), [checker, "--external-sources", "--source-path=SCRIPTDIR", str(path)], "")
        for path in scripts
    ]
    findings = common.run_all(jobs)
    for path in scripts:
        text = path.read_text()
        # A file without a first line of its own is sourced, and obeys the script that does so.
        if text.startswith("#!") and not re.search(r"^set -euo pipefail$", text, flags=re.M):
            findings.append(f"{ctx.name(path)}: has no line `set -euo pipefail`")
        if text.startswith("#!") and not path.stat().st_mode & 0o100:
            findings.append(f"{ctx.name(path)}: has a first line #! but cannot be executed")
    return findings


if __name__ == "__main__":
    common.main(check)
