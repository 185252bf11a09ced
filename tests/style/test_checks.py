"""Each style check finds the faults it is for, and nothing in a clean tree.

A check that can no longer fail would go unnoticed for years, so each is shown small trees with one
fault in them.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import check_analyzer
import check_clang_tidy
import check_cppcheck
import check_docs
import check_format
import check_headers
import check_layers
import check_lwip_files
import check_shell
import check_symbols
import check_text
import check_warnings
import common

TOP = Path(__file__).resolve().parents[2]
LWIP = Path(os.environ.get("VIRTIOIF_LWIP_DIR", TOP / "lwip"))
LICENCE = "SPDX-License-Identifier: BSD-3-Clause"

HEADER = f"""/* x.h: a header. {LICENCE}
 */
#ifndef X_H
#define X_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

/** A thing. */
struct x {{
  uint32_t a; /**< A number. */
}};

/** Does something. */
uint32_t x_do(struct x *x);

/** Does it at once. */
static inline uint32_t x_twice(uint32_t a)
{{
  return a + a;
}}

#ifdef __cplusplus
}}
#endif

#endif /* X_H */
"""

OPTIONS = """#ifndef X_OPTS_H
#define X_OPTS_H

/** X_SIZE: a size in bytes. */
#ifndef X_SIZE
#define X_SIZE 4
#endif

#endif
"""

SOURCE = """#include "x.h"

uint32_t x_do(struct x *x)
{
  return x->a;
}
"""

SCRIPT = f"""#!/usr/bin/env bash
# A script.
#
# {LICENCE}
set -euo pipefail

