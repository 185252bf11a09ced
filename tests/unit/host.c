/*
 * host.c: a simulated device with virtioif and lwIP on top, and a peer on the wire.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "host.h"

#include "lwip/etharp.h"
#include "lwip/inet_chksum.h"
#include "lwip/init.h"
#include "lwip/ip6_addr.h"
#include "lwip/prot/icmp.h"
#include "lwip/prot/ip.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/udp.h"
#include "lwip/timeouts.h"

#include <string.h>

enum { ETH_HDR = 14, RUN_LIMIT = 100000 };

const u8_t peer_mac[6] = {0x02, 0x70, 0x65, 0x65, 0x72, 0x00};

void (*host_cleanup)(void);

static struct host *hosts;
static unsigned host_count;
static u32_t live_at_rest;

/*
 * The test as a whole
 */

/* What lwIP keeps for a while, like half a datagram, is gone after half a minute. */
static void come_to_rest(void)
{
  for (unsigned i = 0; i < 150; i++) {
    host_wait_ms(250);
    netif_poll_all();
  }
}

int host_begin(void **state)
{
  static bool initialized;
  support_begin(state);
  support_malloc_fail_from = UINT32_MAX;
  support_malloc_fail_once = false;
  if (!initialized) {
    initialized = true;
    lwip_init();
    come_to_rest();
  }
  live_at_rest = support_malloc_live;
  return 0;
}

/* Out of use, with nothing left referenced. */
static void take_down(struct host *host)
{
  host_check_buffers(host);
  sim_pace(host->dev, SIM_EAGER);
  sim_complete(host->dev, UINT32_MAX);
  sim_run(host->dev);
  host_run(host);
  virtioif_remove(&host->netif);
  host_check_buffers(host);
  assert_int_equal(virtioif_tx_in_flight(&host->netif), 0);
  for (u16_t i = 0; i < host->memory.tx_size; i++) {
    assert_null(host->memory.txslots[i].p);
  }
}

int host_end(void **state)
{
  support_malloc_fail_from = UINT32_MAX;
  if (host_cleanup != NULL) {
    host_cleanup();
    host_cleanup = NULL;
  }
  for (struct host *host = hosts; host != NULL; host = host->next) {
    if (host->added) {
      take_down(host);
    }
  }
  hosts = NULL;
  host_count = 0;
  come_to_rest();
  assert_int_equal(support_malloc_live, live_at_rest);
  return support_end(state);
}

/*
 * Interfaces
 */

struct sim_net_params host_device(enum host_kind kind)
{
  bool modern = kind == HOST_MODERN || kind == HOST_MODERN_EVENT_IDX;
  struct sim_net_params params = sim_net_defaults(modern ? 2 : 1);
  if (kind == HOST_MODERN_EVENT_IDX) {
    params.features |= SIM_F_EVENT_IDX | SIM_F_INDIRECT_DESC;
  }
  if (kind == HOST_LEGACY_APART) {
    params.features &= ~SIM_F_ANY_LAYOUT;
  }
  return params;
}

struct host *host_create(const struct sim_net_params *device, u16_t rx_size, u16_t tx_size,
                         u16_t rx_buffers)
{
  struct host *host = support_alloc(sizeof(*host), 64);
  memset(&host->netif, 0, sizeof(host->netif));
  host->dev = sim_net_create(device);
  host->number = ++host_count;
  host->added = false;
  host->wire_next = 0;
  memset(&host->before, 0, sizeof(host->before));
  host->next = hosts;
  hosts = host;
  size_t shadows = (size_t)rx_size + tx_size;
  size_t dma_bytes = VIRTIOIF_DMA_BYTES((size_t)rx_size, (size_t)tx_size, (size_t)rx_buffers);
  host->memory = (struct virtioif_memory){
      .rx_size = rx_size,
      .tx_size = tx_size,
      .rx_buffers = rx_buffers,
      .dma = support_alloc(dma_bytes, VIRTIOIF_DMA_ALIGN),
      .shadow = support_alloc(shadows * sizeof(struct virtq_shadow), 16),
      .rxbufs = support_alloc(rx_buffers * sizeof(struct virtioif_rxbuf), 16),
      .rx_free_list = support_alloc(rx_buffers * sizeof(u16_t), 2),
      .txslots = support_alloc(tx_size * sizeof(struct virtioif_txslot), 16),
  };
  assert_int_equal(virtio_mmio_probe(&host->mmio, sim_base(host->dev)), VIRTIO_OK);
  host->params =
      (struct virtioif_params){.vif = &host->vif, .dev = &host->mmio.dev, .memory = &host->memory};
  return host;
}

