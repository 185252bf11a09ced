/*
 * fuzz_virtio_net.c: the whole driver with lwIP on top, against a device that does what the input
 * says, while stack and application do so, too.
 *
 * Input: the device (fuzz_device_begin), memory and parameters, what the device does before it is
 * brought up; then actions, a byte each and what they ask for: an even one is the device's.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "fuzz_stack.h"

#include "host.h"
#include "lwip/etharp.h"
#include "lwip/init.h"
#include "lwip/ip4_frag.h"
#include "lwip/ip6_frag.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/timeouts.h"

#include <stdlib.h>
#include <string.h>

enum {
  SIZE_SHIFTS = 6,
  BUFFERS_MAX = 128,
  CALM_ROUNDS = 400,
  CALM_MS = 250,
  QUIET_MS = 1000,
};

struct fuzz_rig rig;
static u32_t live_at_rest;

/*
 * What always holds
 */

static void check_buffers(void)
{
  struct virtioif_rx_usage usage = virtioif_rx_usage(&rig.netif);
  FUZZ_CHECK(usage.free + usage.posted + usage.held == rig.memory.rx_buffers);
  FUZZ_CHECK(virtioif_tx_in_flight(&rig.netif) <= rig.memory.tx_size);
  FUZZ_CHECK(virtioif_stats(&rig.netif)->rx_frames == rig.received);
}

static void on_event(struct netif *netif, enum virtioif_event event)
{
  FUZZ_CHECK(netif == &rig.netif && virtioif_event_text(event)[0] != '\0');
  FUZZ_CHECK(virtioif_init_error(&rig.vif)[0] != '\0');
}

/*
 * Begin
 */

static void allocate(void)
{
  struct virtioif_memory *m = &rig.memory;
  m->rx_size = (u16_t)(2u << fuzz_below(SIZE_SHIFTS));
  m->tx_size = (u16_t)(2u << fuzz_below(SIZE_SHIFTS));
  m->rx_buffers = (u16_t)(1 + fuzz_below(BUFFERS_MAX));
  size_t shadows = (size_t)m->rx_size + m->tx_size;
  size_t bytes = VIRTIOIF_DMA_BYTES((size_t)m->rx_size, (size_t)m->tx_size, (size_t)m->rx_buffers);
  m->dma = fuzz_alloc(bytes, VIRTIOIF_DMA_ALIGN);
  m->shadow = fuzz_alloc(shadows * sizeof(struct virtq_shadow), 8);
  m->rxbufs = fuzz_alloc(m->rx_buffers * sizeof(struct virtioif_rxbuf), 8);
  m->rx_free_list = fuzz_alloc(m->rx_buffers * sizeof(u16_t), 2);
  m->txslots = fuzz_alloc(m->tx_size * sizeof(struct virtioif_txslot), 8);

  uint8_t options = fuzz_u8();
  rig.params = (struct virtioif_params){
      .vif = &rig.vif,
      .dev = &rig.mmio.dev,
      .memory = m,
      .rx_copy_all = (options & 1) != 0,
      .bridged = (options & 2) != 0,
      .mac = {2, 0, 0, 0, 0, 1},
      .mac_random = (options & 16) != 0,
      .event = on_event,
      .tso_pieces_max = (options & 4) != 0 ? (u16_t)(2 + fuzz_below(VIRTIOIF_TSO_PIECES - 1)) : 0,
  };
  if ((options & 8) != 0) {
    memset(rig.params.mac, 0, sizeof(rig.params.mac));
  }
  size_t rings = VIRTIO_NET_RING_BYTES((size_t)m->rx_size, (size_t)m->tx_size);
  fuzz_device_memory(m->dma, bytes, VIRTIO_ALIGN_UP(rings, VIRTIO_NET_RX_BUF_ALIGN), m->rx_buffers,
                     rig.params.rx_copy_all);
}

static void free_memory(void)
{
  free(rig.memory.dma);
  free(rig.memory.shadow);
  free(rig.memory.rxbufs);
  free(rig.memory.rx_free_list);
  free(rig.memory.txslots);
}

static bool bring_up(void)
{
  fuzz_call();
  if (virtio_mmio_probe(&rig.mmio, FUZZ_BASE) != VIRTIO_OK) {
    return false;
  }
  fuzz_call();
  return netif_add_noaddr(&rig.netif, &rig.params, virtioif_init, fuzz_stack_input) != NULL;
}

