/*
 * packet.h: IPv4 and IPv6 packets in Ethernet frames, made and judged byte by byte, by code that
 * has nothing to do with lwIP's.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef PACKET_H
#define PACKET_H

#include "host.h"

enum {
  PACKET_ICMP = 1,
  PACKET_TCP = 6,
  PACKET_UDP = 17,
  PACKET_ICMP6 = 58,
  PACKET_BYTES_MAX = 66000,
};

enum {
  PACKET_FIN = 0x01,
  PACKET_SYN = 0x02,
  PACKET_RST = 0x04,
  PACKET_PSH = 0x08,
  PACKET_ACK = 0x10,
  PACKET_URG = 0x20,
};

/** From where to where. */
struct packet_way {
  bool ipv6;
  u8_t dest_mac[6];
  u8_t src_mac[6];
  u8_t dest[16]; /**< IPv4: the first 4. */
  u8_t src[16];
};

struct packet {
  u8_t bytes[PACKET_BYTES_MAX];
  size_t len;
  size_t ip; /**< Where the headers are. */
  size_t l4;
  u8_t protocol;
  bool ipv6;
};

/** What a TCP header says. */
struct packet_tcp {
  u16_t src;
  u16_t dest;
  u32_t seq;
  u32_t ack;
  u8_t flags;
  u16_t window;
};

/** The way from the peer of one interface to an interface, and to the peer of another one through
 * it. */
struct packet_way packet_to(const struct host *host, bool ipv6);
struct packet_way packet_through(const struct host *host, const struct host *other, bool ipv6);

/** Packets with len patterned bytes and all sums. */
void packet_udp(struct packet *p, const struct packet_way *way, u16_t port, size_t len,
                unsigned seed);
void packet_ping(struct packet *p, const struct packet_way *way, size_t len, unsigned seed);
void packet_tcp(struct packet *p, const struct packet_way *way, const struct packet_tcp *tcp,
                size_t len, unsigned seed);

/** A neighbour solicitation, from which the interface learns the IPv6 peer's address. */
void packet_solicit(struct packet *p, const struct host *host);

/** What a router on the way to the IPv6 peer says of a frame that was sent: its path takes packets
 * of so many bytes. */
void packet_too_big(struct packet *p, const struct host *host, const u8_t *frame, u32_t mtu);

/** Lengths and sums once more, after something was changed. */
void packet_finish(struct packet *p);

/** A transport checksum that is wrong. */
void packet_spoil(struct packet *p);

/** The transport checksum as a sender leaves it for somebody else to finish, and the header that
 * says so. */
struct sim_hdr packet_leave_sum(struct packet *p);

/** Put a VLAN tag in front of the packet. */
void packet_tag(struct packet *p, u16_t tag);

/** The nth fragment, with size bytes of payload (a multiple of 8); false if there are fewer. */
bool packet_fragment(const struct packet *whole, unsigned n, size_t size, struct packet *part);

/** Fails the test unless every sum of the frame is there and right; of a fragment, the IP header's.
 */
void packet_check(const u8_t *frame, size_t len);

/** What is in the frame: headers found, for the tests to look on. */
bool packet_parse(struct packet *p, const u8_t *frame, size_t len);

/** The TCP header of such a one. */
struct packet_tcp packet_tcp_of(const struct packet *p);
size_t packet_tcp_payload(const struct packet *p); /**< Offset in bytes. */

u16_t packet_get16(const u8_t *at);
u32_t packet_get32(const u8_t *at);
void packet_put16(u8_t *at, u32_t value);
void packet_put32(u8_t *at, u32_t value);

#endif /* PACKET_H */
