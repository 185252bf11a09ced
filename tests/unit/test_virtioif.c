/*
 * test_virtioif.c: the netif as a whole: bring-up, link, interrupts and sleep, loopback, two at
 * once. Receive and transmit have files of their own.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "transfer.h"

#include "lwip/dhcp.h"
#include "lwip/stats.h"
#include "lwip/udp.h"

#include <string.h>

/*
 * Bring-up
 */

static void the_netif_is_filled_in_and_nothing_else_decided(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct sim_net_params params = host_device((enum host_kind)kind);
    struct host *host = host_create(&params, 16, 16, 32);
    assert_int_equal(host_add(host), ERR_OK);
    assert_string_equal(virtioif_init_error(&host->vif), "no error");
    struct netif *netif = &host->netif;
    assert_int_equal(netif->name[0], 'v');
    assert_int_equal(netif->name[1], 'i');
    assert_int_equal(netif->mtu, 1500);
    assert_int_equal(netif->mtu6, 1500);
    assert_int_equal(netif->hwaddr_len, 6);
    assert_memory_equal(netif->hwaddr, params.mac, 6);
    assert_non_null(netif->output);
    assert_non_null(netif->output_ip6);
    assert_non_null(netif->linkoutput);
    u8_t flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_IGMP |
                 NETIF_FLAG_MLD6 | NETIF_FLAG_LINK_UP;
    assert_int_equal(netif->flags, flags);
    assert_ptr_not_equal(netif_default, netif);
    assert_null(netif_dhcp_data(netif));
    assert_true(ip4_addr_isany_val(*netif_ip4_addr(netif)));
    assert_int_equal(sim_net_sent_count(host->dev), 0);
  }
}

static void receive_buffers_are_posted_before_the_device_is_live(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct sim_net_params params = host_device((enum host_kind)kind);
    struct host *host = host_create(&params, 16, 16, 32);
    assert_int_equal(host_add(host), ERR_OK);
    unsigned room = kind == HOST_LEGACY_APART ? 8 : 16;
    assert_true(sim_live(host->dev));
    assert_int_equal(sim_net_rx_buffers(host->dev), room);
    assert_int_equal(sim_counters(host->dev)->kicks[SIM_RX], 1);
    struct virtioif_rx_usage usage = virtioif_rx_usage(&host->netif);
    assert_int_equal(usage.posted, room);
    assert_int_equal(usage.held, 0);
    assert_int_equal(usage.free, 32 - room);
  }
}

/* One public virtual machine monitor delivers nothing before 65,562 bytes are posted. */
static void a_default_queue_of_64_posts_enough_for_any_device(void **state)
{
  (void)state;
  struct sim_net_params params = host_device(HOST_MODERN);
  struct host *host = host_create(&params, 64, 64, 128);
  assert_int_equal(host_add(host), ERR_OK);
  assert_true(sim_net_rx_buffers(host->dev) * sim_net_rx_bytes(host->dev) >= 65562);
}

static void memory_is_used_up_to_its_end_and_no_further(void **state)
{
  (void)state;
  static const struct {
    u16_t rx_size;
    u16_t tx_size;
    u16_t buffers;
  } sizes[] = {{2, 2, 1}, {2, 2, 2}, {4, 64, 3}, {64, 2, 200}, {16, 16, 16}, {256, 256, 300}};
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    for (size_t i = 0; i < COUNT(sizes); i++) {
      struct sim_net_params params = host_device((enum host_kind)kind);
      struct host *host =
          host_create(&params, sizes[i].rx_size, sizes[i].tx_size, sizes[i].buffers);
      assert_int_equal(host_add(host), ERR_OK);
      host_configure(host);
      for (unsigned n = 0; n < 3u * sizes[i].buffers; n++) {
        struct peer_frame frame;
        peer_ping(host, &frame, n % 1400, n);
        peer_send(host, &frame);
        host_run(host);
        host_check_buffers(host);
      }
    }
  }
}

