/*
 * sim_frame.c: what a driver may put in front of a frame, and whether the frame is whole.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "sim_internal.h"

#include <string.h>

enum { ETH_HDR_BYTES = 14, FLAG_NEEDS_CSUM = 1, GSO_NONE = 0, GSO_ECN = 0x80 };

/* More pieces than this make no sense for a frame of one packet, or of many. */
enum { PIECES_MAX = 20, PIECES_MAX_LARGE = 130 };

/*
 * Checksums, the slow and obvious way
 */

static uint32_t sum16(const uint8_t *bytes, size_t len, uint32_t sum)
{
  for (size_t i = 0; i + 1 < len; i += 2) {
    sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
    sum = (sum & 0xffff) + (sum >> 16);
  }
  if (len % 2 != 0) {
    sum += (uint32_t)bytes[len - 1] << 8;
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return sum;
}

static unsigned read16(const uint8_t *at)
{
  return (unsigned)(at[0] << 8 | at[1]);
}

/* Where the checksum of a protocol stands in its header; 0 if it is none that is known here. */
static size_t csum_field(uint8_t protocol)
{
  switch (protocol) {
  case 1: /* ICMP */
  case 58:
    return 2;
  case 6:
    return 16;
  case 17:
    return 6;
  default:
    return 0;
  }
}

static void check_l4(uint8_t protocol, const uint8_t *l4, size_t len, uint32_t pseudo_sum)
{
  size_t field = csum_field(protocol);
  if (field == 0 || len < field + 2) {
    return;
  }
  if (protocol == 17 && read16(l4 + field) == 0) {
    return; /* no checksum, which IPv4 allows */
  }
  uint32_t start = protocol == 1 ? 0 : pseudo_sum + protocol + (uint32_t)len;
  start = (start & 0xffff) + (start >> 16);
  if (sum16(l4, len, start) != 0xffff) {
    sim_breach("drv-net-tx-4", "a packet of protocol %u leaves with a wrong checksum", protocol);
  }
}

static void check_ipv4(const uint8_t *ip, size_t len)
{
  if (len < 20 || ip[0] >> 4 != 4) {
    return;
  }
  size_t header = 4u * (ip[0] & 15u);
  size_t total = read16(ip + 2);
  if (total > len || header < 20 || total < header) {
    sim_breach("own-tx-ip-length", "IPv4 length %u in a frame with room for %u", (unsigned)total,
               (unsigned)len);
    return;
  }
  if (sum16(ip, header, 0) != 0xffff) {
    sim_breach("drv-net-tx-4", "IPv4 header checksum is wrong");
  }
  bool fragment = (read16(ip + 6) & 0x3fff) != 0;
  if (!fragment) {
    check_l4(ip[9], ip + header, total - header, sum16(ip + 12, 8, 0));
  }
}

static void check_ipv6(const uint8_t *ip, size_t len)
{
  size_t payload = len < 40 ? 0 : read16(ip + 4);
  if (len < 40 || payload > len - 40) {
    sim_breach("own-tx-ip-length", "IPv6 length %u in a frame with room for %u", (unsigned)payload,
               (unsigned)len);
    return;
  }
  const uint8_t *l4 = ip + 40;
  uint8_t protocol = ip[6];
  if (protocol == 0 && payload >= 8) { /* hop-by-hop options, as MLD has them */
    size_t skip = 8u * (l4[1] + 1u);
    protocol = l4[0];
    l4 += skip <= payload ? skip : payload;
    payload -= skip <= payload ? skip : payload;
  }
  check_l4(protocol, l4, payload, sum16(ip + 8, 32, 0));
}

/* Test frames of other types can be anything. */
static void check_packet(const uint8_t *frame, size_t len)
{
  unsigned type = read16(frame + 12);
  size_t skip = ETH_HDR_BYTES;
  if (type == 0x8100 && len >= ETH_HDR_BYTES + 4) {
    type = read16(frame + 16);
    skip += 4;
  }
  if (type == 0x0800) {
    check_ipv4(frame + skip, len - skip);
  } else if (type == 0x86dd) {
    check_ipv6(frame + skip, len - skip);
  }
}

/*
 * Header
 */

static bool has(const struct sim_device *dev, uint64_t feature)
{
  return (dev->accepted & feature) != 0;
}

static void check_gso(const struct sim_device *dev, const struct sim_hdr *hdr)
{
  static const struct {
    uint8_t type;
    uint64_t feature;
    const char *rule;
  } types[] = {
      {1, SIM_F_HOST_TSO4, "drv-net-tx-5"},
      {4, SIM_F_HOST_TSO6, "drv-net-tx-6"},
      {3, SIM_F_HOST_UFO, "drv-net-tx-7"},
      {5, UINT64_C(1) << 56, "drv-net-tx-8"},
  };
  const uint64_t any = SIM_F_HOST_TSO4 | SIM_F_HOST_TSO6 | SIM_F_HOST_UFO | UINT64_C(1) << 56;
  if (hdr->gso_type == GSO_NONE) {
    return;
  }
  if (!has(dev, any)) {
    sim_breach("drv-net-tx-23", "gso_type %02x", hdr->gso_type);
  }
  unsigned tunnel = hdr->gso_type & 0x60u;
  if (tunnel != 0) {
    sim_breach("drv-net-tx-11", "gso_type %02x", hdr->gso_type);
  }
  if (tunnel == 0x60) {
    sim_breach("drv-net-tx-18", "gso_type %02x", hdr->gso_type);
  }
  if (tunnel != 0 && (hdr->gso_type & 0x1f) == 3) {
    sim_breach("drv-net-tx-17", "gso_type %02x", hdr->gso_type);
  }
  if (tunnel != 0 && (hdr->flags & 0x02) != 0) {
    sim_breach("drv-net-tx-34", "gso_type %02x, flags %02x", hdr->gso_type, hdr->flags);
  }
  if (tunnel != 0 && (hdr->flags & 0x08) != 0) {
    sim_breach("drv-net-tx-13", "gso_type %02x, flags %02x", hdr->gso_type, hdr->flags);
    sim_breach("drv-net-tx-16", "gso_type %02x, flags %02x", hdr->gso_type, hdr->flags);
  }
  bool known = false;
  for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
    if ((hdr->gso_type & 0x1f) == types[i].type) {
      known = true;
      if (!has(dev, types[i].feature)) {
        sim_breach(types[i].rule, "gso_type %02x", hdr->gso_type);
      }
    }
  }
  if (!known) {
    sim_breach("own-tx-gso", "gso_type %02x is unknown", hdr->gso_type);
  }
  if ((hdr->gso_type & GSO_ECN) != 0 && !has(dev, SIM_F_HOST_ECN)) {
    sim_breach("drv-net-tx-9", "gso_type %02x", hdr->gso_type);
  }
  if ((hdr->flags & FLAG_NEEDS_CSUM) == 0) {
    sim_breach("drv-net-tx-24", "gso_type %02x without NEEDS_CSUM", hdr->gso_type);
  }
  if (hdr->gso_size == 0) {
    sim_breach("drv-net-tx-25", "gso_type %02x with gso_size 0", hdr->gso_type);
  }
}

