/*
 * virtioif_headers.h: where things stand in IP, TCP, UDP and ICMP headers, and how to get at them
 * in memory of any alignment. Not for users.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef VIRTIOIF_HEADERS_H
#define VIRTIOIF_HEADERS_H

#include "lwip/def.h"
#include <string.h>

/** Offsets in the headers. */
enum {
  ETH_TYPE = 12,
  IP4_LEN = 2,
  IP4_ID = 4,
  IP4_FRAG = 6,
  IP4_PROTO = 9,
  IP4_CHKSUM = 10,
  IP4_SRC = 12,
  IP4_DEST = 16,
  IP6_PLEN = 4,
  IP6_NEXTH = 6,
  IP6_SRC = 8,
  IP6_DEST = 24,
  TCP_SEQ = 4,
  TCP_ACKNO = 8,
  TCP_DATA_OFFSET = 12,
  TCP_FLAGS_AT = 13,
  TCP_WINDOW = 14,
  TCP_CHKSUM = 16,
  TCP_URGP = 18,
  UDP_CHKSUM = 6,
  ICMP_CHKSUM = 2,
};

/** Bytes of a VLAN tag. */
#define VLAN_TAG_BYTES 4u

/** 16 bits in memory's byte order. */
static inline u16_t get16(const u8_t *at)
{
  u16_t value;
  memcpy(&value, at, sizeof(value));
  return value;
}

/** 32 bits in memory's byte order. */
static inline u32_t get32(const u8_t *at)
{
  u32_t value;
  memcpy(&value, at, sizeof(value));
  return value;
}

/** 16 bits in network byte order. */
static inline u16_t get_be16(const u8_t *at)
{
  return lwip_ntohs(get16(at));
}

/** 32 bits in network byte order. */
static inline u32_t get_be32(const u8_t *at)
{
  return lwip_ntohl(get32(at));
}

/** Store 16 bits in memory's byte order. */
static inline void put16(u8_t *at, u16_t value)
{
  memcpy(at, &value, sizeof(value));
}

/** Store 16 bits in network byte order. */
static inline void put_be16(u8_t *at, u16_t value)
{
  put16(at, lwip_htons(value));
}

/** The ones' complement sum of the 16-bit words in sum. Adding both halves of a number crosswise
 * leaves their sum, with the carry, in the upper half. */
static inline u16_t fold_sum(u64_t sum)
{
  u32_t half = (u32_t)((sum + (sum << 32 | sum >> 32)) >> 32);
  return (u16_t)((half + (half << 16 | half >> 16)) >> 16);
}

#endif /* VIRTIOIF_HEADERS_H */