static void an_address_is_found_if_the_device_has_none(void **state)
{
  (void)state;
  static const u8_t wanted[6] = {0x02, 1, 2, 3, 4, 5};
  struct sim_net_params params = host_device(HOST_MODERN);
  params.features &= ~SIM_F_MAC;
  struct host *told = host_create(&params, 16, 16, 32);
  memcpy(told->params.mac, wanted, 6);
  told->params.mac_random = true;
  assert_int_equal(host_add(told), ERR_OK);
  assert_memory_equal(told->netif.hwaddr, wanted, 6);

  struct host *one = host_create(&params, 16, 16, 32);
  struct host *two = host_create(&params, 16, 16, 32);
  one->params.mac_random = true;
  two->params.mac_random = true;
  assert_int_equal(host_add(one), ERR_OK);
  assert_int_equal(host_add(two), ERR_OK);
  assert_int_equal(one->netif.hwaddr[0] & 3, 2); /* unicast, locally administered */
  assert_int_equal(two->netif.hwaddr[0] & 3, 2);
  assert_memory_not_equal(one->netif.hwaddr, two->netif.hwaddr, 6);
}

/* The device is not left with memory of the driver's, nor an address from another life used. */
static void no_address_is_made_up_unasked(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct sim_net_params params = host_device((enum host_kind)kind);
    params.features &= ~SIM_F_MAC;
    struct host *host = host_create(&params, 16, 16, 32);
    memset(host->netif.hwaddr, 2, 6);
    host->netif.state = &host->params;
    assert_int_equal(virtioif_init(&host->netif), ERR_ARG);
    assert_string_equal(virtioif_init_error(&host->vif),
                        "the device has no hardware address: set mac or mac_random");
    assert_false(sim_live(host->dev));
    assert_int_equal(sim_status(host->dev) & 0x80, 0x80); /* FAILED */
  }
}

static void an_address_that_was_made_up_outlives_a_reset(void **state)
{
  (void)state;
  struct sim_net_params params = host_device(HOST_MODERN);
  params.features &= ~SIM_F_MAC;
  struct host *host = host_create(&params, 16, 16, 32);
  host->params.mac_random = true;
  assert_int_equal(host_add(host), ERR_OK);
  host_configure(host);
  u8_t before[6];
  memcpy(before, host->netif.hwaddr, 6);
  virtioif_reset(&host->netif);
  host_run(host);
  assert_int_equal(virtioif_stats(&host->netif)->recoveries, 1);
  assert_memory_equal(host->netif.hwaddr, before, 6);
}

static void the_devices_address_goes_before_the_users(void **state)
{
  (void)state;
  struct sim_net_params params = host_device(HOST_MODERN);
  struct host *host = host_create(&params, 16, 16, 32);
  memset(host->params.mac, 2, 6);
  host->params.mac_random = true;
  assert_int_equal(host_add(host), ERR_OK);
  assert_memory_equal(host->netif.hwaddr, params.mac, 6);
}

static void the_mtu_is_the_devices_if_that_is_smaller(void **state)
{
  (void)state;
  static const struct {
    u16_t device;
    u16_t netif;
  } cases[] = {{67, 1500},   {68, 68},     {576, 576},   {1280, 1280},
               {1499, 1499}, {1500, 1500}, {1501, 1500}, {9000, 1500}};
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct sim_net_params params = host_device(HOST_MODERN);
    params.features |= SIM_F_MTU;
    params.mtu = cases[i].device;
    struct host *host = host_create(&params, 16, 16, 32);
    assert_int_equal(host_add(host), ERR_OK);
    assert_int_equal(host->netif.mtu, cases[i].netif);
    assert_int_equal(host->netif.mtu6, cases[i].netif);
  }
}

static void features_can_be_kept_off(void **state)
{
  (void)state;
  sim_tolerate("drv-net-cfg-2");
  struct sim_net_params params = host_device(HOST_MODERN_EVENT_IDX);
  struct host *host = host_create(&params, 16, 16, 32);
  host->params.features_off = SIM_F_EVENT_IDX | SIM_F_MAC;
  host->params.mac_random = true;
  assert_int_equal(host_add(host), ERR_OK);
  assert_int_equal(sim_accepted(host->dev) & (SIM_F_EVENT_IDX | SIM_F_MAC), 0);
}

