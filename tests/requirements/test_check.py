"""requirements.selftest: the check of the requirements finds what it is there to find.

A tiny driver with a tiny specification has nothing to find; then each fault is put in alone.

SPDX-License-Identifier: BSD-3-Clause
"""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import check  # noqa: E402

TOP = Path(__file__).resolve().parents[2]

ROWS = [
    check.COLUMNS,
    ["drv-x-1", "MUST", "It counts.", "virtio/x.c:count", "x.it_counts", "-"],
    ["drv-x-2", "SHOULD NOT", "It is not slow.", "virtio/x.c:LIMIT", "-", "argued: It is short."],
    ["drv-x-3", "MUST", "It has a table.", "virtio/x.c:table virtio/x.h:x", "x.a x.it_counts", "-"],
    ["drv-pci-x-1..3", "-", "Of PCI.", "-", "-", "unbound: PCI"],
    ["leg-x-1", "-", "Of queues.", "-", "-", "unbound: VIRTIO_NET_F_MQ"],
]

TREE = {
    "virtio/requirements.tsv": "".join("\t".join(row) + "\n" for row in ROWS),
    "tests/requirements/families.tsv": "drv-x\t3\ndrv-pci-x\t3\nleg-x\t1\n",
    "virtio/x.c": "#define LIMIT 3\nstatic const int table[LIMIT] = {\n    1};\n"
    "COLD static int count(int a,\n                 int b)\n{\n  return a + b;\n}\n",
    "virtio/x.h": "struct x {\n  int y;\n};\n",
    "virtio/include/virtio/virtio_net.h": "#define VIRTIO_NET_FEATURES \\\n"
    "  (VIRTIO_F_A | \\\n   VIRTIO_NET_F_B)\n#define OTHER VIRTIO_NET_F_MQ\n",
    "tests/sim/sim.c": 'void f(void)\n{\n  sim_breach("drv-x-1", "no");\n}\n',
    "tests/unit/test_sim.c": 'static struct sin sins[] = {{"drv-x-1", 2, f}};\n',
    "tests/unit/test_x.c": 'void f(void)\n{\n  sim_tolerate("drv-x-1");\n}\n',
    "results/x.txt": "[ RUN      ] it_counts\n[       OK ] it_counts\n"
    "[ RUN      ] a, old\nprinted by a\n[       OK ] a, old\n"
    "[ RUN      ] a, new\n[       OK ] a, new\n[  PASSED  ] 3 test(s).\n",
    "results/gone.txt": "[ RUN      ] b\n[       OK ] b\n",
}


def run(folder: Path, tree: dict[str, str]) -> tuple[list[str], list[str]]:
    """Findings and summary for a tree of these files."""
    for name, text in tree.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return check.check(folder, check.read_results(folder, folder / "results"))


def test_all_in_order(tmp_path: Path) -> None:
    """Nothing to find, and all of it counted."""
    findings, lines = run(tmp_path, TREE)
    assert findings == []
    assert lines == [
        "requirements: 7 in all; 3 are about PCI, 1 about 1 features that are never negotiated, "
        "3 bind this driver",
        "requirements: 2 shown by 2 tests, 1 argued, 1 watched by the simulated device in every "
        "test",
        "requirements: argued are drv-x-2",
        "requirements: 3 of 3 met",
    ]


TABLE = "virtio/requirements.tsv"
RESULTS = "results/x.txt"

