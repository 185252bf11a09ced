/*
 * demo.c: main() of the demos. Finds the VirtIO-net device, brings up an lwIP interface on it, gets
 * an address, starts the app and runs the main loop.
 *
 * On the console: a banner, then one line `virtioif: ready <IPv4 address>` whenever there is a new
 * address. What goes wrong ends in one line `virtioif: error: <what>` and exit code 1.
 *
 * Run-time options are three words at board_options, which QEMU's loader device can write:
 * OPTIONS_MAGIC, an IPv4 address with its first octet in the lowest byte, and its prefix length.
 * They make the address static. Without the magic number there are no options.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "demo.h"

#include "board.h"
#include "lwip/dhcp.h"
#include "lwip/init.h"
#include "lwip/ip_addr.h"
#include "lwip/netif.h"
#include "lwip/sys.h"
#include "lwip/timeouts.h"
#include "netif/ethernet.h"
#include "netif/virtioif.h"
#include "random.h"
#include "virtio/virtio_mmio.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define OPTIONS_MAGIC    0x56494f50u

/* What QEMU's user networking gives its guest, for when nobody answers DHCP. */
#define FALLBACK_ADDRESS LWIP_MAKEU32(10, 0, 2, 15)
#define FALLBACK_GATEWAY LWIP_MAKEU32(10, 0, 2, 2)
#define FALLBACK_PREFIX  24u
#define FALLBACK_MS      5000u
#define LEASE_WATCH_MS   1000u

#define POLL_BUDGET      64

/* More buffers than the receive queue takes: the rest is what lwIP may hold at a time. lwipopts.h
 * may have other numbers. */
#ifndef DEMO_RX_QUEUE
#define DEMO_RX_QUEUE 128
#endif
#ifndef DEMO_TX_QUEUE
#define DEMO_TX_QUEUE 128
#endif
#ifndef DEMO_RX_BUFFERS
#define DEMO_RX_BUFFERS 384
#endif

VIRTIOIF_MEMORY(nic_memory, DEMO_RX_QUEUE, DEMO_TX_QUEUE, DEMO_RX_BUFFERS);
static struct virtioif nic;
static struct virtio_mmio mmio;
static struct virtio_mmio entropy_mmio;
static struct netif netif;

static struct demo_info info;

const struct demo_info *demo_info(void)
{
  return &info;
}

/* lwIP's clock. */
u32_t sys_now(void)
{
  return board_now_ms();
}

static _Noreturn void fail(const char *format, ...)
{
  va_list arguments;

  va_start(arguments, format);
  printf("virtioif: error: ");
  vprintf(format, arguments);
  printf("\n");
  va_end(arguments);
  board_exit(1);
}

/*
 * The devices
 */

/* The first device of a type. Where there is none, the slot has base 0. */
static struct board_slot find_device(u32_t type, struct virtio_mmio *found)
{
  struct board_slot slot;
  unsigned i;

  for (i = 0; (slot = board_virtio_slot(i)).base != 0; i++) {
    if (virtio_mmio_probe(found, slot.base) == VIRTIO_OK && found->dev.device_id == type) {
      break;
    }
  }
  return slot;
}

/* Whether random numbers are worth the name. */
static bool seed_random(void)
{
  bool found = find_device(VIRTIO_ID_RNG, &entropy_mmio).base != 0;

  return random_start(found ? &entropy_mmio.dev : NULL);
}

static void print_device(const struct board_slot *slot)
{
  const u8_t *mac = netif.hwaddr;

  printf("virtioif: %s at 0x%" PRIxPTR ", interrupt %u, features 0x%" PRIx64 "\n", info.transport,
         slot->base, slot->irq, mmio.dev.features);
  printf("virtioif: MAC %02x:%02x:%02x:%02x:%02x:%02x, MTU %u, link %s\n", mac[0], mac[1], mac[2],
         mac[3], mac[4], mac[5], netif.mtu, netif_is_link_up(&netif) ? "up" : "down");
}

static void on_interrupt(void *arg)
{
  virtioif_isr(arg);
}

static void on_link(struct netif *changed)
{
  printf("virtioif: link %s\n", netif_is_link_up(changed) ? "up" : "down");
}

static void on_event(struct netif *changed, enum virtioif_event event)
{
  LWIP_UNUSED_ARG(changed);
  printf("virtioif: %s\n", virtioif_event_text(event));
  if (event == VIRTIOIF_EVENT_START_FAILED) {
    printf("virtioif: %s\n", virtioif_init_error(&nic));
  }
}

static void bring_up_device(bool has_entropy)
{
  struct board_slot slot = find_device(VIRTIO_ID_NET, &mmio);
  struct virtioif_params params = {
      .vif = &nic,
      .dev = &mmio.dev,
      .memory = &nic_memory,
      .mac_random = has_entropy,
      .event = on_event,
  };

  if (slot.base == 0) {
    fail("there is no VirtIO network device; give QEMU one, say with\n"
         "  -netdev user,id=net0 -device virtio-net-device,netdev=net0");
  }
  if (netif_add_noaddr(&netif, &params, virtioif_init, ethernet_input) == NULL) {
    fail("the device at 0x%" PRIxPTR " cannot be used: %s", slot.base, virtioif_init_error(&nic));
  }
  info.transport = mmio.dev.legacy ? "VirtIO-MMIO, legacy" : "VirtIO-MMIO, modern";
  print_device(&slot);
  board_irq_attach(slot.irq, on_interrupt, &netif);
}