static void missing_parameters_are_refused_with_a_reason(void **state)
{
  (void)state;
  struct sim_net_params params = host_device(HOST_MODERN);
  for (unsigned what = 0; what < 10; what++) {
    struct host *host = host_create(&params, 16, 16, 32);
    switch (what) {
    case 0:
      host->params.dev = NULL;
      break;
    case 1:
      host->params.memory = NULL;
      break;
    case 2:
      host->memory.dma = NULL;
      break;
    case 3:
      host->memory.dma = (u8_t *)host->memory.dma + 64;
      break;
    case 4:
      host->memory.shadow = NULL;
      break;
    case 5:
      host->memory.rxbufs = NULL;
      break;
    case 6:
      host->memory.rx_free_list = NULL;
      break;
    case 7:
      host->memory.txslots = NULL;
      break;
    case 8:
      host->memory.rx_size = 12;
      break;
    default:
      host->memory.rx_buffers = 0;
      break;
    }
    host->netif.state = &host->params;
    assert_int_equal(virtioif_init(&host->netif), ERR_ARG);
    assert_string_equal(virtioif_init_error(&host->vif), "a parameter is missing or out of range");
  }
  struct netif netif;
  memset(&netif, 0, sizeof(netif));
  assert_int_equal(virtioif_init(&netif), ERR_ARG);
  struct virtioif_params nothing = {.vif = NULL};
  netif.state = &nothing;
  assert_int_equal(virtioif_init(&netif), ERR_ARG);
}

static void a_device_of_no_use_is_told_with_a_reason(void **state)
{
  (void)state;
  for (unsigned what = 0; what < 4; what++) {
    struct sim_net_params params = host_device(HOST_MODERN);
    if (what == 0) {
      params.queue_max[SIM_TX] = 0;
    }
    struct host *host = host_create(&params, 16, 16, 32);
    sim_faults(host->dev)->refuse_features_ok = what == 1;
    sim_faults(host->dev)->generation_never_settles = what == 2;
    sim_faults(host->dev)->reset_reads = what == 3 ? SIM_NEVER : 3;
    host->netif.state = &host->params;
    assert_int_equal(virtioif_init(&host->netif), ERR_IF);
    assert_true(strlen(virtioif_init_error(&host->vif)) > 10);
    assert_string_not_equal(virtioif_init_error(&host->vif), "no error");
    assert_true((sim_status(host->dev) & VIRTIO_STATUS_FAILED) != 0);
  }
}

/*
 * Link
 */

static unsigned link_calls;

static void link_called(struct netif *netif)
{
  LWIP_UNUSED_ARG(netif);
  link_calls++;
}

static void the_link_follows_the_device(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    netif_set_link_callback(&host->netif, link_called);
    link_calls = 0;
    for (unsigned i = 0; i < 5; i++) {
      sim_net_set_link(host->dev, false);
      assert_true(virtioif_isr(&host->netif));
      assert_true(netif_is_link_up(&host->netif)); /* the handler touches nothing of lwIP */
      host_run(host);
      assert_false(netif_is_link_up(&host->netif));
      sim_net_set_link(host->dev, true);
      host_run(host);
      assert_true(netif_is_link_up(&host->netif));
    }
    assert_int_equal(link_calls, 10);
    assert_int_equal(host_news(host).link_changes, 10);
    assert_int_equal(host_news(host).interrupts_config, 10);
  }
}

static void a_link_that_flapped_back_before_the_poll_is_no_change(void **state)
{
  (void)state;
  struct host *host = host_live(HOST_MODERN);
  sim_net_set_link(host->dev, false);
  sim_net_set_link(host->dev, true);
  host_run(host);
  assert_int_equal(host_news(host).link_changes, 0);
}

static void an_interface_can_start_with_its_link_down(void **state)
{
  (void)state;
  struct sim_net_params params = host_device(HOST_MODERN);
  params.status = 0;
  struct host *host = host_create(&params, 16, 16, 32);
  assert_int_equal(host_add(host), ERR_OK);
  host_configure(host);
  host_run(host);
  assert_false(netif_is_link_up(&host->netif));
  assert_int_equal(sim_net_sent_count(host->dev), 0);
  sim_net_set_link(host->dev, true);
  host_run(host);
  assert_true(netif_is_link_up(&host->netif));
  assert_true(sim_net_sent_count(host->dev) > 0); /* lwIP announces itself */
}

