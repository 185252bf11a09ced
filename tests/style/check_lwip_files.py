"""style.lwip_files: the build's lists of sources are complete.

The list of lwIP's files in cmake/virtioif.cmake is compared with lwIP's own src/Filelists.cmake,
and the driver's and the port's with the files that are there.

SPDX-License-Identifier: BSD-3-Clause
"""

import re
import subprocess
import tempfile

import common

CORE_LISTS = ("lwipcore", "lwipcore4", "lwipcore6", "lwipapi")
# Of lwIP's own netifs only this one is ours: bridges and serial lines are the user's to add.
NETIF_FILES = {"netif/ethernet.c"}
APP_LISTS = {
    "http": "lwiphttp",
    "iperf": "lwipiperf",
    "mdns": "lwipmdns",
    "mqtt": "lwipmqtt",
    "netbios": "lwipnetbios",
    "smtp": "lwipsmtp",
    "sntp": "lwipsntp",
    "tftp": "lwiptftp",
}


def cmake_list(ctx: common.Context, call: str) -> set[str]:
    """What a function of cmake/virtioif.cmake leaves in the variable `out`."""
    cmake = common.tool("cmake", "cmake")
    with tempfile.NamedTemporaryFile("w", suffix=".cmake") as script:
        script.write(f'include("{ctx.top}/cmake/virtioif.cmake")\n{call}\n')
        script.write('foreach(name IN LISTS out)\nmessage("${name}")\nendforeach()\n')
        script.flush()
        command = [cmake, "-P", script.name]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    return set(done.stderr.split())


def lwip_list(text: str, name: str) -> set[str]:
    """One list of Filelists.cmake, relative to src/."""
    match = re.search(rf"set\({name}_SRCS(.*?)\)", text, flags=re.S)
    if not match:
        common.stop(f"src/Filelists.cmake has no {name}_SRCS")
        return set()
    return set(re.findall(r"\$\{LWIP_DIR\}/src/(\S+)", match.group(1)))


def compare(what: str, ours: set[str], theirs: set[str]) -> list[str]:
    """One finding for each name on one side only."""
    findings = [f"{what}: {name} is not in cmake/virtioif.cmake" for name in sorted(theirs - ours)]
    return findings + [f"{what}: {name} does not exist there" for name in sorted(ours - theirs)]


def check(ctx: common.Context) -> list[str]:
    """Findings: one line for each file that only one side knows."""
    lists = ctx.lwip / "src" / "Filelists.cmake"
    if not lists.exists():
        common.stop(f"there is no lwIP in {ctx.lwip}. Cure: git submodule update --init lwip")
    text = lists.read_text()
    core = NETIF_FILES.union(*(lwip_list(text, name) for name in CORE_LISTS))
    ours = cmake_list(ctx, f'virtioif_lwip_sources(out "{ctx.lwip}")')
    findings = compare("lwIP", ours, core)
    for app, name in APP_LISTS.items():
        ours = cmake_list(ctx, f"virtioif_lwip_app_sources(out {app})")
        findings += compare(f"lwIP's {app}", ours, lwip_list(text, name))
    for folder, call in (
        ("virtio", "virtioif_sources(out unused)"),
        ("port", "virtioif_sources(unused out)"),
    ):
        sources = ctx.files(folder, suffixes=(".c",))
        names = {str(path.relative_to(ctx.top / folder)) for path in sources}
        findings += compare(folder, cmake_list(ctx, call), names)
    return findings


if __name__ == "__main__":
    common.main(check)
