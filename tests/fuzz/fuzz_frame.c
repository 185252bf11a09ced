/*
 * fuzz_frame.c: Ethernet frames out of the input: a template or nothing, bytes laid over it, and
 * then, if the input says so, addresses, sequence numbers, lengths and sums put right, without
 * which few would get anywhere.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "fuzz_stack.h"

#include "lwip/priv/tcp_priv.h"

#include <string.h>

enum {
  FIX_ETH = 1,
  FIX_ADDRESSES = 2,
  FIX_TCP = 4,
  FIX_SUMS = 8,
  TEMPLATE_SHIFT = 4,
  ETH = 14,
  IP4 = 20,
  IP6 = 40,
  LEN_MIN = 14,
};

static const uint8_t eth_ip4[] = {0x08, 0x00};
static const uint8_t eth_ip6[] = {0x86, 0xdd};
static const uint8_t vlan_ip4[] = {0x81, 0x00, 0x00, 0x05, 0x08, 0x00};
static const uint8_t ip4[] = {0x45, 0, 0, 0, 0, 1, 0, 0, 64, 0, 0, 0};
static const uint8_t ip6[] = {0x60, 0, 0, 0, 0, 0, 0, 64};
static const uint8_t udp[] = {0, 7, 0, 9};
static const uint8_t tcp[] = {0, 80, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x18, 0x40, 0, 0, 0, 0, 0};
static const uint8_t arp[] = {0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1};

static uint32_t get16(const uint8_t *at)
{
  return (uint32_t)(at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, uint32_t value)
{
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
  put16(at, value >> 16);
  put16(at + 2, value);
}

static uint32_t add16(uint32_t sum, const uint8_t *at, uint32_t len)
{
  for (uint32_t i = 0; i + 1 < len; i += 2) {
    sum += get16(at + i);
  }
  return (len & 1) != 0 ? sum + ((uint32_t)at[len - 1] << 8) : sum;
}

static uint32_t fold(uint32_t sum)
{
  sum = (sum >> 16) + (sum & 0xffff);
  return ~((sum >> 16) + sum) & 0xffff;
}

/* What IPv4 or IPv6 carries, after the template's own bytes. */
static void put_template(uint8_t *frame, unsigned which)
{
  bool is_ip6 = which == 5 || which == 6;
  bool tagged = which == 7;
  uint8_t proto = which == 3 || which == 6 ? 6 : which == 4 ? 1 : 17;
  uint8_t *ip = frame + ETH + (tagged ? 4 : 0);
  uint8_t *l4 = ip + (is_ip6 ? IP6 : IP4);

  if (which == 1) {
    memcpy(frame + 12, arp, sizeof(arp));
    return;
  }
  memcpy(frame + 12, tagged ? vlan_ip4 : is_ip6 ? eth_ip6 : eth_ip4, tagged ? 6 : 2);
  memcpy(ip, is_ip6 ? ip6 : ip4, is_ip6 ? sizeof(ip6) : sizeof(ip4));
  ip[is_ip6 ? 6 : 9] = proto;
  if (proto == 6) {
    memcpy(l4, tcp, sizeof(tcp));
  } else if (proto == 17) {
    memcpy(l4, udp, sizeof(udp));
  } else {
    put16(l4, 0x0800);
  }
}

struct place {
  uint8_t *ip;
  uint8_t *l4;
  uint32_t l4_len;
  uint8_t proto;
  bool is_ip6;
};

static bool find(uint8_t *frame, uint32_t len, struct place *place)
{
  uint32_t at = get16(frame + 12) == 0x8100 ? ETH + 4 : ETH;
  uint32_t type = get16(frame + at - 2);
  place->ip = frame + at;
  place->is_ip6 = type == 0x86dd;
  uint32_t hdr = place->is_ip6 ? IP6 : (place->ip[0] & 15u) * 4u;
  if ((!place->is_ip6 && type != 0x0800) || hdr < IP4 || len < at + hdr + IP4) {
    return false;
  }
  place->l4 = place->ip + hdr;
  place->l4_len = len - at - hdr;
  place->proto = place->ip[place->is_ip6 ? 6 : 9];
  return true;
}

/* Flags of the input's choice, and what is next on one of the connections there are: behind what
 * is on its way already. */