static unsigned status_reads_left;

static void pull_the_plug(struct sim_device *dev, void *arg)
{
  LWIP_UNUSED_ARG(arg);
  if (status_reads_left > 0 && --status_reads_left == 0) {
    sim_net_set_link(dev, false);
  }
}

/* The device tells of a change only from DRIVER_OK on. */
static void a_change_at_any_moment_of_bring_up_is_seen(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    bool changed = true;
    for (unsigned reads = 1; changed; reads++) {
      struct sim_net_params params = host_device((enum host_kind)kind);
      struct host *host = host_create(&params, 16, 16, 32);
      status_reads_left = reads;
      sim_at(host->dev, SIM_AT_STATUS_READ, pull_the_plug, NULL);
      assert_int_equal(host_add(host), ERR_OK);
      sim_at(host->dev, SIM_AT_STATUS_READ, NULL, NULL);
      changed = status_reads_left == 0;
      host_run(host);
      assert_int_equal(netif_is_link_up(&host->netif) == 0, changed);
      host_end(NULL);
      host_begin(NULL);
    }
  }
}

static void a_change_during_the_poll_is_seen_by_the_next(void **state)
{
  (void)state;
  struct host *host = host_live(HOST_MODERN);
  sim_net_set_link(host->dev, false);
  assert_true(virtioif_isr(&host->netif));
  virtioif_poll(&host->netif, 64);
  sim_net_set_link(host->dev, true);
  assert_true(virtioif_isr(&host->netif));
  assert_false(virtioif_idle(&host->netif));
  host_run(host);
  assert_true(netif_is_link_up(&host->netif));
}

/*
 * Interrupts and sleep
 */

static void an_interrupt_is_acknowledged_and_remembered(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    assert_true(virtioif_idle(&host->netif));
    assert_false(virtioif_isr(&host->netif));
    assert_true(virtioif_idle(&host->netif));
    struct peer_frame frame;
    peer_raw(host, &frame, 60, 1);
    peer_send(host, &frame);
    assert_true(sim_irq(host->dev));
    unsigned before = host_news(host).interrupts;
    assert_true(virtioif_isr(&host->netif));
    assert_false(sim_irq(host->dev));
    assert_false(virtioif_idle(&host->netif));
    assert_int_equal(host_news(host).interrupts, before + 1);
    assert_int_equal(virtioif_rx_usage(&host->netif).held, 0);
    assert_false(virtioif_poll(&host->netif, 64));
    assert_true(virtioif_idle(&host->netif));
  }
}

static void without_interrupts_polling_sees_all_frames(void **state)
{
  (void)state;
  struct host *host = host_live(HOST_MODERN);
  sim_faults(host->dev)->interrupts_lost = true;
  for (unsigned i = 0; i < 50; i++) {
    struct peer_frame frame;
    peer_ping(host, &frame, 100, i);
    peer_send(host, &frame);
    while (virtioif_poll(&host->netif, 64)) {
    }
    assert_int_equal(host_news(host).rx_frames, i + 1);
  }
}

/* A frame arrives from the hook, once. */
struct arrival {
  struct host *host;
  struct peer_frame frame;
  enum sim_point point;
  unsigned skip; /* so many calls of the hook go by before */
};

static void arrive(struct sim_device *dev, void *arg)
{
  struct arrival *arrival = arg;
  if (arrival->skip-- == 0) {
    sim_at(dev, arrival->point, NULL, NULL);
    peer_send(arrival->host, &arrival->frame);
  }
}

/*
 * Whenever the frame comes, afterwards either the interrupt line is up, or it was received, or the
 * poll says that there is more.
 */
