/*
 * test_exposure.c: what the device gets to see: no pointers, nothing that lay in memory before, and
 * of a frame just the frame.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "transfer.h"

#include "lwip/etharp.h"
#include "lwip/udp.h"

#include <string.h>

enum { JUNK = 0xdb }; /* what memory of these tests holds that nobody wrote yet */

static struct sim_net_params device_with_everything(void)
{
  struct sim_net_params params = host_device(HOST_MODERN_EVENT_IDX);
  params.features |= SIM_F_CSUM | SIM_F_GUEST_CSUM | SIM_F_HOST_TSO4 | SIM_F_HOST_TSO6 |
                     SIM_F_GUEST_TSO4 | SIM_F_GUEST_TSO6 | SIM_F_MRG_RXBUF;
  return params;
}

static size_t dma_bytes(const struct host *host)
{
  return VIRTIOIF_DMA_BYTES((size_t)host->memory.rx_size, (size_t)host->memory.tx_size,
                            (size_t)host->memory.rx_buffers);
}

/*
 * Pointers
 */

static bool is_inside(uint64_t value, const void *start, size_t bytes)
{
  return value - (uint64_t)(uintptr_t)start < bytes;
}

extern char __bss_start[], _end[]; /* by the linker */

/* Static memory, lwIP's heap and pools included; the stack; and all that is the interface's. */
static bool is_pointer(const struct host *host, uint64_t value)
{
  const struct virtioif_memory *m = &host->memory;
  const uint64_t stack = 0x10000;
  uint64_t here = (uint64_t)(uintptr_t)__builtin_frame_address(0);
  return is_inside(value, __bss_start, (size_t)(_end - __bss_start)) ||
         value - (here - stack) < 2u * stack || is_inside(value, host, sizeof(*host)) ||
         is_inside(value, m->dma, dma_bytes(host)) ||
         is_inside(value, m->shadow, (m->rx_size + m->tx_size) * sizeof(*m->shadow)) ||
         is_inside(value, m->rxbufs, m->rx_buffers * sizeof(*m->rxbufs)) ||
         is_inside(value, m->rx_free_list, m->rx_buffers * sizeof(*m->rx_free_list)) ||
         is_inside(value, m->txslots, m->tx_size * sizeof(*m->txslots));
}

/* At any offset, aligned or not. Bus addresses are no pointers here: see sim_hal.c. */
static void expect_no_pointer(const struct host *host, const u8_t *bytes, size_t len,
                              const char *where)
{
  for (size_t i = 0; i + sizeof(uint64_t) <= len; i++) {
    uint64_t value;
    memcpy(&value, bytes + i, sizeof(value));
    if (is_pointer(host, value)) {
      fail_msg("%s: pointer %llx at %zu", where, (unsigned long long)value, i);
    }
  }
}

static void a_pointer_would_be_found(void **state)
{
  (void)state;
  struct host *host = host_live(HOST_MODERN);
  const void *const pointers[] = {host,
                                  &host->vif.run,
                                  host->memory.rxbufs,
                                  host->memory.rx_free_list,
                                  &ip_data,
                                  host->memory.txslots,
                                  host->memory.dma,
                                  &host_cleanup,
                                  __builtin_frame_address(0)};
  for (size_t i = 0; i < COUNT(pointers); i++) {
    assert_true(is_pointer(host, (uint64_t)(uintptr_t)pointers[i]));
  }
  assert_false(is_pointer(host, 0));
  assert_false(is_pointer(host, UINT64_MAX));
}

static void expect_no_pointers_at(const struct host *host)
{
  expect_no_pointer(host, host->memory.dma, dma_bytes(host), "device-visible memory");
  for (unsigned n = 0; n < sim_net_sent_count(host->dev); n++) {
    const struct sim_frame *frame = sim_net_sent(host->dev, n);
    expect_no_pointer(host, frame->bytes, frame->len, "frame");
  }
}

static void transfer_without_pointers(const struct sim_net_params *params, bool ipv6, bool in_place)
{
  struct transfer t = {.to_send = 300000, .ipv6 = ipv6, .in_place = in_place, .corked = true};
  transfer_start(&t, params, params);
  for (unsigned laps = 0; t.received < t.to_send && laps < 2000; laps++) {
    if (!transfer_lap(&t)) {
      host_wait_ms(250);
    }
    if (laps % 16 == 0) {
      expect_no_pointer(t.hosts[0], t.hosts[0]->memory.dma, dma_bytes(t.hosts[0]), "sender");
      expect_no_pointer(t.hosts[1], t.hosts[1]->memory.dma, dma_bytes(t.hosts[1]), "receiver");
    }
  }
  assert_int_equal(t.received, t.to_send);
  expect_no_pointers_at(t.hosts[0]);
  expect_no_pointers_at(t.hosts[1]);
  transfer_end(&t);
}

