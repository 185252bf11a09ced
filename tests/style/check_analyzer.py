"""style.analyzer: gcc's static analyzer finds nothing in driver and port.

SPDX-License-Identifier: BSD-3-Clause
"""

import common
from check_warnings import options_of

# Sets of options whose code differs most.
OPTION_SETS = ("default", "router", "threads")

# With optimization it follows values through the small functions that are inlined by then.
OPTIONS = ["-std=c11", "-O2", "-fanalyzer", "-Werror", "-c", "-o", "/dev/null"]


def check(ctx: common.Context) -> list[str]:
    """Findings: what the compiler says, by source."""
    program = [common.tool("gcc", "gcc"), *OPTIONS]
    jobs = []
    for path in ctx.files("port", suffixes=(".c",)):
        for name in OPTION_SETS:
            options = [*options_of(ctx, name), *ctx.port_includes()]
            jobs.append((f"{ctx.name(path)}, {name}", [*program, *options, str(path)], ""))
    for path in ctx.files("virtio", suffixes=(".c",)):
        jobs.append((ctx.name(path), [*program, *ctx.virtio_includes(), str(path)], ""))
    if not jobs:
        return ["no sources found"]
    return common.run_all(jobs)


if __name__ == "__main__":
    common.main(check)