/*
 * The address
 */

static void set_ipv4(u32_t address, u32_t gateway, u32_t prefix)
{
  ip4_addr_t ip;
  ip4_addr_t mask;
  ip4_addr_t gw;

  ip4_addr_set_u32(&ip, lwip_htonl(address));
  ip4_addr_set_u32(&mask, lwip_htonl(UINT32_MAX << (32 - prefix)));
  ip4_addr_set_u32(&gw, lwip_htonl(gateway));
  netif_set_addr(&netif, &ip, &mask, &gw);
}

static void print_ready(void)
{
  printf("virtioif: ready %s\n", ip4addr_ntoa(netif_ip4_addr(&netif)));
}

#if LWIP_IPV6
static void print_ipv6(const struct netif *changed)
{
  static unsigned shown;
  unsigned i;

  for (i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
    bool valid = ip6_addr_isvalid(netif_ip6_addr_state(changed, i)) != 0;
    if (valid && (shown & 1u << i) == 0) {
      printf("virtioif: also %s\n", ip6addr_ntoa(netif_ip6_addr(changed, i)));
    }
    shown = valid ? shown | 1u << i : shown & ~(1u << i);
  }
}
#endif

/* Called by lwIP when an address or the state of the interface changes. */
static void on_status(struct netif *changed)
{
  static ip4_addr_t last;

  if (!ip4_addr_eq(&last, netif_ip4_addr(changed))) {
    ip4_addr_copy(last, *netif_ip4_addr(changed));
    if (!ip4_addr_isany_val(last)) {
      print_ready();
    }
  }
#if LWIP_IPV6
  print_ipv6(changed);
#endif
}

/* A lease of the very address that was taken as a fallback changes nothing that lwIP would tell. */
static void watch_for_lease(void *arg)
{
  ip4_addr_t fallback;

  ip4_addr_set_u32(&fallback, lwip_htonl(FALLBACK_ADDRESS));
  if (!dhcp_supplied_address(&netif)) {
    sys_timeout(LEASE_WATCH_MS, watch_for_lease, arg);
  } else if (ip4_addr_eq(&fallback, netif_ip4_addr(&netif))) {
    print_ready();
  }
}

static void take_fallback(void *arg)
{
  if (ip4_addr_isany_val(*netif_ip4_addr(&netif))) {
    printf("virtioif: no offer by DHCP in %u s, going on without\n", FALLBACK_MS / 1000);
    set_ipv4(FALLBACK_ADDRESS, FALLBACK_GATEWAY, FALLBACK_PREFIX);
    sys_timeout(LEASE_WATCH_MS, watch_for_lease, arg);
  }
}

static void start_static(u32_t octets, u32_t prefix)
{
  u32_t address =
      LWIP_MAKEU32(octets & 0xffu, octets >> 8 & 0xffu, octets >> 16 & 0xffu, octets >> 24);

  if (address == 0 || prefix < 1 || prefix > 32) {
    fail("option: address 0x%08" PRIx32 " with prefix length %" PRIu32 " makes no sense", address,
         prefix);
  }
  set_ipv4(address, 0, prefix);
}

static void start_ipv4(void)
{
  if (board_options[0] == OPTIONS_MAGIC) {
    start_static(board_options[1], board_options[2]);
    return;
  }
  if (dhcp_start(&netif) != ERR_OK) {
    fail("no memory for DHCP");
  }
  sys_timeout(FALLBACK_MS, take_fallback, NULL);
}

static void bring_up_network(void)
{
  netif_set_default(&netif);
  netif_set_status_callback(&netif, on_status);
  netif_set_link_callback(&netif, on_link);
#if LWIP_NETIF_HOSTNAME
  netif_set_hostname(&netif, "virtioif");
#endif
#if LWIP_IPV6
  netif_create_ip6_linklocal_address(&netif, 1);
  netif.ip6_autoconfig_enabled = 1;
#endif
  netif_set_up(&netif);
  start_ipv4();
}

/*
 * The main loop
 */

static _Noreturn void run(void)
{
  for (;;) {
    bool more = virtioif_poll(&netif, POLL_BUDGET);

    sys_check_timeouts();
    board_irq_mask();
    if (!more && virtioif_idle(&netif)) {
      board_wait(sys_timeouts_sleeptime());
    }
    board_irq_unmask();
  }
}

int main(void)
{
  bool has_entropy;

  board_init();
  info.board = board_name;
  printf("\nvirtioif: %s on %s, lwIP %s\n", app_name, info.board, LWIP_VERSION_STRING);
  has_entropy = seed_random();
  lwip_init();
  bring_up_device(has_entropy);
  bring_up_network();
  app_start(&netif);
  run();
}