static void no_frame_is_slept_through_whenever_it_comes(void **state)
{
  (void)state;
  static const enum sim_point points[] = {SIM_AT_ISR_READ, SIM_AT_ISR_ACK, SIM_AT_NOTIFY, SIM_AT_MB,
                                          SIM_AT_RMB};
  unsigned fired = 0;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    for (size_t p = 0; p < COUNT(points); p++) {
      for (unsigned skip = 0; skip < 6; skip++) {
        struct host *host = host_live((enum host_kind)kind);
        struct peer_frame frame;
        peer_raw(host, &frame, 60, 1);
        peer_send(host, &frame);
        struct arrival arrival = {.host = host, .point = points[p], .skip = skip};
        peer_raw(host, &arrival.frame, 60, 2);
        sim_at(host->dev, points[p], arrive, &arrival);
        virtioif_isr(&host->netif);
        bool more = virtioif_poll(&host->netif, 64) || !virtioif_idle(&host->netif);
        bool came = arrival.skip == UINT32_MAX;
        sim_at(host->dev, points[p], NULL, NULL);
        u32_t received = host_news(host).rx_frames;
        assert_true(more || sim_irq(host->dev) || received == 1u + came);
        fired += came;
        host_run(host);
        assert_int_equal(host_news(host).rx_frames, 1 + came);
        host_end(NULL);
        host_begin(NULL);
      }
    }
  }
  assert_true(fired >= 20); /* the hooks are where they should be */
}

static void frames_that_come_during_a_poll_cost_no_interrupt_each(void **state)
{
  (void)state;
  struct host *host = host_live(HOST_MODERN_EVENT_IDX);
  struct peer_frame frame;
  peer_raw(host, &frame, 60, 1);
  unsigned before = sim_counters(host->dev)->interrupts;
  for (unsigned i = 0; i < 10; i++) {
    peer_send(host, &frame);
  }
  assert_int_equal(sim_counters(host->dev)->interrupts, before + 1);
  host_run(host);
  assert_int_equal(host_news(host).rx_frames, 10);
}

/* While a poll is at work anyway, it needs no interrupt to learn of more. */
static void frames_that_come_while_polling_raise_no_interrupt(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    peer_introduce(host);
    struct arrival arrival = {.host = host, .point = SIM_AT_NOTIFY};
    peer_raw(host, &arrival.frame, 60, 2);
    struct peer_frame ping;
    peer_ping(host, &ping, 64, 1);
    peer_send(host, &ping);
    assert_true(virtioif_isr(&host->netif));
    unsigned before = sim_counters(host->dev)->interrupts;
    sim_at(host->dev, SIM_AT_NOTIFY, arrive, &arrival);
    assert_true(virtioif_poll(&host->netif, 64)); /* it came after the last look */
    assert_int_equal(sim_counters(host->dev)->interrupts, before);
    assert_false(virtioif_poll(&host->netif, 64));
    assert_int_equal(virtioif_stats(&host->netif)->rx_frames - host->before.rx_frames, 3);
  }
}

static void interrupt_once(struct sim_device *dev, void *arg)
{
  struct host **host = arg;
  struct host *now = *host;
  if (now != NULL) {
    *host = NULL;
    sim_spurious_interrupt(dev, 1);
    assert_true(virtioif_isr(&now->netif));
  }
}

/* Whatever it was for may have come after the poll looked for it. */
static void an_interrupt_during_a_poll_asks_for_another_one(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    struct host *once = host;
    sim_at(host->dev, SIM_AT_MB, interrupt_once, &once);
    assert_true(virtioif_poll(&host->netif, 64));
    sim_at(host->dev, SIM_AT_MB, NULL, NULL);
    assert_false(virtioif_poll(&host->netif, 64));
    assert_true(virtioif_idle(&host->netif));
  }
}

static void the_budget_bounds_one_poll(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    struct peer_frame frame;
    peer_raw(host, &frame, 300, 1);
    for (unsigned i = 0; i < 7; i++) {
      peer_send(host, &frame);
    }
    assert_true(virtioif_poll(&host->netif, 3));
    assert_int_equal(host_news(host).rx_frames, 3);
    assert_true(virtioif_poll(&host->netif, 3));
    assert_int_equal(host_news(host).rx_frames, 6);
    assert_false(virtioif_poll(&host->netif, 3));
    assert_int_equal(host_news(host).rx_frames, 7);
    assert_false(virtioif_poll(&host->netif, 1));
  }
}

