/*
 * record_virtio.c: seeds for fuzz_config.c (what was read from registers) and for fuzz_virtq.c
 * (what was done to the first ring of a test).
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "record.h"
#include "sim_device.h"
#include "sim_hal.h"
#include "virtio/virtio_mmio.h"
#include "virtio/virtio_net.h"
#include "virtq_model.h"

/*
 * Registers. The sizes come before the first answer, but are known only after the probe, so all
 * seeds have the same: 16 descriptors a queue, all features wanted.
 */

WRAP(int, virtio_mmio_probe, struct virtio_mmio *mmio, uintptr_t base)
{
  record_begin(RECORD_CONFIG);
  record_u8(RECORD_CONFIG, 3);
  record_u8(RECORD_CONFIG, 3);
  record_u32(RECORD_CONFIG, 0);
  record_u8(RECORD_CONFIG, 0);
  return __real_virtio_mmio_probe(mmio, base);
}

WRAP(uint8_t, virtio_hal_read8, uintptr_t addr)
{
  uint8_t value = __real_virtio_hal_read8(addr);
  record_u8(RECORD_CONFIG, value);
  return value;
}

WRAP(uint16_t, virtio_hal_read16, uintptr_t addr)
{
  uint16_t value = __real_virtio_hal_read16(addr);
  record_u16(RECORD_CONFIG, value);
  return value;
}

WRAP(uint32_t, virtio_hal_read32, uintptr_t addr)
{
  uint32_t value = __real_virtio_hal_read32(addr);
  record_u32(RECORD_CONFIG, value);
  return value;
}

/*
 * The ring
 */

static const struct virtq *followed;

static bool is_followed(const struct virtq *vq)
{
  return vq == followed;
}

static void op(unsigned which)
{
  record_u8(RECORD_VIRTQ, which);
}

WRAP(void, virtq_init, struct virtq *vq, const struct virtq_params *params)
{
  unsigned shift = 0;
  followed = vq;
  while (1u << shift < params->size && shift < 7) {
    shift++;
  }
  record_begin(RECORD_VIRTQ);
  record_u8(RECORD_VIRTQ, shift);
  record_u8(RECORD_VIRTQ, params->event_idx);
  record_u16(RECORD_VIRTQ, 0);
  __real_virtq_init(vq, params);
}

WRAP(int, virtq_add, struct virtq *vq, const struct virtq_sg *sg, unsigned out, unsigned in,
     uint16_t token)
{
  if (is_followed(vq)) {
    op(0);
    record_u8(RECORD_VIRTQ, out);
    record_u8(RECORD_VIRTQ, out == 0 ? in - 1u : in);
    record_u16(RECORD_VIRTQ, token);
  }
  return __real_virtq_add(vq, sg, out, in, token);
}

WRAP(unsigned, virtq_refill, struct virtq *vq, const struct virtq_pool *pool,
     const uint16_t *buffers, unsigned count)
{
  for (unsigned left = is_followed(vq) ? count : 0; left > 0;) {
    unsigned most = MODEL_PIECES_MAX - 1;
    unsigned some = left < most ? left : most;
    op(13);
    record_u8(RECORD_VIRTQ, some);
    for (unsigned i = 0; i < some; i++) {
      record_u8(RECORD_VIRTQ, buffers[left - some + i]);
    }
    left -= some;
  }
  return __real_virtq_refill(vq, pool, buffers, count);
}

WRAP(int, virtq_add_indirect, struct virtq *vq, void *table, const struct virtq_sg *sg,
     unsigned out, uint16_t token)
{
  if (is_followed(vq)) {
    op(3);
    record_u8(RECORD_VIRTQ, out - 1u);
    record_u16(RECORD_VIRTQ, token);
  }
  return __real_virtq_add_indirect(vq, table, sg, out, token);
}

WRAP(void, virtq_publish, struct virtq *vq)
{
  if (is_followed(vq)) {
    op(4);
  }
  __real_virtq_publish(vq);
}

WRAP(bool, virtq_kick_wanted, struct virtq *vq)
{
  if (is_followed(vq)) {
    op(6);
  }
  return __real_virtq_kick_wanted(vq);
}

WRAP(int, virtq_take, struct virtq *vq, struct virtq_done *done)
{
  if (is_followed(vq)) {
    op(7);
  }
  return __real_virtq_take(vq, done);
}

WRAP(bool, virtq_arm, struct virtq *vq)
{
  if (is_followed(vq)) {
    op(9);
  }
  return __real_virtq_arm(vq);
}

WRAP(void, virtq_disarm, struct virtq *vq)
{
  if (is_followed(vq)) {
    op(10);
  }
  __real_virtq_disarm(vq);
}

WRAP(bool, virtq_reclaim, struct virtq *vq, uint16_t *token)
{
  if (is_followed(vq)) {
    op(12);
  }
  return __real_virtq_reclaim(vq, token);
}

/* The device of fuzz_virtq.c: op 14, then what it does. */

WRAP(void, sim_ring_use, struct sim_ring *ring, uint16_t head, uint32_t len)
{
  op(14);
  op(0);
  op(0);
  op(len);
  __real_sim_ring_use(ring, head, len);
}

WRAP(void, sim_ring_lie_used, struct sim_ring *ring, uint32_t id, uint32_t len)
{
  op(13);
  op(2);
  op(1);
  record_u32(RECORD_VIRTQ, id);
  record_u32(RECORD_VIRTQ, len);
  __real_sim_ring_lie_used(ring, id, len);
}

WRAP(void, sim_ring_lie_idx, struct sim_ring *ring, uint16_t idx)
{
  op(13);
  op(3);
  op(idx);
  __real_sim_ring_lie_idx(ring, idx);
}

WRAP(void, sim_ring_set_event, struct sim_ring *ring, uint16_t avail_event)
{
  op(13);
  op(4);
  op(0);
  op(avail_event);
  __real_sim_ring_set_event(ring, avail_event);
}

WRAP(void, sim_ring_scribble, struct sim_ring *ring)
{
  op(13);
  op(5);
  record_u16(RECORD_VIRTQ, 0);
  op(255);
  op(255);
  __real_sim_ring_scribble(ring);
}