static void fix_tcp(const struct place *place, unsigned which)
{
  static u32_t rcv_nxt;
  static u32_t on_its_way;
  const struct tcp_pcb *pcb = tcp_active_pcbs;
  uint8_t *l4 = place->l4;
  uint32_t hdr = (l4[12] >> 4) * 4u;

  l4[13] = fuzz_u8();
  for (; pcb != NULL && which > 0 && pcb->next != NULL; which--) {
    pcb = pcb->next;
  }
  if (pcb == NULL) {
    return;
  }
  on_its_way = pcb->rcv_nxt == rcv_nxt ? on_its_way : 0;
  rcv_nxt = pcb->rcv_nxt;
  put16(l4, pcb->remote_port);
  put16(l4 + 2, pcb->local_port);
  put32(l4 + 4, rcv_nxt + on_its_way);
  put32(l4 + 8, pcb->snd_nxt);
  on_its_way += place->l4_len > hdr ? place->l4_len - hdr : 0;
}

static void fix_addresses(const struct place *place)
{
  if (place->is_ip6) {
    memcpy(place->ip + 8, fuzz_peer_ip6, 16);
    memcpy(place->ip + 24, fuzz_own_ip6, 16);
    put16(place->ip + 4, place->l4_len);
  } else {
    memcpy(place->ip + 12, fuzz_peer_ip4, 4);
    memcpy(place->ip + 16, fuzz_own_ip4, 4);
    put16(place->ip + 2, (uint32_t)(place->l4 - place->ip) + place->l4_len);
  }
  if (place->proto == 17) {
    put16(place->l4 + 4, place->l4_len);
  }
}

static void fix_sums(const struct place *place)
{
  uint32_t at = place->proto == 6 ? 16 : place->proto == 17 ? 6 : 2;
  uint32_t sum = 0;
  if (!place->is_ip6) {
    put16(place->ip + 10, 0);
    put16(place->ip + 10, fold(add16(0, place->ip, (uint32_t)(place->l4 - place->ip))));
  }
  if (place->is_ip6 || place->proto != 1) {
    sum = place->proto + place->l4_len;
    sum = add16(sum, place->ip + (place->is_ip6 ? 8 : 12), place->is_ip6 ? 32 : 8);
  }
  put16(place->l4 + at, 0);
  put16(place->l4 + at, fold(add16(sum, place->l4, place->l4_len)));
}

uint32_t fuzz_segment(uint8_t *frame, bool is_ip6, uint32_t payload, unsigned n)
{
  uint32_t l4_len = (uint32_t)sizeof(tcp) + payload;
  uint32_t len = ETH + (is_ip6 ? IP6 : IP4) + l4_len;
  struct place place;

  memset(frame, (int)n, len);
  memcpy(frame, fuzz_peer_mac, 6);
  memcpy(frame + 6, rig.netif.hwaddr, 6);
  put_template(frame, is_ip6 ? 6 : 3);
  if (find(frame, len, &place)) {
    fix_addresses(&place);
    put32(place.l4 + 4, n * payload);
    place.l4[13] = 0x10; /* ACK alone, which a run can go on with */
    put16(place.ip + 4, is_ip6 ? l4_len : n);
  }
  return len;
}

uint32_t fuzz_frame(uint8_t *frame, uint32_t max)
{
  uint8_t how = fuzz_u8();
  uint32_t len = fuzz_u16();
  unsigned which = how >> TEMPLATE_SHIFT & 7;
  struct place place;

  /* The longest are tried often. */
  len = len >= 0xff00 ? max - 1 - (len & 0x7f) : LEN_MIN + len % (max - LEN_MIN);
  len = fuzz_spend(len) ? len : LEN_MIN;
  memset(frame, (uint8_t)len, len > 128 ? len : 128);
  if (which != 0) {
    put_template(frame, which);
  }
  uint32_t at = fuzz_u8();
  uint8_t count = fuzz_u8();
  uint8_t bytes[256];
  fuzz_bytes(bytes, count);
  if (at < len) {
    memcpy(frame + at, bytes, count < len - at ? count : len - at);
  }
  if ((how & FIX_ETH) != 0) {
    memcpy(frame, rig.netif.hwaddr, 6);
    memcpy(frame + 6, fuzz_peer_mac, 6);
  }
  if (get16(frame + 12) == 0x0806 && (how & FIX_ADDRESSES) != 0) {
    memcpy(frame + 22, fuzz_peer_mac, 6);
    memcpy(frame + 28, fuzz_peer_ip4, 4);
    memcpy(frame + 38, fuzz_own_ip4, 4);
  }
  if (find(frame, len, &place)) {
    if ((how & FIX_ADDRESSES) != 0) {
      fix_addresses(&place);
    }
    if ((how & FIX_TCP) != 0 && place.proto == 6) {
      fix_tcp(&place, how >> 7);
    }
    if ((how & FIX_SUMS) != 0) {
      fix_sums(&place);
    }
  }
  return len;
}