/* All headers, transport included, in front of what is cut into segments. */
static size_t gso_hdr_bytes(const struct sim_frame *frame)
{
  size_t l4 = frame->hdr.csum_start;
  return l4 + 13 <= frame->len ? l4 + 4u * (frame->bytes[l4 + 12] >> 4) : SIZE_MAX;
}

/* Offset of the IP header, behind a VLAN tag if there is one; 0 if it is no IP packet. */
static size_t find_ip(const uint8_t *frame, size_t len)
{
  size_t type_at = len > ETH_HDR_BYTES + 4 && read16(frame + 12) == 0x8100 ? 16 : 12;
  unsigned type = read16(frame + type_at);
  bool room = len >= type_at + 2 + (type == 0x86dd ? 40 : 20);
  return (type == 0x0800 || type == 0x86dd) && room ? type_at + 2 : 0;
}

/* TCP with the flag CWR, which the device would repeat in each segment. */
static bool is_congestion_answer(const struct sim_frame *frame)
{
  size_t ip = find_ip(frame->bytes, frame->len);
  size_t flags = frame->hdr.csum_start + 13u;
  return ip != 0 && frame->hdr.csum_start > ip && flags < frame->len &&
         (frame->bytes[flags] & 0x80) != 0;
}

static void check_gso_length(const struct sim_device *dev, const struct sim_frame *frame)
{
  size_t headers = gso_hdr_bytes(frame);
  if (headers >= frame->len || frame->hdr.hdr_len < headers) {
    sim_breach("drv-net-tx-27", "hdr_len %u, headers of %u bytes", frame->hdr.hdr_len,
               (unsigned)headers);
  }
  if (has(dev, SIM_F_GUEST_HDRLEN) && frame->hdr.hdr_len != headers) {
    sim_breach("drv-net-tx-26", "hdr_len %u, headers of %u bytes", frame->hdr.hdr_len,
               (unsigned)headers);
  }
  if (is_congestion_answer(frame) && !has(dev, SIM_F_HOST_ECN)) {
    sim_breach("drv-net-tx-9", "a large frame with CWR");
  }
  if (frame->len > 65535 + ETH_HDR_BYTES + 4) {
    sim_breach("own-tx-long", "large frame of %u bytes", (unsigned)frame->len);
  }
}

