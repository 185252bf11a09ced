"""Frames nobody asked for: floods, runts, too long ones, noise. Service goes on after each.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import errno
import random
from collections.abc import Callable

from conftest import Lan
from frames import (
    BROADCAST,
    ETH_ARP,
    ETH_IPV4,
    ETH_IPV6,
    FRAME_MAX,
    TCP,
    UDP,
    arp,
    ethernet,
    ipv4,
    read_pcap,
    tcp,
    udp,
)
from guest import Guest, guest_mac
from test_idle import share_asleep
from traffic import assert_serves, ping, random_bytes
from wire import Wire

FLOOD_FRAMES = 100_000
ALL_HOSTS = bytes.fromhex("01005e000001")
ALL_NODES = bytes.fromhex("333300000001")


def broadcasts(source: bytes, host: str) -> list[bytes]:
    """Broadcast frames as real networks have them: ARP for others, UDP nobody listens to, unknown
    protocols, short ones and one of full size."""
    question = arp(1, source, host, bytes(6), "10.77.0.99")
    datagram = ipv4(host, "255.255.255.255", UDP, udp(5353, 5353, random_bytes(32, 1)))
    large = ipv4(host, "255.255.255.255", UDP, udp(137, 137, random_bytes(1472, 2)))
    padded = [
        ethernet(BROADCAST, source, ETH_ARP, question),
        ethernet(BROADCAST, source, ETH_IPV4, datagram),
        ethernet(BROADCAST, source, 0x88CC, random_bytes(46, 3)),
        ethernet(BROADCAST, source, ETH_IPV6, random_bytes(46, 4)),
    ]
    frames = [frame.ljust(60, b"\0") for frame in padded] * 25
    frames[0] = ethernet(BROADCAST, source, ETH_IPV4, large)
    return frames


def test_reception_goes_on_after_100000_broadcast_frames_on_a_tap(web_lan: Lan) -> None:
    frames = broadcasts(web_lan.net.mac, web_lan.net.HOST)
    before = sum(1 for _ in read_pcap(web_lan.guest.pcap()))
    with web_lan.net.raw() as sock:
        sent = 0
        while sent < FLOOD_FRAMES:
            try:
                sock.send(frames[sent % len(frames)])
                sent += 1
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
    # The kernel drops what QEMU does not fetch in time; what counts is that the guest had its
    # hands full, and works.
    assert sum(1 for _ in read_pcap(web_lan.guest.pcap())) > before + 1000
    assert_serves(web_lan.guest)
    payload = random_bytes(1472, 3)
    assert ping(web_lan.net, payload) == payload


def test_reception_goes_on_after_100000_broadcast_frames_of_which_none_is_lost(
    boot: Callable[..., Guest], wire: Callable[..., Wire]
) -> None:
    link = wire()
    guest = boot("echo", nics=[link], static=Wire.STATIC)
    guest.wait_ready()
    frames = broadcasts(Wire.MAC, Wire.IP)
    for _ in range(FLOOD_FRAMES // len(frames)):
        link.send(*frames)
    assert link.ping(random_bytes(1472, 4)) == random_bytes(1472, 4)
    assert sum(1 for _ in read_pcap(guest.pcap())) >= FLOOD_FRAMES
    assert link.udp_echo(random_bytes(1472, 5)) == random_bytes(1472, 5)


def test_service_goes_on_after_10000_questions_whose_answers_nobody_took(
    boot: Callable[..., Guest], wire: Callable[..., Wire]
) -> None:
    # The answers fill the wire, then QEMU's queue, then the guest's transmit ring.
    link = wire()
    boot("echo", nics=[link], static=Wire.STATIC).wait_ready()
    link.ask_arp()
    question = ethernet(
        BROADCAST, Wire.MAC, ETH_ARP, arp(1, Wire.MAC, Wire.IP, bytes(6), Wire.GUEST_IP)
    )
    request = link.to_guest(UDP, udp(40001, 7, random_bytes(1472, 6)))
    sender = link.sock.dup()
    sender.settimeout(5.0)
    flood = b"".join(len(f).to_bytes(4, "big") + f for f in [question, request] * 5000)
    try:
        while flood:
            flood = flood[sender.send(flood) :]
    except TimeoutError:
        pass  # both directions stand still; what is left follows below, with a reader
    finally:
        sender.close()
    link.sock.setblocking(False)
    link.flush(flood)
    assert link.ping(random_bytes(1472, 7), sequence=2) == random_bytes(1472, 7)


def test_runts_do_no_harm(boot: Callable[..., Guest], wire: Callable[..., Wire]) -> None:
    link = wire()
    boot("echo", nics=[link], static=Wire.STATIC).wait_ready()
    whole = link.to_guest(UDP, udp(40001, 7, random_bytes(64, 8)))
    link.ask_arp()
    for _ in range(10):  # more of them than the guest has buffers
        link.send(*(whole[:length] for length in range(1, 60)))
    for length in (0, 1, 100):
        assert link.ping(random_bytes(length, length), length) == random_bytes(length, length)


def test_frames_longer_than_1514_bytes_do_no_harm(
    boot: Callable[..., Guest], wire: Callable[..., Wire]
) -> None:
    link = wire()
    boot("echo", nics=[link], static=Wire.STATIC).wait_ready()
    link.ask_arp()
    sizes = [1515, 1516, 1518, 1522, 1536, 2034, 2035, 2036, 2037, 2046, 2047, 2048, 2049]
    sizes += [4096, 9014, 65535]
    for size in sizes:
        payload = random_bytes(size - 42, size)
        link.send(*[link.to_guest(UDP, udp(40001, 7, payload))] * 30)
        link.send(*[ethernet(BROADCAST, Wire.MAC, ETH_IPV6, payload)] * 30)
    for length in (0, 1, 1472):
        assert link.ping(random_bytes(length, length), length) == random_bytes(length, length)


def test_noise_does_no_harm(boot: Callable[..., Guest], wire: Callable[..., Wire]) -> None:
    link = wire()
    boot("web", nics=[link], static=Wire.STATIC).wait_ready()
    link.ask_arp()
    rng = random.Random(9)
    for _ in range(2000):
        kind = rng.choice([ETH_ARP, ETH_IPV4, ETH_IPV6, rng.getrandbits(16)])
        target = rng.choice([BROADCAST, guest_mac(), ALL_HOSTS, ALL_NODES])
        payload = bytearray(rng.randbytes(rng.randrange(0, FRAME_MAX - 14)))
        if kind == ETH_IPV4 and payload:
            payload[0] = 0x45
        if kind == ETH_IPV6 and payload:
            payload[0] = 0x60
        link.send(ethernet(target, Wire.MAC, kind, bytes(payload)))
    assert link.ping(random_bytes(1472, 10)) == random_bytes(1472, 10)


def test_packets_that_claim_to_come_from_the_guest_itself_do_no_harm(
    boot: Callable[..., Guest], wire: Callable[..., Wire]
) -> None:
    link = wire()
    guest = boot("echo", nics=[link], static=Wire.STATIC)
    guest.wait_ready()
    link.ask_arp()
    for port in (7, 9, 19, 80):
        datagram = udp(port, port, b"to myself")
        link.send(link.from_address(Wire.GUEST_IP, UDP, datagram))
        link.send(link.from_address("127.0.0.1", UDP, datagram))
        land = tcp(Wire.GUEST_IP, Wire.GUEST_IP, port, port, flags=0x02)
        link.send(link.from_address(Wire.GUEST_IP, TCP, land))
    assert link.ping(random_bytes(100, 11)) == random_bytes(100, 11)
    assert share_asleep(guest) > 0.8, "the guest talks to itself without end"
