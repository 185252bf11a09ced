/*
 * fuzz_lies.c: what the fuzzed device can do with its rings, its job or not.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "fuzz_rings.h"

enum { BUFFER_BYTES = 2048 };

/* Over rings, transmit memory and, but for those that lwIP may hold, receive buffers. */
static void scribble(void)
{
  bool rings = (fuzz_u8() & 1) != 0;
  size_t len = fuzz_u8();
  uint8_t value = fuzz_u8();
  size_t begin =
      rings ? 0 : fuzz_memory.packets + (fuzz_memory.all_copied ? 0 : fuzz_memory.buffers);
  size_t end = rings ? fuzz_memory.packets : fuzz_memory.bytes;
  size_t at = begin + (fuzz_u16() * 16u + fuzz_u8()) % (end - begin);

  fuzz_rings_fetch();
  fuzz_rings_taint(&fuzz_queues[FUZZ_TX]);
  if (rings) {
    fuzz_rings_taint(&fuzz_queues[FUZZ_RX]);
  }
  fuzz_rings_fill(fuzz_memory.dma + at, value, len < end - at ? len : end - at);
}

static void lie_used(struct fuzz_queue *q)
{
  uint8_t how = fuzz_u8();
  uint32_t id = (how & 1) != 0 ? fuzz_u32() : (how & 2) != 0 ? fuzz_u8() : 0;
  if ((how & 3) == 0 && q->held_count > 0) {
    id = q->held[fuzz_below(q->held_count)];
  }
  fuzz_rings_use(q, id, (how & 4) != 0 ? fuzz_u32() : fuzz_u16());
}

static void lie_idx(struct fuzz_queue *q)
{
  fuzz_rings_taint(q);
  q->mem_used[1] = (uint16_t)(q->used_idx + (int8_t)fuzz_u8());
}

static void deliver(void)
{
  static uint8_t frame[FUZZ_FRAME_BYTES];
  uint8_t hdr[FUZZ_HDR_BYTES];
  bool own_hdr = (fuzz_u8() & 1) != 0;
  if (own_hdr) {
    fuzz_bytes(hdr, sizeof(hdr));
  }
  uint32_t len = fuzz_frame(frame, fuzz_device_merges() ? FUZZ_FRAME_BYTES : BUFFER_BYTES);
  fuzz_device_deliver(frame, len, own_hdr ? hdr : NULL);
}

void fuzz_rings_act(void)
{
  unsigned what = fuzz_below(16);
  struct fuzz_queue *q = &fuzz_queues[fuzz_u8() & 1];

  if (!q->live) {
    return;
  }
  if (what < 6) {
    deliver();
  } else if (what < 9) {
    fuzz_device_complete(fuzz_u8());
  } else if (what < 11) {
    lie_used(q);
  } else if (what < 12) {
    lie_idx(q);
  } else if (what < 13) {
    q->mem_used[0] = fuzz_u8();
    q->mem_used[2u + 4u * q->size] = fuzz_u16();
  } else if (what < 14) {
    fuzz_rings_fetch();
  } else {
    scribble();
  }
}