echo "$HOME"
"""

CLEAN = {
    "virtio/include/x.h": HEADER,
    "virtio/x.c": f"/* x.c: {LICENCE} */\n{SOURCE}",
    "port/include/netif/x_opts.h": f"/* {LICENCE} */\n{OPTIONS}",
    "port/lwipopts/lwipopts.h": f"/* {LICENCE} */\n#define X_NAME 1\n",
    "port/y.c": f"/* y.c: {LICENCE} */\n{SOURCE}",
    "examples/apps/a/main.c": f"/* {LICENCE} */\nint main(void)\n{{\n  return 0;\n}}\n",
    "examples/run.sh": SCRIPT,
}


def make_tree(folder: Path, files: dict[str, str]) -> common.Context:
    """A tree with these files, which looks like the project to a check."""
    for name in (".clang-format", ".clang-tidy"):
        (folder / name).write_text((TOP / name).read_text())
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        if text.startswith("#!"):
            path.chmod(0o755)
    return common.Context(folder, LWIP, folder / "build")


CHECKS = [
    check_analyzer,
    check_clang_tidy,
    check_cppcheck,
    check_docs,
    check_format,
    check_headers,
    check_layers,
    check_shell,
    check_text,
    check_warnings,
]


@pytest.mark.parametrize("module", CHECKS, ids=lambda module: module.__name__)
def test_clean_tree_has_no_findings(tmp_path: Path, module: ModuleType) -> None:
    """What follows shows the faults, not the tree."""
    assert module.check(make_tree(tmp_path, CLEAN)) == []


@pytest.mark.parametrize("module", CHECKS, ids=lambda module: module.__name__)
def test_empty_tree_does_not_pass(tmp_path: Path, module: ModuleType) -> None:
    """A check that finds no files to look at has not checked anything."""
    assert module.check(common.Context(tmp_path, LWIP, tmp_path)) != []


# Mistakes that only an analysis finds, and a place for them that only one set of options sees.
TWICE = "__builtin_free(x);\n  __builtin_free(x)"
NULL = "uint32_t *p = 0"
ARRAY = "uint32_t b[2] = {0}"
IF_ROUTER = "\n#if defined(IP_FORWARD) && IP_FORWARD\n  "

# (check, file, text to replace, replacement, part of the finding)
FAULTS = [
    (
        check_analyzer,
        "virtio/x.c",
        "return x->a",
        f"{TWICE};\n  return x->a",
        "analyzer-double-free",
    ),
    (check_analyzer, "port/y.c", "return x->a", f"{TWICE};\n  return x->a", "analyzer-double-free"),
    (
        check_analyzer,
        "port/y.c",
        "return x->a",
        f"{IF_ROUTER}{TWICE};\n#endif\n  return x->a",
        "router",
    ),
    (check_clang_tidy, "virtio/x.c", "return x->a", f"{NULL};\n  return *p", "NullDereference"),
    (
        check_clang_tidy,
        "port/y.c",
        "return x->a",
        f"{IF_ROUTER}{NULL};\n  *p = 1;\n#endif\n  return x->a",
        "router",
    ),
    (
        check_clang_tidy,
        "virtio/x.c",
        "return x->a",
        "uint32_t isIt = x->a;\n  return isIt",
        "naming",
    ),
    (check_clang_tidy, "virtio/include/x.h", "return a + a", "return a == a", "redundant"),
    (check_cppcheck, "virtio/x.c", "return x->a", f"{ARRAY};\n  return b[2]", "OutOfBounds"),
    (
        check_cppcheck,
        "port/y.c",
        "return x->a",
        f"{IF_ROUTER}{ARRAY};\n  return b[2];\n#endif\n  return x->a",
        "router",
    ),
    (check_docs, "virtio/include/x.h", "/** Does something. */\n", "", "x_do has no comment"),
    (check_docs, "virtio/include/x.h", "/** Does it at once. */\n", "\n", "x_twice has no comment"),
    (check_docs, "virtio/include/x.h", "something. */\n", "it. */\n\n", "x_do has no comment"),
    (check_docs, "virtio/include/x.h", " /**< A number. */", "", "field a has no comment"),
    (check_docs, "virtio/include/x.h", "/** A thing. */\n", "", "x has no comment"),
    (check_docs, "port/include/netif/x_opts.h", "/** X_SIZE: a size in bytes. */\n", "", "X_SIZE"),
    (check_docs, "port/include/netif/x_opts.h", "#ifndef X_SIZE", "#if 1", "no #ifndef"),
    (check_format, "virtio/x.c", "  return", "    return", "virtio/x.c"),
    (check_headers, "virtio/include/x.h", "#include <stdint.h>", "", "uint32_t"),
    (check_headers, "virtio/include/x.h", "x_do(struct x *x)", "x_do(struct x *new)", "g++"),
    (check_headers, "virtio/include/x.h", "#define X_H\n", "", "redefinition"),
    (check_headers, "virtio/include/x.h", "return a + a", "return -1 * (int)a", "clang"),
    (check_layers, "virtio/x.c", '#include "x.h"', '#include "lwip/opt.h"', "knows no stack"),
    (check_layers, "virtio/x.c", '#include "x.h"', "#include <stdio.h>", "not freestanding"),
    (check_layers, "virtio/x.c", '#include "x.h"', '#include "../port/y.h"', "knows no stack"),
    (check_layers, "port/y.c", '#include "x.h"', '#include "board/board.h"', "no board"),
    (check_layers, "port/y.c", '"x.h"\n', '"x.h"\n#ifdef __riscv\n#endif\n', "architecture"),
    (
        check_layers,
        "virtio/x.c",
        '"x.h"\n',
        '"x.h"\n#if 0\n#elif X || \\\n  defined(__aarch64__)\n#endif\n',
        "architecture",
    ),
    (check_layers, "examples/apps/a/main.c", "int", '#include "board.h"\nint', "knows lwIP only"),
    (
        check_layers,
        "examples/apps/a/main.c",
        "int",
        '#include "virtio/virtio_net.h"\nint',
        "knows lwIP only",
    ),
    (check_shell, "examples/run.sh", '"$HOME"', "$HOME", "SC2086"),
    (check_shell, "examples/run.sh", "set -euo pipefail\n", "", "has no line"),
    (check_text, "virtio/x.c", LICENCE, "", "has no line SPDX"),
    (check_text, "virtio/x.c", "x->a;", "x->a; /* TO" + "DO */", "loose end"),
    (check_text, "virtio/x.c", "x->a;", "x->a; ", "trailing blank"),
    (check_text, "virtio/x.c", "x->a;\n", "x->a;\r\n", "carriage return"),
    (check_text, "virtio/x.c", "  return", "\treturn", "a tab"),
    (check_text, "virtio/x.c", "}\n", "}", "newline"),
    (check_text, "virtio/x.c", "x->a;", "x->a; /*" + "." * 100 + " */", "columns"),
    (check_text, "examples/run.sh", "$HOME", "/ho" + "me/somebody/x", "one machine"),
    (check_text, "examples/run.sh", "$HOME", "cd '/ro" + "ot/x'", "one machine"),
    (check_text, "examples/run.sh", "$HOME", "http://deb.deb" + "ian.org/x", "registry"),
    (check_text, "examples/run.sh", "$HOME", "https://py" + "pi.org/x", "registry"),
    (check_warnings, "virtio/x.c", "return x->a", "int unused;\n  return x->a", "unused"),
    (check_warnings, "virtio/x.c", "return x->a", "return -1 * (int)x->a", "with clang"),
    (check_warnings, "virtio/x.c", "return x->a", "return -1 * (int)x->a", "with gcc"),
    (
        check_warnings,
        "port/y.c",
        "return x->a",
        "\n#if defined(LWIP_IPV4) && !LWIP_IPV4\n  int unused;\n#endif\n  return x->a",
        "IPv6 only",
    ),
]


@pytest.mark.parametrize(
    ("module", "name", "old", "new", "finding"),
    FAULTS,
    ids=[f"{fault[0].__name__}-{number}" for number, fault in enumerate(FAULTS)],
)
def test_fault_is_found(
    tmp_path: Path, module: ModuleType, name: str, old: str, new: str, finding: str
) -> None:
    """One fault in an otherwise clean tree."""
    assert old in CLEAN[name]
    findings = module.check(make_tree(tmp_path, {**CLEAN, name: CLEAN[name].replace(old, new, 1)}))
    assert any(finding in line for line in findings), findings


def test_private_fields_and_boards_are_free(tmp_path: Path) -> None:
    """The exceptions that the rules name."""
    files = {
        **CLEAN,
        "virtio/include/x.h": HEADER.replace("A thing.", "A thing. Private.").replace(
            " /**< A number. */", ""
        ),
        "examples/board/b/b.c": "#if defined(__riscv)\n#endif\n",
    }
    ctx = make_tree(tmp_path, files)
    assert check_docs.check(ctx) == []
    assert check_layers.check(ctx) == []


def test_script_without_run_bit(tmp_path: Path) -> None:
    """It could not be called as the documentation says."""
    ctx = make_tree(tmp_path, CLEAN)
    (tmp_path / "examples/run.sh").chmod(0o644)
    assert any("cannot be executed" in line for line in check_shell.check(ctx))


def test_missing_and_surplus_lwip_files(tmp_path: Path) -> None:
    """A newer lwIP has one file more; the build's list has one that is not there."""
    lists = (LWIP / "src" / "Filelists.cmake").read_text()
    newer = lists.replace("src/core/def.c", "src/core/def.c ${LWIP_DIR}/src/core/newer.c")
    newer = newer.replace("    ${LWIP_DIR}/src/core/udp.c\n", "")
    assert newer != lists
    files = {
        "cmake/virtioif.cmake": (TOP / "cmake" / "virtioif.cmake").read_text(),
        "port/forgotten.c": "",
        "lwip/src/Filelists.cmake": newer,
        "lwip/src/core/ipv4/acd.c": "",
    }
    ctx = make_tree(tmp_path, files)
    ctx.lwip = tmp_path / "lwip"
    findings = check_lwip_files.check(ctx)
    assert "lwIP: core/newer.c is not in cmake/virtioif.cmake" in findings
    assert "lwIP: core/udp.c does not exist there" in findings
    assert "port: forgotten.c is not in cmake/virtioif.cmake" in findings