static void spurious_interrupts_do_nothing(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    for (uint32_t causes = 0; causes <= 3; causes++) {
      sim_spurious_interrupt(host->dev, causes);
      assert_int_equal(virtioif_isr(&host->netif), causes != 0);
      host_run(host);
    }
    assert_int_equal(host_news(host).rx_frames, 0);
    assert_int_equal(host_news(host).device_errors, 0);
    assert_true(netif_is_link_up(&host->netif));
  }
}

/*
 * Loopback never touches the device.
 */

static unsigned udp_received;

static void udp_count(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *addr,
                      u16_t port)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(pcb);
  LWIP_UNUSED_ARG(addr);
  LWIP_UNUSED_ARG(port);
  support_check_pattern(p->payload, p->len, 42);
  udp_received++;
  pbuf_free(p);
}

/* One datagram to an address that is this machine's own. */
static void udp_to_self(struct host *host, const ip_addr_t *addr)
{
  struct udp_pcb *pcb = udp_new_ip_type(IPADDR_TYPE_ANY);
  assert_int_equal(udp_bind(pcb, IP_ANY_TYPE, 7), ERR_OK);
  udp_recv(pcb, udp_count, NULL);
  udp_received = 0;
  u32_t sent = sim_net_sent_count(host->dev);
  for (unsigned i = 0; i < 3; i++) {
    struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, 500, PBUF_RAM);
    support_pattern(p->payload, 500, 42);
    assert_int_equal(udp_sendto(pcb, p, addr, 7), ERR_OK);
    pbuf_free(p);
    assert_false(virtioif_idle(&host->netif));
    host_run(host);
    assert_int_equal(udp_received, i + 1);
  }
  assert_int_equal(sim_net_sent_count(host->dev), sent);
  udp_remove(pcb);
}

static void own_addresses_are_reached_with_the_link_up_or_down(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    for (unsigned down = 0; down < 2; down++) {
      if (down != 0) {
        sim_net_set_link(host->dev, false);
        host_run(host);
      }
      ip_addr_t addr;
      IP_ADDR4(&addr, 127, 0, 0, 1);
      udp_to_self(host, &addr);
      ip_addr_copy_from_ip4(addr, *netif_ip4_addr(&host->netif));
      udp_to_self(host, &addr);
      IP_ADDR6(&addr, 0, 0, 0, PP_HTONL(1));
      udp_to_self(host, &addr);
      ip_addr_copy_from_ip6(addr, *netif_ip6_addr(&host->netif, 1));
      udp_to_self(host, &addr);
    }
  }
}

static void answer(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *addr,
                   u16_t port)
{
  unsigned *count = arg;
  (*count)++;
  udp_sendto(pcb, p, addr, port);
  pbuf_free(p);
}

/* Two services that answer each other for ever get a turn a lap, as everybody does. */
static void services_that_answer_each_other_starve_nobody(void **state)
{
  (void)state;
  struct host *host = host_live(HOST_MODERN);
  unsigned count[2] = {0, 0};
  struct udp_pcb *pcb[2];
  for (unsigned i = 0; i < 2; i++) {
    pcb[i] = udp_new();
    assert_int_equal(udp_bind(pcb[i], IP4_ADDR_ANY, (u16_t)(7 + i)), ERR_OK);
    udp_recv(pcb[i], answer, &count[i]);
  }
  peer_introduce(host);
  struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, 100, PBUF_RAM);
  memset(p->payload, 0, p->len);
  assert_int_equal(udp_sendto(pcb[0], p, netif_ip_addr4(&host->netif), 8), ERR_OK);
  pbuf_free(p);
  for (unsigned i = 0; i < 100; i++) {
    struct peer_frame ping;
    peer_forget(host);
    peer_ping(host, &ping, 50, i);
    peer_send(host, &ping);
    assert_true(virtioif_poll(&host->netif, 64));
    assert_false(virtioif_idle(&host->netif));
    assert_int_equal(peer_got_count(host), 1);
  }
  assert_in_range(count[0] + count[1], 100, 110);
  udp_remove(pcb[0]);
  udp_remove(pcb[1]);
  host_run(host);
}

