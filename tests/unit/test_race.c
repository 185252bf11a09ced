/*
 * test_race.c: another processor writes to receive memory and completions while the driver reads
 * them. What it decides has to come from one reading of each field; the sanitizers and the buffer
 * count see it if not. lwIP only gets to see frames that are copied: with zero copy it would parse
 * what the device can write, so there the port's own work is all that is done.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "host.h"

#include <pthread.h>
#include <string.h>

enum { FRAMES = 5000, RESETS = 30000, USED_ELEM_BYTES = 8, USED_LEN_AT = 4 + 4 };

struct scribbler {
  struct virtq_pool rx_pool;
  unsigned rx_buffers;
  uint8_t *used; /* the used ring */
  unsigned used_size;
  bool stop;
};

static uint32_t next_random(uint32_t *state)
{
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

/* Half of the values are likely ones, so that frames get past the first check. */
static void *scribble(void *arg)
{
  struct scribbler *s = arg;
  uint32_t state = 1;
  while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
    uint32_t random = next_random(&state);
    uint8_t *hdr = s->rx_pool.base + random % s->rx_buffers * s->rx_pool.stride;
    size_t at = next_random(&state) % 80u;
    uint8_t value = (uint8_t)(random % 2 != 0 ? random >> 4 : random >> 4 & 3u);
    __atomic_store_n(&hdr[at], value, __ATOMIC_RELAXED);
    uint8_t *len = s->used + USED_LEN_AT + random % s->used_size * USED_ELEM_BYTES;
    uint32_t lie = random % 3 != 0 ? random % 2200u : random * 77u;
    __atomic_store_n((uint32_t *)(void *)len, lie, __ATOMIC_RELAXED);
  }
  return NULL;
}

/* In place of lwIP. Each part of a frame lies in a receive buffer, or in the copy of a short one.
 */
static err_t swallow(struct pbuf *p, struct netif *netif)
{
  const struct virtioif *vif = netif->state;
  unsigned len = 0;
  for (const struct pbuf *q = p; q != NULL; q = q->next) {
    const struct virtq_pool *pool = &vif->net.rx_pool;
    uintptr_t at = (uintptr_t)q->payload - (uintptr_t)pool->base;
    if ((q->flags & PBUF_FLAG_IS_CUSTOM) != 0) {
      assert_in_range(at % pool->stride + q->len, 1, pool->len);
    }
    len += q->len;
  }
  assert_int_equal(p->tot_len, len);
  pbuf_free(p);
  return ERR_OK;
}

static struct host *host_attacked(struct scribbler *s, uint64_t features, bool copy_all)
{
  struct sim_net_params params = host_device(HOST_MODERN_EVENT_IDX);
  params.features |= features;
  struct host *host = host_create(&params, 16, 16, 32);
  host->params.rx_copy_all = copy_all;
  assert_int_equal(host_add(host), ERR_OK);
  host_configure(host);
  host_run(host);
  *s = (struct scribbler){
      .rx_pool = host->vif.net.rx_pool,
      .rx_buffers = 32,
      .used = (uint8_t *)host->vif.net.rx.used,
      .used_size = 16,
  };
  return host;
}

static void attack(bool copy_all)
{
  static const uint64_t features[] = {0, SIM_F_CSUM | SIM_F_GUEST_CSUM,
                                      SIM_F_CSUM | SIM_F_GUEST_CSUM | SIM_F_MRG_RXBUF |
                                          SIM_F_GUEST_TSO4 | SIM_F_GUEST_TSO6};
  for (size_t i = 0; i < COUNT(features); i++) {
    struct scribbler scribbler;
    struct host *host = host_attacked(&scribbler, features[i], copy_all);
    netif_input_fn input = host->netif.input;
    host->netif.input = copy_all ? input : swallow;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, scribble, &scribbler), 0);
    struct peer_frame frame;
    for (unsigned n = 0; n < FRAMES; n++) {
      peer_udp(host, &frame, 9, n % 1400u, n);
      sim_net_deliver(host->dev, frame.bytes, frame.len);
      host_run(host);
      host_check_buffers(host);
    }
    __atomic_store_n(&scribbler.stop, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    host->netif.input = input;
    /* Ids and indices were right all the time: no reset. What is left is an open merged frame. */
    assert_int_equal(virtioif_stats(&host->netif)->device_errors, 0);
    assert_true(virtioif_rx_usage(&host->netif).posted > 0);
    virtioif_reset(&host->netif);
    host_run(host);
    assert_int_equal(virtioif_rx_usage(&host->netif).held, 0);
    peer_introduce(host);
  }
}

static void memory_that_changes_while_it_is_read_misleads_nobody(void **state)
{
  (void)state;
  attack(true);
}

static void nor_does_it_mislead_the_port_where_frames_are_not_copied(void **state)
{
  (void)state;
  attack(false);
}

/*
 * The interrupt handler runs on another processor, at any moment of the poll.
 */

struct handler {
  struct host *host;
  uint32_t interrupts;
  bool stop;
};

/* Somebody else's interrupt on the same line. */
static uint32_t no_cause(struct virtio_device *dev)
{
  return dev->device_id == VIRTIO_ID_NET ? 0 : UINT32_MAX;
}

static void *interrupt(void *arg)
{
  struct handler *h = arg;
  while (!__atomic_load_n(&h->stop, __ATOMIC_RELAXED)) {
    virtioif_isr(&h->host->netif);
    __atomic_fetch_add(&h->interrupts, 1, __ATOMIC_RELAXED);
    h->host->vif.strays = 0; /* nothing is stuck */
  }
  return NULL;
}

static void an_interrupt_in_the_middle_of_a_reset_finds_the_device(void **state)
{
  (void)state;
  struct sim_net_params params = host_device(HOST_MODERN);
  struct host *host = host_create(&params, 2, 2, 2);
  assert_int_equal(host_add(host), ERR_OK);
  host_configure(host);
  host_run(host);
  /* The simulated bus serves one processor at a time. */
  struct virtio_transport_ops ops = *host->mmio.dev.ops;
  const struct virtio_transport_ops *real = host->mmio.dev.ops;
  ops.isr_ack = no_cause;
  host->mmio.dev.ops = &ops;
  struct handler handler = {.host = host};
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, interrupt, &handler), 0);
  while (__atomic_load_n(&handler.interrupts, __ATOMIC_RELAXED) == 0) {
  }
  for (unsigned n = 0; n < RESETS; n++) {
    virtioif_reset(&host->netif);
    virtioif_poll(&host->netif, 64);
  }
  __atomic_store_n(&handler.stop, true, __ATOMIC_RELAXED);
  pthread_join(thread, NULL);
  host->mmio.dev.ops = real;
  assert_int_equal(virtioif_stats(&host->netif)->recoveries, RESETS);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      HOST_TEST(memory_that_changes_while_it_is_read_misleads_nobody),
      HOST_TEST(nor_does_it_mislead_the_port_where_frames_are_not_copied),
      HOST_TEST(an_interrupt_in_the_middle_of_a_reset_finds_the_device),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