# What is changed, how, what is said of it, and how many requirements are met then.
FAULTS = [
    # The table and the list of ids.
    (TABLE, "\t".join(ROWS[2]) + "\n", "", "drv-x-2: has no row", "2 of 2"),
    (TABLE, "drv-x-2", "drv-x-4", "drv-x-4: is no id", "3 of 3"),
    (TABLE, "drv-x-2", "drv-x-1", "drv-x-1: has 2 rows", "2 of 2"),
    (TABLE, "drv-pci-x-1..3", "drv-pci-x-1..2", "drv-pci-x-3: has no row", "3 of 3"),
    (TABLE, "drv-pci-x-1..3", "drv-pci-x-1..4", "drv-pci-x-4: is no id", "3 of 3"),
    (TABLE, "drv-x-2", "drv_x_2", "is no id and no range", "2 of 2"),
    (TABLE, "\tMUST\tIt counts", "\tIt counts", "not 6 cells", "2 of 2"),
    (TABLE, "It counts.", "", "not 6 cells", "2 of 2"),
    (TABLE, "id\tlevel", "id\tstrength", "the columns are", "0 of 0"),
    ("tests/requirements/families.tsv", "drv-x\t3", "drv-x\t4", "drv-x-4: has no row", "3 of 3"),
    # Rows.
    (TABLE, "\tMUST\tIt counts", "\tMAY\tIt counts", "level 'MAY'", "2 of 3"),
    (TABLE, "argued: It is short.", "-", "either tests or an argument", "2 of 3"),
    (TABLE, "argued: It is short.", "It is short.", "either tests or an argument", "2 of 3"),
    (TABLE, "x.it_counts\t-", "x.it_counts\targued: Too.", "either tests or an", "2 of 3"),
    (TABLE, "virtio/x.c:count", "-", "names no code", "2 of 3"),
    (TABLE, "\t-\tOf PCI.", "\tMUST\tOf PCI.", "has nothing else", "3 of 3"),
    (TABLE, "drv-x-1\t", "drv-x-1..2\t", "rows that do not bind may", "2 of 3"),
    # Code.
    ("virtio/x.c", "static int count", "static int sum", "does not define count", "2 of 3"),
    ("virtio/x.c", "\n{\n  return", ";\nint sum(int a, int b)\n{\n  return", "define count", "2 of 3"),
    ("virtio/x.c", "#define LIMIT", "#define MOST", "does not define LIMIT", "2 of 3"),
    ("virtio/x.c", "int table[", "int tables[", "does not define table", "2 of 3"),
    ("virtio/x.h", "struct x {", "struct y {", "does not define x", "2 of 3"),
    (TABLE, "virtio/x.c:count", "virtio/y.c:count", "there is no virtio/y.c:count", "2 of 3"),
    # What does not bind.
    (TABLE, "unbound: PCI", "unbound: tired", "neither PCI nor a feature", "3 of 3"),
    (TABLE, "VIRTIO_NET_F_MQ", "VIRTIO_NET_F_B", "VIRTIO_NET_F_B is negotiated now", "3 of 3"),
    # Tests.
    (TABLE, "x.it_counts\t-", "x.it_count\t-", "there is no test x.it_count", "2 of 3"),
    (TABLE, "x.it_counts\t-", "gone.b\t-", "there is no test gone.b", "2 of 3"),
    (RESULTS, "[       OK ] a, old", "[  FAILED  ] a, old", "x.a did not pass", "2 of 3"),
    (RESULTS, "[       OK ] a, old", "[  SKIPPED ] a, old", "x.a did not pass", "2 of 3"),
    (RESULTS, "[       OK ] a, new\n", "", "x.a did not pass", "2 of 3"),
    # The simulated device and other tests.
    ("tests/sim/sim.c", '"drv-x-1"', '"leg-x-1"', "sim.c: leg-x-1 does not bind", "3 of 3"),
    ("tests/sim/sim.c", '"drv-x-1"', '"drv-x-3"', "nobody breaks drv-x-3", "3 of 3"),
    ("tests/unit/test_x.c", '"drv-x-1"', '"drv-y-1"', "test_x.c: drv-y-1 does not", "3 of 3"),
    ("tests/unit/test_x.c", "void f", "/* meets: drv-x-1 */\nvoid f", "stands in", "3 of 3"),
]


@pytest.mark.parametrize(("name", "old", "new", "finding", "met"), FAULTS)
def test_fault_is_found(
    tmp_path: Path, name: str, old: str, new: str, finding: str, met: str
) -> None:
    """One fault in a tree that is in order otherwise."""
    assert old in TREE[name]
    findings, lines = run(tmp_path, {**TREE, name: TREE[name].replace(old, new, 1)})
    assert any(finding in line for line in findings), findings
    assert lines[-1] == f"requirements: {met} met"


def test_pci(tmp_path: Path) -> None:
    """A transport that is there makes its requirements count."""
    findings, _ = run(tmp_path, {**TREE, "virtio/virtio_pci.c": ""})
    assert any("PCI transport" in line for line in findings)


def test_families() -> None:
    """The list is the whole specification's; a line lost would be a requirement lost."""
    ids = check.read_families(TOP / "tests/requirements/families.tsv")
    assert len(ids) == len(set(ids)) == 328