static void addresses_of_others_have_no_route_while_the_link_is_down(void **state)
{
  (void)state;
  struct host *host = host_live(HOST_MODERN);
  sim_net_set_link(host->dev, false);
  host_run(host);
  struct udp_pcb *pcb = udp_new_ip_type(IPADDR_TYPE_ANY);
  struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, 100, PBUF_RAM);
  ip_addr_t addr;
  IP_ADDR4(&addr, 10, 0, (u8_t)host->number, 2);
  assert_int_equal(udp_sendto(pcb, p, &addr, 7), ERR_RTE);
  IP_ADDR4(&addr, 0, 0, 0, 0);
  assert_int_not_equal(udp_sendto(pcb, p, &addr, 7), ERR_OK);
  IP_ADDR6(&addr, PP_HTONL(0xfd000000u | host->number), 0, 0, PP_HTONL(2));
  assert_int_equal(udp_sendto(pcb, p, &addr, 7), ERR_RTE);
  pbuf_free(p);
  udp_remove(pcb);
}

/*
 * Two at once
 */

static void tcp_flows_from_one_interface_to_another(void **state)
{
  (void)state;
  static const enum sim_pace paces[] = {SIM_EAGER, SIM_LAZY, SIM_HOLD};
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    for (size_t i = 0; i < COUNT(paces); i++) {
      for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
        struct sim_net_params params = host_device((enum host_kind)kind);
        struct transfer t = {.to_send = 200000, .ipv6 = ipv6 != 0};
        transfer_start(&t, &params, &params);
        sim_pace(t.hosts[0]->dev, paces[i]);
        sim_pace(t.hosts[1]->dev, paces[i]);
        transfer_run(&t);
        assert_int_equal(t.received, t.to_send);
        transfer_end(&t);
        host_end(NULL);
        host_begin(NULL);
      }
    }
  }
}

/* After the queue was full TCP goes on with the next completion, not with its next timer. */
static void tcp_does_not_wait_for_time_to_pass_when_the_queue_was_full(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct sim_net_params params = host_device((enum host_kind)kind);
    struct sim_net_params small = params;
    small.queue_max[SIM_TX] = 4;
    struct transfer t = {.to_send = 300000};
    transfer_start(&t, &small, &params);
    sim_pace(t.hosts[0]->dev, SIM_HOLD);
    u32_t begin = support_now_ms;
    transfer_run(&t);
    assert_int_equal(t.received, t.to_send);
    assert_true(virtioif_stats(&t.hosts[0]->netif)->tx_ring_full > 50);
    /* A delayed ACK or two: the clock moves only while everybody waits. */
    assert_true(support_now_ms - begin <= 1000);
    transfer_end(&t);
    host_end(NULL);
    host_begin(NULL);
  }
}

static void a_refused_segment_leaves_with_the_next_completion(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct sim_net_params params = host_device((enum host_kind)kind);
    struct transfer t = {.to_send = 1000};
    transfer_start(&t, &params, &params);
    t.to_send = 500;
    transfer_run(&t);
    assert_int_equal(t.received, 500);
    t.to_send = 1000;
    tcp_nagle_disable(t.client);
    struct host *host = t.hosts[0];
    sim_pace(host->dev, SIM_HOLD);
    struct pbuf *p = pbuf_alloc(PBUF_RAW_TX, 60, PBUF_RAM);
    memset(p->payload, 0, 60);
    while (host->netif.linkoutput(&host->netif, p) == ERR_OK) {
    }
    pbuf_free(p);
    unsigned sent = sim_net_sent_count(host->dev);
    assert_int_equal(tcp_write(t.client, t.stream + 500, 500, TCP_WRITE_FLAG_COPY), ERR_OK);
    tcp_output(t.client);
    host_run(host);
    assert_int_equal(sim_net_sent_count(host->dev), sent);
    assert_true(virtioif_idle(&host->netif));
    /* No timer, no acknowledgement, no call of the application's. */
    sim_complete(host->dev, 3);
    assert_true(sim_irq(host->dev));
    host_run(host);
    assert_int_equal(sim_net_sent_count(host->dev), sent + 1);
    assert_true(sim_net_sent(host->dev, sent)->len > 500);
    transfer_end(&t);
    host_end(NULL);
    host_begin(NULL);
  }
}