err_t host_add(struct host *host)
{
  host->added = netif_add_noaddr(&host->netif, &host->params, virtioif_init, netif_input) != NULL;
  return host->added ? ERR_OK : ERR_IF;
}

void host_configure(struct host *host)
{
  ip4_addr_t addr;
  ip4_addr_t mask;
  ip4_addr_t gateway;
  u8_t n = (u8_t)host->number;
  IP4_ADDR(&addr, 10, 0, n, 1);
  IP4_ADDR(&mask, 255, 255, 255, 0);
  IP4_ADDR(&gateway, 10, 0, n, 2);
  netif_set_addr(&host->netif, &addr, &mask, &gateway);
  ip6_addr_t addr6;
  IP6_ADDR(&addr6, PP_HTONL(0xfd000000u | host->number), 0, 0, PP_HTONL(1));
  netif_ip6_addr_set(&host->netif, 1, &addr6);
  netif_ip6_addr_set_state(&host->netif, 1, IP6_ADDR_PREFERRED);
  netif_set_up(&host->netif);
}

struct host *host_live(enum host_kind kind)
{
  struct sim_net_params params = host_device(kind);
  struct host *host = host_create(&params, 16, 16, 32);
  assert_int_equal(host_add(host), ERR_OK);
  host_configure(host);
  host_run(host);
  peer_forget(host);
  host->before = *virtioif_stats(&host->netif);
  return host;
}

struct virtioif_stats host_news(const struct host *host)
{
  /* All of them are of one type. */
  enum { COUNTERS = sizeof(struct virtioif_stats) / sizeof(u32_t) };
  u32_t before[COUNTERS];
  u32_t now[COUNTERS];
  struct virtioif_stats news;
  memcpy(before, &host->before, sizeof(before));
  memcpy(now, virtioif_stats(&host->netif), sizeof(now));
  for (unsigned i = 0; i < COUNTERS; i++) {
    now[i] -= before[i];
  }
  memcpy(&news, now, sizeof(news));
  return news;
}

void host_run(struct host *host)
{
  bool more = true;
  for (unsigned laps = 0; more; laps++) {
    if (laps == RUN_LIMIT) {
      fail_msg("virtioif_poll() always wants to be called again");
    }
    while (sim_irq(host->dev) && virtioif_isr(&host->netif)) {
    }
    more = virtioif_poll(&host->netif, 64) || !virtioif_idle(&host->netif);
    more = more || sim_irq(host->dev);
  }
}

void host_check_buffers(struct host *host)
{
  struct virtioif_rx_usage usage = virtioif_rx_usage(&host->netif);
  assert_int_equal(usage.free + usage.posted + usage.held, host->memory.rx_buffers);
  if (host->vif.state == VIRTIOIF_LIVE) {
    assert_in_range(host->vif.tx_watch.old, 0, virtioif_tx_in_flight(&host->netif));
  }
}

void host_wait_ms(u32_t ms)
{
  support_now_ms += ms;
  sys_check_timeouts();
}

/*
 * The peer
 */

static void put_eth(const struct host *host, struct peer_frame *frame, u16_t type)
{
  memcpy(frame->bytes, host->netif.hwaddr, 6);
  memcpy(frame->bytes + 6, peer_mac, 6);
  frame->bytes[12] = (u8_t)(type >> 8);
  frame->bytes[13] = (u8_t)type;
}

