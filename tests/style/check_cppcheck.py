"""style.cppcheck: cppcheck finds nothing in driver and port.

SPDX-License-Identifier: BSD-3-Clause
"""

import common
from check_warnings import options_of

# Sets of options whose code differs most.
OPTION_SETS = ("default", "IPv4 only", "router", "no checksum control")

# Without them some branches are empty, and so look alike.
STATISTICS = "-DMIB2_STATS=1"

OPTIONS = [
    "--quiet",
    "--std=c11",
    "--enable=warning,style,performance,portability",
    "--inconclusive",
    "--error-exitcode=1",
    "--template={file}:{line}: {severity}: {message} [{id}]",
]

SUPPRESSIONS = [
    # lwIP's headers are included for their types; their style is lwIP's.
    "*:{lwip}/*",
    # A static constant without an initializer is all zero, which is what it is for.
    "unassignedVariable:{top}/virtio/virtio_net.c",
]


def check(ctx: common.Context) -> list[str]:
    """Findings: what the tool says, by set of options."""
    program = [common.tool("cppcheck", "cppcheck"), *OPTIONS]
    program += [f"--suppress={what.format(lwip=ctx.lwip, top=ctx.top)}" for what in SUPPRESSIONS]
    virtio = [str(path) for path in ctx.files("virtio", suffixes=(".c",))]
    port = [str(path) for path in ctx.files("port", suffixes=(".c",))]
    if not virtio or not port:
        return ["no sources found"]
    # With a macro defined it looks at one configuration, not at all that it can think of.
    jobs = [
        (
            f"virtio, VIRTIO_LEGACY={legacy}",
            [*program, f"-DVIRTIO_LEGACY={legacy}", *ctx.virtio_includes(), *virtio],
            "",
        )
        for legacy in ("1", "0")
    ]
    includes = [*ctx.port_includes()[:-2], f"-I{ctx.lwip}/src/include"]  # it knows no -isystem
    for name in OPTION_SETS:
        options = ["-DVIRTIO_LEGACY=1", STATISTICS, *options_of(ctx, name), *includes]
        jobs.append((f"port, {name}", [*program, *options, *port], ""))
    return common.run_all(jobs)


if __name__ == "__main__":
    common.main(check)