def make_archive(folder: Path, source: str) -> Path:
    """libvirtio.a of two objects that use each other."""
    (folder / "a.c").write_text(source)
    (folder / "b.c").write_text("int b(void);\nint b(void)\n{\n  return 1;\n}\n")
    subprocess.run(["gcc", "-c", "-fno-builtin", "a.c", "b.c"], cwd=folder, check=True)
    subprocess.run(["ar", "rcs", "libvirtio.a", "a.o", "b.o"], cwd=folder, check=True)
    return folder / "libvirtio.a"


def test_symbols(tmp_path: Path) -> None:
    """The mem functions and the archive's own are allowed, the heap and stdio are not."""
    good = "#include <string.h>\nint b(void);\nvoid a(char *p) { memset(p, b(), 4); }\n"
    bad = "#include <stdlib.h>\n#include <stdio.h>\nvoid a(void) { puts(malloc(4)); }\n"
    assert check_symbols.check_archive(make_archive(tmp_path, good), "", "binutils") == []
    found = check_symbols.check_archive(make_archive(tmp_path, bad), "", "binutils")
    assert sorted(found) == ["malloc", "puts"]


def test_symbols_of_a_missing_tree(tmp_path: Path) -> None:
    """Nothing to look at is no pass."""
    assert len(check_symbols.check(make_tree(tmp_path, {}))) == len(check_symbols.TREES)
