"""style.clang_tidy: clang-tidy finds nothing in driver and port.

What it looks for, and what not for which reason, says .clang-tidy.

SPDX-License-Identifier: BSD-3-Clause
"""

import common
from check_warnings import options_of

# Without them some branches are empty, and so look alike.
STATISTICS = "-DMIB2_STATS=1"


def check(ctx: common.Context) -> list[str]:
    """Findings: what the tool says, by source."""
    config = ctx.top / ".clang-tidy"
    program = [common.tool("clang-tidy", "clang-tidy"), "--quiet", f"--config-file={config}"]
    jobs = []
    for path in ctx.files("port", suffixes=(".c",)):
        # The analysis is slow: a second time only where the source differs.
        for name in ("default", "router") if "FORWARD" in path.read_text() else ("default",):
            options = ["--", "-std=c11", STATISTICS, *options_of(ctx, name), *ctx.port_includes()]
            jobs.append((f"{ctx.name(path)}, {name}", [*program, str(path), *options], ""))
    for path in ctx.files("virtio", suffixes=(".c",)):
        for legacy in ("1", "0") if "VIRTIO_LEGACY" in path.read_text() else ("1",):
            options = ["--", "-std=c11", f"-DVIRTIO_LEGACY={legacy}", *ctx.virtio_includes()]
            what = f"{ctx.name(path)}, VIRTIO_LEGACY={legacy}"
            jobs.append((what, [*program, str(path), *options], ""))
    if not jobs:
        return ["no sources found"]
    return common.run_all(jobs)


if __name__ == "__main__":
    common.main(check)
