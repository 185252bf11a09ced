/*
 * packet.c: IPv4 and IPv6 packets in Ethernet frames, made and judged byte by byte.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "packet.h"

#include <string.h>

enum {
  ETH_HDR = 14,
  IP4_HDR = 20,
  IP6_HDR = 40,
  FRAGMENT_HDR = 8,
  NEXT_FRAGMENT = 44,
  NEXT_HOP_BY_HOP = 0,
  NEEDS_CSUM = 1,
};

u16_t packet_get16(const u8_t *at)
{
  return (u16_t)(at[0] << 8 | at[1]);
}

u32_t packet_get32(const u8_t *at)
{
  return (u32_t)packet_get16(at) << 16 | packet_get16(at + 2);
}

void packet_put16(u8_t *at, u32_t value)
{
  at[0] = (u8_t)(value >> 8);
  at[1] = (u8_t)value;
}

void packet_put32(u8_t *at, u32_t value)
{
  packet_put16(at, value >> 16);
  packet_put16(at + 2, value);
}

/*
 * Sums
 */

static u32_t sum_of(const u8_t *bytes, size_t len, u32_t sum)
{
  for (size_t i = 0; i < len; i++) {
    sum += i % 2 == 0 ? (u32_t)bytes[i] << 8 : bytes[i];
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return sum;
}

/* Where a protocol has its checksum; 0: not known here. */
static size_t sum_field(u8_t protocol)
{
  switch (protocol) {
  case PACKET_TCP:
    return 16;
  case PACKET_UDP:
    return 6;
  case PACKET_ICMP:
  case PACKET_ICMP6:
    return 2;
  default:
    return 0;
  }
}

static u32_t pseudo_sum(const struct packet *p)
{
  const u8_t *ip = p->bytes + p->ip;
  if (p->protocol == PACKET_ICMP) {
    return 0;
  }
  u32_t sum = p->ipv6 ? sum_of(ip + 8, 32, 0) : sum_of(ip + 12, 8, 0);
  sum += p->protocol + (u32_t)(p->len - p->l4);
  return (sum & 0xffff) + (sum >> 16);
}

void packet_finish(struct packet *p)
{
  u8_t *ip = p->bytes + p->ip;
  u8_t *field = p->bytes + p->l4 + sum_field(p->protocol);
  if (p->ipv6) {
    packet_put16(ip + 4, (u32_t)(p->len - p->ip - IP6_HDR));
  } else {
    packet_put16(ip + 2, (u32_t)(p->len - p->ip));
    packet_put16(ip + 10, 0);
    packet_put16(ip + 10, ~sum_of(ip, p->l4 - p->ip, 0));
  }
  if (p->protocol == PACKET_UDP) {
    packet_put16(p->bytes + p->l4 + 4, (u32_t)(p->len - p->l4));
  }
  packet_put16(field, 0);
  u32_t sum = ~sum_of(p->bytes + p->l4, p->len - p->l4, pseudo_sum(p)) & 0xffff;
  packet_put16(field, sum == 0 && p->protocol == PACKET_UDP ? 0xffff : sum);
}

void packet_spoil(struct packet *p)
{
  u8_t *field = p->bytes + p->l4 + sum_field(p->protocol);
  u16_t sum = packet_get16(field);
  packet_put16(field, sum == 0x1234 ? 0x4321 : 0x1234);
}

struct sim_hdr packet_leave_sum(struct packet *p)
{
  size_t field = sum_field(p->protocol);
  packet_put16(p->bytes + p->l4 + field, pseudo_sum(p));
  return (struct sim_hdr){
      .flags = NEEDS_CSUM, .csum_start = (u16_t)p->l4, .csum_offset = (u16_t)field};
}

void packet_tag(struct packet *p, u16_t tag)
{
  u8_t *type = p->bytes + 12;
  memmove(type + 4, type, p->len - 12);
  packet_put16(type, 0x8100);
  packet_put16(type + 2, tag);
  p->ip += 4;
  p->l4 += 4;
  p->len += 4;
}

/*
 * Made
 */

static struct packet_way way_of(unsigned number, const u8_t dest_mac[6], bool ipv6)
{
  struct packet_way way = {.ipv6 = ipv6};
  memcpy(way.dest_mac, dest_mac, 6);
  memcpy(way.src_mac, peer_mac, 6);
  if (ipv6) {
    packet_put32(way.src, 0xfd000000u | number);
    way.src[15] = 2;
  } else {
    packet_put32(way.src, 0x0a000002u | number << 8);
  }
  return way;
}

struct packet_way packet_to(const struct host *host, bool ipv6)
{
  struct packet_way way = way_of(host->number, host->netif.hwaddr, ipv6);
  memcpy(way.dest, way.src, sizeof(way.dest));
  way.dest[ipv6 ? 15 : 3] = 1;
  return way;
}

struct packet_way packet_through(const struct host *host, const struct host *other, bool ipv6)
{
  struct packet_way way = way_of(host->number, host->netif.hwaddr, ipv6);
  memcpy(way.dest, way_of(other->number, peer_mac, ipv6).src, sizeof(way.dest));
  return way;
}

/* Everything up to the transport header, of len bytes together with what follows. */
static void begin(struct packet *p, const struct packet_way *way, u8_t protocol, size_t len)
{
  p->ip = ETH_HDR;
  p->ipv6 = way->ipv6;
  p->protocol = protocol;
  p->l4 = p->ip + (way->ipv6 ? IP6_HDR : IP4_HDR);
  p->len = p->l4 + len;
  assert_true(p->len <= sizeof(p->bytes));
  memset(p->bytes, 0, p->l4);
  memcpy(p->bytes, way->dest_mac, 6);
  memcpy(p->bytes + 6, way->src_mac, 6);
  packet_put16(p->bytes + 12, way->ipv6 ? 0x86dd : 0x0800);
  u8_t *ip = p->bytes + p->ip;
  if (way->ipv6) {
    ip[0] = 0x60;
    ip[6] = protocol;
    ip[7] = 64;
    memcpy(ip + 8, way->src, 16);
    memcpy(ip + 24, way->dest, 16);
  } else {
    ip[0] = 0x45;
    ip[8] = 64;
    ip[9] = protocol;
    memcpy(ip + 12, way->src, 4);
    memcpy(ip + 16, way->dest, 4);
  }
}

void packet_udp(struct packet *p, const struct packet_way *way, u16_t port, size_t len,
                unsigned seed)
{
  begin(p, way, PACKET_UDP, 8 + len);
  packet_put16(p->bytes + p->l4, 4000);
  packet_put16(p->bytes + p->l4 + 2, port);
  support_pattern(p->bytes + p->l4 + 8, len, seed);
  packet_finish(p);
}

void packet_ping(struct packet *p, const struct packet_way *way, size_t len, unsigned seed)
{
  begin(p, way, way->ipv6 ? PACKET_ICMP6 : PACKET_ICMP, 8 + len);
  memset(p->bytes + p->l4, 0, 8);
  p->bytes[p->l4] = way->ipv6 ? 128 : 8;
  support_pattern(p->bytes + p->l4 + 8, len, seed);
  packet_finish(p);
}

void packet_tcp(struct packet *p, const struct packet_way *way, const struct packet_tcp *tcp,
                size_t len, unsigned seed)
{
  bool syn = (tcp->flags & PACKET_SYN) != 0;
  size_t hdr_len = syn ? 24 : 20; /* a SYN tells the largest segment */
  begin(p, way, PACKET_TCP, hdr_len + len);
  u8_t *at = p->bytes + p->l4;
  packet_put16(at, tcp->src);
  packet_put16(at + 2, tcp->dest);
  packet_put32(at + 4, tcp->seq);
  packet_put32(at + 8, tcp->ack);
  at[12] = (u8_t)(hdr_len / 4 << 4);
  at[13] = tcp->flags;
  packet_put16(at + 14, tcp->window);
  packet_put16(at + 18, 0);
  if (syn) {
    packet_put32(at + 20, 0x02040000u | 1460);
  }
  support_pattern(at + hdr_len, len, seed);
  packet_finish(p);
}

void packet_solicit(struct packet *p, const struct host *host)
{
  struct packet_way way = packet_to(host, true);
  begin(p, &way, PACKET_ICMP6, 32);
  u8_t *at = p->bytes + p->l4;
  memset(at, 0, 32);
  p->bytes[p->ip + 7] = 255;
  at[0] = 135;
  memcpy(at + 8, way.dest, 16);
  at[24] = 1; /* my own address: */
  at[25] = 1;
  memcpy(at + 26, peer_mac, 6);
  packet_finish(p);
}

void packet_too_big(struct packet *p, const struct host *host, const u8_t *frame, u32_t mtu)
{
  struct packet_way way = packet_to(host, true);
  size_t quoted = IP6_HDR + 8;
  begin(p, &way, PACKET_ICMP6, 8 + quoted);
  u8_t *at = p->bytes + p->l4;
  memset(at, 0, 8);
  at[0] = 2;
  packet_put32(at + 4, mtu);
  memcpy(at + 8, frame + ETH_HDR, quoted);
  packet_finish(p);
}

bool packet_fragment(const struct packet *whole, unsigned n, size_t size, struct packet *part)
{
  size_t total = whole->len - whole->l4;
  size_t from = n * size;
  size_t extra = whole->ipv6 ? FRAGMENT_HDR : 0;
  if (from >= total) {
    return false;
  }
  bool last = from + size >= total;
  size_t len = last ? total - from : size;
  memcpy(part->bytes, whole->bytes, whole->l4);
  u8_t *ip = part->bytes + whole->ip;
  part->len = whole->l4 + extra + len;
  if (whole->ipv6) {
    u8_t *header = part->bytes + whole->l4;
    memset(header, 0, FRAGMENT_HDR);
    header[0] = ip[6];
    packet_put16(header + 2, (u32_t)from | (last ? 0 : 1));
    memcpy(header + 4, "good", 4);
    ip[6] = NEXT_FRAGMENT;
    packet_put16(ip + 4, (u32_t)(extra + len));
  } else {
    packet_put16(ip + 2, (u32_t)(IP4_HDR + len));
    packet_put16(ip + 6, (u32_t)(from / 8) | (last ? 0 : 0x2000));
    packet_put16(ip + 10, 0);
    packet_put16(ip + 10, ~sum_of(ip, IP4_HDR, 0));
  }
  memcpy(part->bytes + whole->l4 + extra, whole->bytes + whole->l4 + from, len);
  return true;
}

/*
 * Judged
 */

bool packet_parse(struct packet *p, const u8_t *frame, size_t len)
{
  assert_true(len <= sizeof(p->bytes));
  memcpy(p->bytes, frame, len);
  p->len = len;
  p->ip = ETH_HDR;
  u16_t type = packet_get16(frame + 12);
  const u8_t *ip = frame + p->ip;
  if (type == 0x0800) {
    p->ipv6 = false;
    p->protocol = ip[9];
    p->l4 = p->ip + IP4_HDR;
    if ((ip[0] & 15) != 5) { /* with options, as IGMP has them */
      p->l4 = p->ip + 4u * (ip[0] & 15u);
    }
    p->len = p->ip + packet_get16(ip + 2);
  } else if (type == 0x86dd) {
    p->ipv6 = true;
    p->protocol = ip[6];
    p->l4 = p->ip + IP6_HDR;
    p->len = p->l4 + packet_get16(ip + 4);
    if (p->protocol == NEXT_HOP_BY_HOP) {
      p->protocol = frame[p->l4];
      p->l4 += 8u * (frame[p->l4 + 1] + 1u);
    }
  } else {
    return false;
  }
  assert_true(p->len <= len);
  return true;
}

void packet_check(const u8_t *frame, size_t len)
{
  static struct packet p;
  if (!packet_parse(&p, frame, len)) {
    return;
  }
  const u8_t *ip = p.bytes + p.ip;
  if (!p.ipv6 && sum_of(ip, p.l4 - p.ip, 0) != 0xffff) {
    fail_msg("an IPv4 header's checksum %04x is wrong", packet_get16(ip + 10));
  }
  size_t field = sum_field(p.protocol);
  bool fragment = !p.ipv6 && (packet_get16(ip + 6) & 0x3fff) != 0;
  if (fragment || field == 0) {
    return;
  }
  u16_t there = packet_get16(p.bytes + p.l4 + field);
  if (p.protocol == PACKET_UDP && there == 0) {
    fail_msg("a datagram has no checksum");
  }
  if (sum_of(p.bytes + p.l4, p.len - p.l4, pseudo_sum(&p)) != 0xffff) {
    fail_msg("the checksum %04x of protocol %u is wrong in a frame of %zu", there, p.protocol, len);
  }
}

struct packet_tcp packet_tcp_of(const struct packet *p)
{
  const u8_t *at = p->bytes + p->l4;
  assert_int_equal(p->protocol, PACKET_TCP);
  return (struct packet_tcp){
      .src = packet_get16(at),
      .dest = packet_get16(at + 2),
      .seq = packet_get32(at + 4),
      .ack = packet_get32(at + 8),
      .flags = at[13],
      .window = packet_get16(at + 14),
  };
}

size_t packet_tcp_payload(const struct packet *p)
{
  return p->l4 + 4u * (p->bytes[p->l4 + 12] >> 4);
}