static void no_pointer_gets_into_rings_buffers_and_frames(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct sim_net_params params = host_device((enum host_kind)kind);
    transfer_without_pointers(&params, kind % 2 == 1, kind >= 2);
  }
}

static void nor_with_large_frames_and_indirect_tables(void **state)
{
  (void)state;
  struct sim_net_params params = device_with_everything();
  transfer_without_pointers(&params, false, false);
  transfer_without_pointers(&params, true, true);
}

/*
 * What lay there before
 */

static bool all_are(const u8_t *bytes, size_t len, u8_t value)
{
  for (size_t i = 0; i < len; i++) {
    if (bytes[i] != value) {
      return false;
    }
  }
  return true;
}

static void buffers_show_nothing_that_lay_there_before(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct sim_net_params params = host_device((enum host_kind)kind);
    struct host *host = host_create(&params, 16, 16, 32);
    const u8_t *dma = host->memory.dma;
    size_t rings = VIRTIO_NET_RING_BYTES(16, 16);
    assert_true(all_are(dma, dma_bytes(host), JUNK));
    assert_int_equal(host_add(host), ERR_OK);
    assert_true(all_are(dma + rings, dma_bytes(host) - rings, 0));
  }
}

static void what_lwip_holds_is_not_cleared_by_a_reset(void **state)
{
  (void)state;
  struct host *host = host_live(HOST_MODERN);
  u8_t *rx_mem = host->vif.net.rx_pool.base;
  rx_mem[100] = 0x77;
  virtioif_reset(&host->netif);
  host_run(host);
  assert_int_equal(virtioif_stats(&host->netif)->recoveries, 1);
  assert_int_equal(rx_mem[100], 0x77);
}

/* Between available ring and used ring, and behind the used ring. */
static void expect_padding_is_zero(const u8_t *ring, size_t size)
{
  size_t avail_end = 16 * size + 6 + 2 * size;
  size_t used = VIRTQ_USED_OFFSET(size);
  size_t used_end = used + 6 + 8 * size;
  assert_true(all_are(ring + avail_end, used - avail_end, 0));
  assert_true(all_are(ring + used_end, VIRTQ_RING_BYTES(size) - used_end, 0));
}

static void padding_of_the_rings_is_zero(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct sim_net_params params = host_device((enum host_kind)kind);
    struct transfer t = {.to_send = 50000};
    transfer_start(&t, &params, &params);
    transfer_run(&t);
    for (unsigned i = 0; i < 2; i++) {
      const u8_t *rings = t.hosts[i]->memory.dma;
      expect_padding_is_zero(rings, 128);
      expect_padding_is_zero(rings + VIRTQ_RING_BYTES(128u), 16);
    }
    transfer_end(&t);
  }
}

/*
 * Just the frame
 */

/* Of several datagrams the lengths of which rise and fall, none shows a byte of another. */
static void a_short_frame_is_not_made_longer(void **state)
{
  (void)state;
  static const u16_t lengths[] = {1472, 0, 200, 1, 17, 18, 19, 120, 2, 1000, 3};
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    unsigned before = sim_net_sent_count(host->dev);
    etharp_gratuitous(&host->netif);
    peer_introduce(host);
    host_run(host);
    const struct sim_frame *arp = sim_net_sent(host->dev, before);
    assert_int_equal(arp->len, 14 + 28);

    struct udp_pcb *pcb = udp_new();
    ip_addr_t peer = IPADDR4_INIT_BYTES(10, 0, (u8_t)host->number, 2);
    for (size_t i = 0; i < COUNT(lengths); i++) {
      struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, lengths[i], PBUF_RAM);
      memset(p->payload, (int)i + 1, lengths[i]);
      before = sim_net_sent_count(host->dev);
      assert_int_equal(udp_sendto(pcb, p, &peer, 9), ERR_OK);
      pbuf_free(p);
      host_run(host);
      const struct sim_frame *frame = sim_net_sent(host->dev, before);
      assert_int_equal(frame->len, 14 + 20 + 8 + lengths[i]);
      assert_true(all_are(frame->bytes + 42, lengths[i], (u8_t)(i + 1)));
    }
    udp_remove(pcb);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      HOST_TEST(a_pointer_would_be_found),
      HOST_TEST(no_pointer_gets_into_rings_buffers_and_frames),
      HOST_TEST(nor_with_large_frames_and_indirect_tables),
      HOST_TEST(buffers_show_nothing_that_lay_there_before),
      HOST_TEST(what_lwip_holds_is_not_cleared_by_a_reset),
      HOST_TEST(padding_of_the_rings_is_zero),
      HOST_TEST(a_short_frame_is_not_made_longer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
