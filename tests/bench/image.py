"""An ELF image: which function an instruction belongs to, and how many bytes its stores write.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import bisect
import re
import struct
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]

SHT_SYMTAB, SHT_NOBITS = 2, 8
SHF_ALLOC, SHF_EXECINSTR = 2, 4
STT_NOTYPE, STT_FUNC, STT_FILE = 0, 2, 4
MACHINES = {183: ("aarch64-linux-gnu-objdump", 4), 243: ("riscv64-unknown-elf-objdump", 2)}

# Functions of the driver and the port. The names of global ones begin with their module's; local
# ones are known by their source file. virtioif_chksum() is lwIP's: it only takes the place of a
# function there.
DRIVER_GLOBAL = re.compile(r"(virtio|virtq|virtioif)_(?!chksum$)")
DRIVER_FILES = {path.name for folder in ("virtio", "port") for path in (REPO / folder).glob("*.c")}
DRIVER_FILES.add("unity_0_c.c")  # CMake's name for all files of such a folder

# Functions that copy, with the helpers that the compiler did not inline.
COPY_GLOBAL = {"memcpy", "memmove"}
COPY_FILES = {"mem.c"}
COPY_NOT = {"memset", "memcmp"}

# The one place where the processor sleeps; what it executes there is no work.
IDLE = "board_wait"

# Store instructions: RISC-V's and Arm's narrow ones name the size, of Arm's others the register does.
STORE_SIZED = re.compile(r"(?:s|stu?r)([bhwd])$")
STORE_ARM = re.compile(r"stu?r$|stn?p$")
SIZES = {"b": 1, "h": 2, "w": 4, "s": 4, "x": 8, "d": 8, "q": 16}


@dataclass(frozen=True)
class Symbol:
    """A function."""

    name: str
    start: int
    end: int
    is_driver: bool
    is_copy: bool

    @property
    def is_idle(self) -> bool:
        """Whether its instructions are the idle loop's."""
        return self.name == IDLE


@dataclass(frozen=True)
class Section:
    """A section header."""

    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int

    @property
    def is_loaded(self) -> bool:
        """Whether its contents are in the file and in memory."""
        return self.flags & SHF_ALLOC != 0 and self.kind != SHT_NOBITS


class Image:
    """A little-endian 64-bit ELF file with a symbol table."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data = path.read_bytes()
        self.objdump, self.step = MACHINES[struct.unpack_from("<H", self.data, 18)[0]]
        self.sections = self._read_sections()
        code = [s for s in self.sections if s.flags & SHF_EXECINSTR and s.size > 0]
        self.base = min(section.address for section in code)
        end = max(section.address + section.size for section in code)
        self.bytes = -(-(end - self.base) // self.step) * self.step
        self.symbols = self._read_symbols(code)
        self.starts = [symbol.start for symbol in self.symbols]
        self.idle = next(symbol for symbol in self.symbols if symbol.is_idle)

    def _read_sections(self) -> list[Section]:
        offset = struct.unpack_from("<Q", self.data, 40)[0]
        size, count = struct.unpack_from("<HH", self.data, 58)
        return [
            Section(*struct.unpack_from("<4xIQQQQI", self.data, offset + i * size))
            for i in range(count)
        ]

    def _text(self, table: Section, offset: int) -> str:
        start = table.offset + offset
        return self.data[start : self.data.index(b"\0", start)].decode()

    def _read_symbols(self, code: list[Section]) -> list[Symbol]:
        table = next(section for section in self.sections if section.kind == SHT_SYMTAB)
        names = self.sections[table.link]
        found: dict[int, tuple[int, str, int, str]] = {}
        file = ""
        for at in range(table.offset, table.offset + table.size, 24):
            name_at, info, _, _, value, size = struct.unpack_from("<IBBHQQ", self.data, at)
            name, kind, is_local = self._text(names, name_at), info & 15, info >> 4 == 0
            if kind == STT_FILE:
                file = name
            in_code = any(s.address <= value < s.address + s.size for s in code)
            if kind not in (STT_NOTYPE, STT_FUNC) or not in_code or re.match(r"$|\$|\.L", name):
                continue
            # Of several names for one place the sized, then the global one is the function's.
            rank = 2 * (kind == STT_FUNC) + (not is_local)
            if value not in found or rank > found[value][0]:
                found[value] = (rank, name, size, file if is_local else "")
        places = sorted(found)
        symbols = []
        for place, following in zip(places, [*places[1:], self.base + self.bytes]):
            _, name, size, file = found[place]
            end = min(place + size, following) if size else following
            is_driver = file in DRIVER_FILES if file else bool(DRIVER_GLOBAL.match(name))
            is_copy = name in COPY_GLOBAL or (file in COPY_FILES and name not in COPY_NOT)
            symbols.append(Symbol(name, place, end, is_driver, is_copy))
        return symbols

    def index(self, address: int) -> int:
        """The number of an instruction's counter."""
        return 1 + (address - self.base) // self.step

    def symbol(self, address: int) -> Symbol | None:
        """The function that holds an address."""
        symbol = self.symbols[bisect.bisect_right(self.starts, address) - 1]
        return symbol if symbol.start <= address < symbol.end else None

    @cached_property
    def copy_stores(self) -> dict[int, int]:
        """Counter number and bytes written of each store in a copying function, its stack apart."""
        stores = {}
        for symbol in self.symbols:
            if symbol.is_copy:
                for address, mnemonic, operands in self._disassemble(symbol):
                    size = store_bytes(mnemonic, operands)
                    if size > 0:
                        stores[self.index(address)] = size
        return stores

    def _disassemble(self, symbol: Symbol) -> list[tuple[int, str, str]]:
        text = subprocess.run(
            [self.objdump, "-d", "--no-show-raw-insn", f"--start-address={symbol.start:#x}",
             f"--stop-address={symbol.end:#x}", str(self.path)],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        line = re.compile(r"^\s*([0-9a-f]+):\s+(\S+)\s*(.*)$", re.M)
        return [(int(m[1], 16), m[2], m[3]) for m in line.finditer(text)]


def store_bytes(mnemonic: str, operands: str) -> int:
    """How many bytes an instruction writes to memory other than the stack; 0: it is no store."""
    if re.search(r"\bsp\b", operands):
        return 0
    if match := STORE_SIZED.match(mnemonic):
        return SIZES[match[1]]
    if STORE_ARM.match(mnemonic):
        return SIZES[operands[0]] * (2 if mnemonic.endswith("p") else 1)
    return 0