void peer_raw(const struct host *host, struct peer_frame *frame, size_t len, unsigned seed)
{
  frame->len = len;
  support_pattern(frame->bytes, len, seed);
  put_eth(host, frame, 0x88b5);
}

static u32_t peer_ip(const struct host *host)
{
  return PP_HTONL(0x0a000002u | host->number << 8);
}

/* The IPv4 header in front of len bytes that are there already. */
static void put_ip(const struct host *host, struct peer_frame *frame, u8_t protocol, size_t len)
{
  put_eth(host, frame, ETHTYPE_IP);
  struct ip_hdr ip;
  memset(&ip, 0, sizeof(ip));
  IPH_VHL_SET(&ip, 4, 5);
  IPH_LEN_SET(&ip, lwip_htons((u16_t)(IP_HLEN + len)));
  IPH_TTL_SET(&ip, 64);
  IPH_PROTO_SET(&ip, protocol);
  ip.src.addr = peer_ip(host);
  ip.dest.addr = netif_ip4_addr(&host->netif)->addr;
  IPH_CHKSUM_SET(&ip, inet_chksum(&ip, IP_HLEN));
  memcpy(frame->bytes + ETH_HDR, &ip, IP_HLEN);
  frame->len = ETH_HDR + IP_HLEN + len;
}

void peer_udp(const struct host *host, struct peer_frame *frame, u16_t port, size_t len,
              unsigned seed)
{
  u8_t *at = frame->bytes + ETH_HDR + IP_HLEN;
  struct udp_hdr udp = {.src = PP_HTONS(4000),
                        .dest = lwip_htons(port),
                        .len = lwip_htons((u16_t)(sizeof(udp) + len)),
                        .chksum = 0};
  memcpy(at, &udp, sizeof(udp));
  support_pattern(at + sizeof(udp), len, seed);
  put_ip(host, frame, IP_PROTO_UDP, sizeof(udp) + len);
}

void peer_ping(const struct host *host, struct peer_frame *frame, size_t len, unsigned seed)
{
  u8_t *at = frame->bytes + ETH_HDR + IP_HLEN;
  struct icmp_echo_hdr echo = {.type = ICMP_ECHO, .id = PP_HTONS(1), .seqno = PP_HTONS(1)};
  support_pattern(at + sizeof(echo), len, seed);
  memcpy(at, &echo, sizeof(echo));
  echo.chksum = inet_chksum(at, (u16_t)(sizeof(echo) + len));
  memcpy(at, &echo, sizeof(echo));
  put_ip(host, frame, IP_PROTO_ICMP, sizeof(echo) + len);
}

void peer_arp(const struct host *host, struct peer_frame *frame)
{
  memset(frame->bytes, 0, 60);
  put_eth(host, frame, ETHTYPE_ARP);
  memset(frame->bytes, 0xff, 6);
  static const u8_t fixed[] = {0, 1, 8, 0, 6, 4, 0, 1};
  u32_t src = peer_ip(host);
  u32_t dest = netif_ip4_addr(&host->netif)->addr;
  memcpy(frame->bytes + 14, fixed, sizeof(fixed));
  memcpy(frame->bytes + 22, peer_mac, 6);
  memcpy(frame->bytes + 28, &src, 4);
  memcpy(frame->bytes + 38, &dest, 4);
  frame->len = 60;
}

void peer_send(struct host *host, const struct peer_frame *frame)
{
  assert_true(sim_net_deliver(host->dev, frame->bytes, frame->len));
}

void peer_introduce(struct host *host)
{
  struct peer_frame frame;
  peer_arp(host, &frame);
  peer_send(host, &frame);
  host_run(host);
  assert_true(peer_got_count(host) >= 1);
  peer_forget(host);
}

const struct sim_frame *peer_got(const struct host *host, unsigned n)
{
  assert_true(n < peer_got_count(host));
  return sim_net_sent(host->dev, host->wire_next + n);
}

unsigned peer_got_count(const struct host *host)
{
  return sim_net_sent_count(host->dev) - host->wire_next;
}

void peer_forget(struct host *host)
{
  host->wire_next = sim_net_sent_count(host->dev);
}
