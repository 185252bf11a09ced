"""style.warnings: driver and port compile without a warning, by gcc and by clang, as plain C11.

The port is compiled with several sets of lwIP options, since a warning may hide behind an #if.

SPDX-License-Identifier: BSD-3-Clause
"""

import common

# Each set comes as command line options; port/lwipopts leaves to the user what is defined.
OPTION_SETS = {
    "default": "",
    "IPv4 only": "-DLWIP_IPV6=0",
    "IPv6 only": "-DLWIP_IPV4=0",
    "UDP only": "-DLWIP_TCP=0",
    "TCP only": "-DLWIP_UDP=0 -DLWIP_DHCP=0 -DLWIP_DNS=0",
    "router": "-DIP_FORWARD=1 -DLWIP_IPV6_FORWARD=1 -DCHECKSUM_GEN_IP=0 -DCHECKSUM_GEN_TCP=0"
    " -DCHECKSUM_GEN_UDP=0 -DCHECKSUM_GEN_ICMP=0",
    "IPv4 router": "-DLWIP_IPV6=0 -DIP_FORWARD=1 -DCHECKSUM_GEN_IP=0 -DCHECKSUM_GEN_TCP=0"
    " -DCHECKSUM_GEN_UDP=0 -DCHECKSUM_GEN_ICMP=0",
    "IPv6 router": "-DLWIP_IPV6_FORWARD=1",
    "no checksum control": "-DLWIP_CHECKSUM_CTRL_PER_NETIF=0",
    "no large frames": "-DVIRTIOIF_TSO=0 -DVIRTIOIF_LRO=0",
    "more statistics": "-DMIB2_STATS=1",
    "no statistics": "-DLWIP_STATS=0 -DMIB2_STATS=0",
    "no loopback": "-DLWIP_HAVE_LOOPIF=0 -DLWIP_NETIF_LOOPBACK=0",
    "no multicast": "-DLWIP_IGMP=0 -DLWIP_IPV6_MLD=0",
    "no timers": "-DLWIP_TIMERS=0",
    "threads": "-DNO_SYS=0 -iquote {lwip}/contrib/ports/unix/port/include",
    "debug": "-DVIRTIOIF_DEBUG=LWIP_DBG_ON -DLWIP_DEBUG=1",
    "release": "-DNDEBUG",
}


def options_of(ctx: common.Context, name: str) -> list[str]:
    """The compiler's options for the set of that name."""
    # The path of the lwIP tree may have blanks in it.
    return [option.format(lwip=ctx.lwip) for option in OPTION_SETS[name].split()]


def check(ctx: common.Context) -> list[str]:
    """Findings: what the compilers say, by source."""
    # Some warnings take an optimizing compiler; one set of options has that.
    options = ["-std=c11", *common.WARNINGS]
    optimize = ["-O2", "-c", "-o", "/dev/null"]
    jobs = []
    for compiler in ("gcc", "clang"):
        program = common.tool(compiler, compiler)
        for path in ctx.files("virtio", suffixes=(".c",)):
            for legacy in ("1", "0"):
                command = [program, *options, *optimize, f"-DVIRTIO_LEGACY={legacy}"]
                what = f"{ctx.name(path)} with {compiler}, VIRTIO_LEGACY={legacy}"
                jobs.append((what, [*command, *ctx.virtio_includes(), str(path)], ""))
        for path in ctx.files("port", suffixes=(".c",)):
            for name in OPTION_SETS:
                defined = options_of(ctx, name)
                defined += optimize if name == "default" else ["-fsyntax-only"]
                command = [program, *options, *defined, *ctx.port_includes(), str(path)]
                jobs.append((f"{ctx.name(path)} with {compiler}, {name}", command, ""))
    if not jobs:
        return ["no sources found"]
    return common.run_all(jobs)


if __name__ == "__main__":
    common.main(check)