/*
 * End
 */

/* One lap of a main loop, with a frame each way. */
static void exchange(void)
{
  static uint8_t frame[FUZZ_FRAME_BYTES];
  (void)fuzz_device_deliver(frame, fuzz_stack_mark(frame), NULL);
  struct pbuf *p = pbuf_alloc(PBUF_RAW_TX, (u16_t)fuzz_stack_mark(frame), PBUF_RAM);
  pbuf_take(p, frame, p->tot_len);
  fuzz_call();
  (void)rig.netif.linkoutput(&rig.netif, p);
  pbuf_free(p);
  fuzz_device_complete(UINT32_MAX);
  (void)virtioif_isr(&rig.netif);
  (void)virtioif_poll(&rig.netif, 64);
}

/* From now on the device is in good order: whatever happened before, both ways work again. Only an
 * interface that was given up has to be told. */
static void check_alive(void)
{
  u32_t marked = rig.marked;
  unsigned sent = fuzz_device_sent();

  for (unsigned i = 0; i < CALM_ROUNDS; i++) {
    exchange();
    check_buffers();
    if (rig.marked != marked && fuzz_device_sent() != sent) {
      return;
    }
    if (rig.vif.state == VIRTIOIF_GIVEN_UP) {
      virtioif_reset(&rig.netif);
    }
    fuzz_stack_wait(rig.vif.state == VIRTIOIF_LIVE ? 0 : CALM_MS);
  }
  FUZZ_CHECK(rig.marked != marked);
  FUZZ_CHECK(fuzz_device_sent() != sent);
}

/* Nothing is the device's any more, unless it would not let go. */
static void remove_interface(void)
{
  fuzz_call();
  err_t err = virtioif_remove(&rig.netif);
  struct virtioif_rx_usage usage = virtioif_rx_usage(&rig.netif);

  check_buffers();
  FUZZ_CHECK(virtioif_tx_in_flight(&rig.netif) == 0);
  for (unsigned i = 0; i < rig.memory.tx_size; i++) {
    FUZZ_CHECK(rig.memory.txslots[i].p == NULL);
  }
  FUZZ_CHECK(err == ERR_TIMEOUT || usage.posted == 0);
  FUZZ_CHECK(err == ERR_TIMEOUT || err == (usage.held > 0 ? ERR_INPROGRESS : ERR_OK));
}

static void end(bool in_the_middle)
{
  if (in_the_middle) {
    remove_interface();
    fuzz_device_calm();
    fuzz_stack_calm();
  } else {
    fuzz_device_calm();
    fuzz_stack_calm();
    if (fuzz_device_tainted()) {
      fuzz_device_needs_reset();
    }
    check_alive();
    remove_interface();
    FUZZ_CHECK(virtioif_rx_usage(&rig.netif).posted == 0);
  }
}

/* What lwIP keeps for a while, like half a datagram, is dropped at last. */
static void come_to_rest(void)
{
  fuzz_stack_wait(QUIET_MS);
  netif_poll_all();
  for (unsigned i = 0; i <= IPV6_REASS_MAXAGE; i++) {
    ip_reass_tmr();
    ip6_reass_tmr();
  }
  fuzz_stack_wait(QUIET_MS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
  static bool initialized;
  if (!initialized) {
    initialized = true;
    lwip_init();
    come_to_rest();
    come_to_rest();
    live_at_rest = support_malloc_live;
  }
  fuzz_input(data, len);
  memset(&rig, 0, sizeof(rig));
  fuzz_device_begin();
  allocate();
  uint8_t options = fuzz_u8();
  bool in_the_middle = (options & 4) != 0;
  for (unsigned n = options & 3; n > 0; n--) {
    fuzz_device_act();
  }
  if (bring_up()) {
    fuzz_stack_begin();
    while (fuzz_left() > 0) {
      fuzz_call();
      if ((fuzz_u8() & 1) == 0) {
        fuzz_device_act();
      } else {
        fuzz_stack_act();
      }
      check_buffers();
    }
    end(in_the_middle);
    come_to_rest();
    check_buffers();
    FUZZ_CHECK(virtioif_rx_usage(&rig.netif).held == 0);
  }
  come_to_rest();
  fuzz_device_begin(); /* forgets its memory */
  FUZZ_CHECK(support_malloc_live == live_at_rest);
  free_memory();
  return 0;
}
