"""style.format: clang-format has nothing to change.

SPDX-License-Identifier: BSD-3-Clause
"""

import common


def check(ctx: common.Context) -> list[str]:
    """Findings: clang-format's own, by file."""
    formatter = common.tool("clang-format", "clang-format")
    files = ctx.files("virtio", "port", "examples", "tests", suffixes=(".c", ".h", ".cpp"))
    if not files:
        return ["no C files found"]
    jobs = [
        (ctx.name(path), [formatter, "--dry-run", "-Werror", "--style=file", str(path)], "")
        for path in files
    ]
    return common.run_all(jobs)


if __name__ == "__main__":
    common.main(check)