static void check_flags(const struct sim_device *dev, const struct sim_hdr *hdr)
{
  if ((hdr->flags & 0x06) != 0) {
    sim_breach("drv-net-tx-33", "flags %02x", hdr->flags);
  }
  if ((hdr->flags & 0x08) != 0) {
    sim_breach("drv-net-tx-15", "flags %02x", hdr->flags);
    if ((hdr->gso_type & 0x60) == 0) {
      sim_breach("drv-net-tx-19", "flags %02x without a tunnel", hdr->flags);
    }
  }
  if ((hdr->flags & 0xf0) != 0) {
    sim_breach("own-tx-flags", "flags %02x", hdr->flags);
  }
  if (!has(dev, SIM_F_CSUM) && hdr->flags != 0) {
    sim_breach("drv-net-tx-3", "flags %02x without CSUM", hdr->flags);
  }
  if (hdr->num_buffers != 0) {
    sim_breach("drv-net-tx-2", "num_buffers %u", hdr->num_buffers);
  }
  if (hdr->flags == 0 && hdr->gso_type == GSO_NONE &&
      (hdr->hdr_len | hdr->gso_size | hdr->csum_start | hdr->csum_offset) != 0) {
    sim_breach("own-tx-header-stale", "a plain frame's header is not all zero");
  }
}

/* Where NEEDS_CSUM points; false if that is nowhere. */
static bool csum_is_there(const struct sim_frame *frame)
{
  size_t start = frame->hdr.csum_start;
  if (start + frame->hdr.csum_offset + 2 <= frame->len && start < frame->len) {
    return true;
  }
  sim_breach("drv-net-tx-22", "checksum at %u + %u of %u bytes", frame->hdr.csum_start,
             frame->hdr.csum_offset, (unsigned)frame->len);
  return false;
}

/* What the driver has to leave in the checksum field: the sum over addresses, length, protocol. */
static void check_pseudo(const struct sim_frame *frame)
{
  size_t ip = find_ip(frame->bytes, frame->len);
  size_t start = frame->hdr.csum_start;
  if (ip == 0 || start <= ip) {
    return;
  }
  const uint8_t *at = frame->bytes + ip;
  bool v6 = at[0] >> 4 == 6;
  uint8_t protocol = v6 ? at[6] : at[9];
  size_t end = v6 ? ip + 40 + read16(at + 4) : ip + read16(at + 2);
  uint32_t sum = v6 ? sum16(at + 8, 32, 0) : sum16(at + 12, 8, 0);
  sum += protocol + (uint32_t)(end - start);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  unsigned field = read16(frame->bytes + start + frame->hdr.csum_offset);
  if (field % 0xffff != sum % 0xffff) {
    sim_breach("drv-net-tx-21", "checksum field %04x, pseudo-header sum %04x", field, sum);
  }
  if (csum_field(protocol) != frame->hdr.csum_offset) {
    sim_breach("drv-net-tx-22", "checksum at offset %u of protocol %u", frame->hdr.csum_offset,
               protocol);
  }
}

/* Do what NEEDS_CSUM asks for. */
static void fill_csum(struct sim_frame *frame)
{
  size_t start = frame->hdr.csum_start;
  size_t field = start + frame->hdr.csum_offset;
  uint32_t sum = ~sum16(frame->bytes + start, frame->len - start, 0) & 0xffff;
  frame->bytes[field] = (uint8_t)(sum >> 8);
  frame->bytes[field + 1] = (uint8_t)sum;
}

static void check_length(const struct sim_device *dev, const struct sim_frame *frame)
{
  if (frame->len < ETH_HDR_BYTES) {
    sim_breach("own-tx-short", "frame of %u bytes", (unsigned)frame->len);
  }
  bool large = frame->hdr.gso_type != GSO_NONE;
  if (frame->pieces > (unsigned)(large ? PIECES_MAX_LARGE : PIECES_MAX)) {
    sim_breach("drv-framing-2", "%u bytes in %u pieces", (unsigned)frame->len, frame->pieces);
  }
  if (large) {
    return;
  }
  /* A VLAN tag makes the Ethernet header longer, not the packet. */
  size_t tag = frame->len > ETH_HDR_BYTES && read16(frame->bytes + 12) == 0x8100 ? 4 : 0;
  if (has(dev, SIM_F_MTU)) {
    if (frame->len > (size_t)dev->params.mtu + ETH_HDR_BYTES + tag) {
      sim_breach("drv-net-cfg-9", "frame of %u bytes, MTU %u", (unsigned)frame->len,
                 dev->params.mtu);
    }
  } else if (frame->len > dev->params.tx_frame_max + tag) {
    sim_breach("own-tx-long", "frame of %u bytes", (unsigned)frame->len);
  }
}