static bool lose_some(struct transfer *t, const u8_t *bytes, size_t len)
{
  LWIP_UNUSED_ARG(bytes);
  LWIP_UNUSED_ARG(len);
  return t->carried % 37 == 36;
}

static void tcp_flows_although_frames_are_lost(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct sim_net_params params = host_device((enum host_kind)kind);
    struct transfer t = {.to_send = 200000, .lose = lose_some};
    transfer_start(&t, &params, &params);
    sim_pace(t.hosts[0]->dev, SIM_HOLD);
    transfer_run(&t);
    assert_int_equal(t.received, t.to_send);
    transfer_end(&t);
    host_end(NULL);
    host_begin(NULL);
  }
}

static void two_interfaces_answer_their_own_peers(void **state)
{
  (void)state;
  struct host *one = host_live(HOST_LEGACY);
  struct host *two = host_live(HOST_MODERN_EVENT_IDX);
  peer_introduce(one);
  peer_introduce(two);
  for (unsigned i = 0; i < 20; i++) {
    struct peer_frame ping;
    peer_ping(one, &ping, 64 + i, i);
    peer_send(one, &ping);
    peer_ping(two, &ping, 164 + i, i);
    peer_send(two, &ping);
    host_run(one);
    host_run(two);
    assert_int_equal(peer_got(one, i)->len, 14 + 20 + 8 + 64 + i);
    assert_int_equal(peer_got(two, i)->len, 14 + 20 + 8 + 164 + i);
    assert_int_equal(peer_got(one, i)->bytes[14 + 14], 1);
    assert_int_equal(peer_got(two, i)->bytes[14 + 14], 2);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      HOST_TEST(the_netif_is_filled_in_and_nothing_else_decided),
      HOST_TEST(receive_buffers_are_posted_before_the_device_is_live),
      HOST_TEST(a_default_queue_of_64_posts_enough_for_any_device),
      HOST_TEST(memory_is_used_up_to_its_end_and_no_further),
      HOST_TEST(an_address_is_found_if_the_device_has_none),
      HOST_TEST(no_address_is_made_up_unasked),
      HOST_TEST(an_address_that_was_made_up_outlives_a_reset),
      HOST_TEST(the_devices_address_goes_before_the_users),
      HOST_TEST(the_mtu_is_the_devices_if_that_is_smaller),
      HOST_TEST(features_can_be_kept_off),
      HOST_TEST(missing_parameters_are_refused_with_a_reason),
      HOST_TEST(a_device_of_no_use_is_told_with_a_reason),
      HOST_TEST(the_link_follows_the_device),
      HOST_TEST(a_link_that_flapped_back_before_the_poll_is_no_change),
      HOST_TEST(an_interface_can_start_with_its_link_down),
      HOST_TEST(a_change_at_any_moment_of_bring_up_is_seen),
      HOST_TEST(a_change_during_the_poll_is_seen_by_the_next),
      HOST_TEST(an_interrupt_is_acknowledged_and_remembered),
      HOST_TEST(without_interrupts_polling_sees_all_frames),
      HOST_TEST(no_frame_is_slept_through_whenever_it_comes),
      HOST_TEST(frames_that_come_during_a_poll_cost_no_interrupt_each),
      HOST_TEST(frames_that_come_while_polling_raise_no_interrupt),
      HOST_TEST(an_interrupt_during_a_poll_asks_for_another_one),
      HOST_TEST(the_budget_bounds_one_poll),
      HOST_TEST(spurious_interrupts_do_nothing),
      HOST_TEST(own_addresses_are_reached_with_the_link_up_or_down),
      HOST_TEST(services_that_answer_each_other_starve_nobody),
      HOST_TEST(addresses_of_others_have_no_route_while_the_link_is_down),
      HOST_TEST(tcp_flows_from_one_interface_to_another),
      HOST_TEST(tcp_does_not_wait_for_time_to_pass_when_the_queue_was_full),
      HOST_TEST(a_refused_segment_leaves_with_the_next_completion),
      HOST_TEST(tcp_flows_although_frames_are_lost),
      HOST_TEST(two_interfaces_answer_their_own_peers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
