"""The tests' own tools: they leave nothing behind, and see what they claim to see.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import frames
import netns
from conftest import make_namespace, wait_until
from guest import HANG_LIMIT_S, Guest, GuestError, Machine, guest_mac
from netns import Namespace, TapNet

pytestmark = pytest.mark.any_transport

BOOT_AND_WAIT = """
import signal, sys
sys.path.insert(0, sys.argv[1])
from guest import Guest, Machine
guest = Guest(Machine(sys.argv[2], sys.argv[3]))
print(guest.start().process.pid, guest.folder, flush=True)
signal.pause()
"""


def process_runs(pid: int) -> bool:
    """Whether there is such a process, zombies not counted."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_qemu_ends_with_the_test_run(machine: Machine, end: signal.Signals) -> None:
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", BOOT_AND_WAIT, here, machine.board, machine.transport]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
        assert run.stdout is not None
        pid, folder = run.stdout.readline().decode().split()
        assert process_runs(int(pid))
        run.send_signal(end)
        run.wait(HANG_LIMIT_S)
    wait_until(lambda: not process_runs(int(pid)), f"QEMU {pid} outlived the test run")
    subprocess.run(["rm", "-r", "--", folder], check=True)


def test_a_namespace_ends_with_its_owner_and_takes_its_servers_along(
    namespace: Namespace, tmp_path: Path
) -> None:
    other = make_namespace()
    server = other.spawn(tmp_path / "sleep.log", "sleep", "1000")
    assert process_runs(server.pid)
    inside = os.readlink(f"/proc/{other.agent.pid}/ns/net")
    assert inside != os.readlink("/proc/self/ns/net")
    assert inside != os.readlink(f"/proc/{namespace.agent.pid}/ns/net")
    other.close()
    assert not process_runs(server.pid) and not process_runs(other.agent.pid)


def test_where_no_namespace_can_be_had_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netns, "WAYS", [("false",), ("unshare", "--no-such-option")])
    with pytest.raises(netns.NotPossible, match="false.*--no-such-option"):
        Namespace()


def test_an_end_of_qemu_is_told_at_once_with_what_the_image_printed(
    boot: Callable[..., Guest],
) -> None:
    guest = boot("web", nics=[])
    with pytest.raises(GuestError, match="QEMU ended with (?s:.*)virtioif: error"):
        guest.wait_ready()


@pytest.mark.parametrize("skip", frames.VNET_HDR_SIZES)
def test_a_pcap_file_is_read_with_and_without_virtio_headers(tmp_path: Path, skip: int) -> None:
    frame = frames.ethernet(guest_mac(), b"\2" * 6, frames.ETH_IPV4, b"payload")
    record = struct.pack("<IIII", 1, 2, skip + len(frame), skip + len(frame)) + b"\1" * skip + frame
    path, copy = tmp_path / "a.pcap", tmp_path / "b.pcap"
    path.write_bytes(struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65536, 1) + record * 2 + b"\1")
    assert [f.data for f in frames.wire(path, guest_mac())] == [frame] * 2
    path.write_bytes(path.read_bytes()[:-1])
    frames.without_vnet_headers(path, guest_mac(), copy)
    assert [data for _, data, _ in frames.read_pcap(copy)] == [frame] * 2


def test_the_capture_has_what_passed_the_tap(
    boot: Callable[..., Guest], namespace: Namespace
) -> None:
    net = TapNet(namespace)
    guest = boot("web", nics=[net], static="10.77.0.9/24")
    guest.wait_ready()
    frame = frames.ethernet(guest_mac(), net.mac, 0x88B5, b"a frame of our own".ljust(46, b"\0"))
    with net.raw() as sock:
        sock.send(frame)
    wait_until(
        lambda: frame in [seen.data for seen in frames.wire(guest.pcap(), guest_mac())],
        "the frame is not in the capture",
    )