void sim_frame_check(const struct sim_device *dev, struct sim_frame *frame, const uint8_t *hdr,
                     size_t hdr_len)
{
  bool native = sim_legacy(dev);
  frame->hdr = (struct sim_hdr){.flags = hdr[0],
                                .gso_type = hdr[1],
                                .hdr_len = sim_get16(hdr + 2, native),
                                .gso_size = sim_get16(hdr + 4, native),
                                .csum_start = sim_get16(hdr + 6, native),
                                .csum_offset = sim_get16(hdr + 8, native)};
  if (hdr_len >= 12) {
    frame->hdr.num_buffers = sim_get16(hdr + 10, native);
  }
  check_flags(dev, &frame->hdr);
  check_gso(dev, &frame->hdr);
  check_length(dev, frame);
  if (frame->len < ETH_HDR_BYTES) {
    return;
  }
  bool needs_csum = (frame->hdr.flags & FLAG_NEEDS_CSUM) != 0;
  if (needs_csum && !csum_is_there(frame)) {
    return;
  }
  if (needs_csum) {
    check_pseudo(frame);
  }
  if (frame->hdr.gso_type != GSO_NONE) {
    check_gso_length(dev, frame);
    return; /* sums are made for each of the segments: sim_frame_segment() */
  }
  if (needs_csum) {
    fill_csum(frame);
  }
  check_packet(frame->bytes, frame->len);
}

/*
 * Segmentation
 */

static void write16(uint8_t *at, unsigned value)
{
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

/* Length, ID and sums of one segment, of which only headers and payload are right so far. */
static void finish_segment(struct sim_frame *segment, size_t ip, unsigned n, bool last)
{
  uint8_t *at = segment->bytes + ip;
  size_t start = segment->hdr.csum_start;
  size_t l4_len = segment->len - start;
  bool v6 = at[0] >> 4 == 6;
  if (v6) {
    write16(at + 4, (unsigned)(segment->len - ip - 40));
  } else {
    write16(at + 2, (unsigned)(segment->len - ip));
    write16(at + 4, read16(at + 4) + n);
    write16(at + 10, 0);
    write16(at + 10, ~sum16(at, 4u * (at[0] & 15u), 0) & 0xffff);
  }
  uint8_t *tcp = segment->bytes + start;
  uint32_t seq = (uint32_t)read16(tcp + 4) << 16 | read16(tcp + 6);
  seq += n * segment->hdr.gso_size;
  write16(tcp + 4, seq >> 16);
  write16(tcp + 6, seq & 0xffff);
  if (!last) {
    tcp[13] &= (uint8_t)~0x09; /* PSH and FIN are for the last */
  }
  uint32_t sum = v6 ? sum16(at + 8, 32, 0) : sum16(at + 12, 8, 0);
  sum += 6 + (uint32_t)l4_len;
  write16(tcp + 16, (sum & 0xffff) + (sum >> 16));
  fill_csum(segment);
}

bool sim_frame_segment(const struct sim_frame *frame, unsigned n, uint8_t *bytes, size_t *len)
{
  if (frame->hdr.gso_type == GSO_NONE) {
    memcpy(bytes, frame->bytes, frame->len);
    *len = frame->len;
    return n == 0;
  }
  size_t headers = gso_hdr_bytes(frame);
  size_t from = headers + (size_t)n * frame->hdr.gso_size;
  size_t ip = find_ip(frame->bytes, frame->len);
  if (from >= frame->len || frame->hdr.gso_size == 0 || ip == 0) {
    return false;
  }
  bool last = frame->len - from <= frame->hdr.gso_size;
  size_t payload = last ? frame->len - from : frame->hdr.gso_size;
  memcpy(bytes, frame->bytes, headers);
  memcpy(bytes + headers, frame->bytes + from, payload);
  struct sim_frame segment = {.hdr = frame->hdr, .bytes = bytes, .len = headers + payload};
  finish_segment(&segment, ip, n, last);
  *len = segment.len;
  return true;
}
