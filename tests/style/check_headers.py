"""style.headers: each public header compiles alone and twice, as C11 and as C++17.

SPDX-License-Identifier: BSD-3-Clause
"""

from pathlib import Path

import common

LANGUAGES = [
    ("gcc", "gcc", ["-std=c11", "-xc", *common.WARNINGS]),
    ("clang", "clang", ["-std=c11", "-xc", *common.WARNINGS]),
    ("g++", "g++", ["-std=c++17", "-xc++", *common.WARNINGS_CXX]),
    ("clang++", "clang", ["-std=c++17", "-xc++", *common.WARNINGS_CXX]),
]


def check(ctx: common.Context) -> list[str]:
    """Findings: what the compilers say, by header."""
    jobs = []
    for folder, includes in (
        ("virtio/include", ctx.virtio_includes()),
        ("port/include", ctx.port_includes()),
        ("port/lwipopts", ctx.port_includes()),
    ):
        headers = ctx.files(folder, suffixes=(".h",))
        if not headers:
            return [f"no headers in {folder}"]
        for header in headers:
            name = header.relative_to(ctx.top / folder)
            # A declaration, because ISO C wants one in every file.
            source = f"#include <{name}>\n#include <{name}>\nextern int one_declaration;\n"
            for compiler, package, options in LANGUAGES:
                command = [common.tool(compiler, package), "-fsyntax-only", *options, *includes]
                jobs.append((f"{ctx.name(Path(header))} with {compiler}", [*command, "-"], source))
    return common.run_all(jobs)


if __name__ == "__main__":
    common.main(check)
