"""The Linux guest that images are compared with, from what linux.sh has put into build/bench/linux.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import stat
from pathlib import Path

from vm import BENCH, MAC, Network, smoke

READY = "linux_guest: ready"
CONSOLES = {"aarch64": "ttyAMA0", "riscv64": "ttyS0"}


def folder(board: str) -> Path:
    """Where the kernel, the drivers and init are."""
    return BENCH / "linux" / board


def archive_entry(name: str, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)) -> bytes:
    """One file of a cpio archive in the format `newc`, padded to 4 bytes throughout."""
    fields = [0, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0]
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def make_initramfs(board: str) -> Path:
    """Pack init, the drivers and a console to write to."""
    files = [folder(board) / "init", *sorted(folder(board).glob("*.ko"))]
    archive = archive_entry("dev", stat.S_IFDIR | 0o755)
    archive += archive_entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
    for file in files:
        archive += archive_entry(file.name, stat.S_IFREG | 0o755, file.read_bytes())
    path = folder(board) / "initramfs"
    path.write_bytes(archive + archive_entry("TRAILER!!!", 0))
    return path


def command(board: str, transport: str, network: Network) -> list[str]:
    """QEMU's command line: the machine of our images, with more memory and RISC-V's firmware."""
    args = list(smoke.board_settings(board).qemu_args)
    args[args.index("-m") + 1] = "512M"
    if "-bios" in args:
        args[args.index("-bios") + 1] = "default"
    args += ["-monitor", "none", "-serial", "stdio", *smoke.TRANSPORT_ARGS[transport]]
    args += ["-netdev", network.netdev, "-device", f"virtio-net-device,netdev=net0,mac={MAC}"]
    args += ["-kernel", str(folder(board) / "kernel"), "-initrd", str(make_initramfs(board))]
    args += ["-append", f"console={CONSOLES[board]} quiet address={network.guest}"]
    return [smoke.emulator(board), *args]
