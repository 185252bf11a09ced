"""A CPU exception is reported and ends the image; it does not hang.

The image under test is a copy of app web whose main() is overwritten with what goes wrong.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from guest import Guest, Machine, image_path

# Machine code that does it, little-endian words.
CRASHES = {
    "illegal-instruction": {"riscv64": [0x00000000], "aarch64": [0x00000000]},
    "load-from-nowhere": {
        "riscv64": [0xFFFFF2B7, 0x0002B283],  # lui t0, 0xfffff; ld t0, 0(t0)
        "aarch64": [0x92FFFFE0, 0xF9400000],  # mov x0, 0x0000ffffffffffff; ldr x0, [x0]
    },
    "store-to-nowhere": {
        "riscv64": [0xFFFFF2B7, 0x0052B023],  # lui t0, 0xfffff; sd t0, 0(t0)
        "aarch64": [0x92FFFFE0, 0xF9000000],  # mov x0, 0x0000ffffffffffff; str x0, [x0]
    },
    "jump-to-nowhere": {
        "riscv64": [0xFFFFF2B7, 0x00028067],  # lui t0, 0xfffff; jr t0
        "aarch64": [0x92FFFFE0, 0xD61F0000],  # mov x0, 0x0000ffffffffffff; br x0
    },
}


class Elf:
    """A 64-bit little-endian ELF file: enough to find a function and where it lies in the file."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.program_headers = self._table(32, 54)
        self.section_headers = self._table(40, 58)

    def _table(self, offset_at: int, size_at: int) -> list[bytes]:
        (offset,) = struct.unpack_from("<Q", self.data, offset_at)
        size, count = struct.unpack_from("<HH", self.data, size_at)
        return [self.data[offset + i * size :][:size] for i in range(count)]

    def symbol(self, name: str) -> int:
        """The address of a symbol."""
        for section in self.section_headers:
            kind, link = struct.unpack_from("<I", section, 4)[0], section[40:44]
            if kind != 2:  # SHT_SYMTAB
                continue
            offset, size = struct.unpack_from("<QQ", section, 24)
            names = self.section_headers[int.from_bytes(link, "little")]
            (strings,) = struct.unpack_from("<Q", names, 24)
            for at in range(offset, offset + size, 24):
                text, value = struct.unpack_from("<I4xQ", self.data, at)
                end = self.data.index(b"\0", strings + text)
                if self.data[strings + text : end] == name.encode():
                    return value
        raise AssertionError(f"no symbol {name}")

    def file_offset(self, address: int) -> int:
        """Where the byte at an address lies in the file."""
        for header in self.program_headers:
            (kind,) = struct.unpack_from("<I", header)
            offset, virtual, _, size = struct.unpack_from("<QQQQ", header, 8)
            if kind == 1 and virtual <= address < virtual + size:  # PT_LOAD
                return offset + address - virtual
        raise AssertionError(f"nothing is loaded at {address:#x}")


@pytest.mark.any_transport
@pytest.mark.parametrize("crash", CRASHES)
def test_a_cpu_exception_is_reported_and_ends_the_image(
    boot: Callable[..., Guest], machine: Machine, tmp_path: Path, crash: str
) -> None:
    original = image_path(machine.board, "web").read_bytes()
    elf = Elf(original)
    main = elf.symbol("main")
    words = CRASHES[crash][machine.board]
    at = elf.file_offset(main)
    patch = struct.pack(f"<{len(words)}I", *words)
    image = tmp_path / "crash.elf"
    image.write_bytes(original[:at] + patch + original[at + len(patch) :])

    guest = boot("web", image=image)
    assert guest.wait_exit() not in (0, -9)
    report = guest.serial()
    assert "virtioif: error: " in report
    if crash != "jump-to-nowhere":  # there the program counter is nowhere as well
        assert f"{main + 4 * (len(words) - 1):x}" in report.lower()
    assert "sp" in report
