/*
 * fuzz_virtq.c: the ring alone, against a model of what it must do. The device is honest, lies, or
 * writes over the rings, between the driver's calls and at its barriers.
 *
 * Input: size (a power of two, 1 to 128), options, index to start from; then operations, a byte
 * each and what they ask for.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "virtq_model.h"

#include <string.h>

enum { SIZE_SHIFTS = 8 };

static uint16_t device_used; /* index of the next used entry */
static unsigned hook_in;     /* barriers until the device acts; 0: it does not */

/*
 * The device
 */

static void device_uses(uint32_t id, uint32_t len)
{
  uint32_t *elem = model_used_elem(device_used);
  elem[0] = id;
  elem[1] = len;
  model_used_ring()[1] = ++device_used;
}

static void device_is_honest(void)
{
  if (model.held > 0) {
    unsigned n = fuzz_below(model.held);
    uint16_t head = model.heads[n];
    model.heads[n] = model.heads[--model.held];
    device_uses(head, fuzz_u8());
  }
}

static void device_lies(void)
{
  uint32_t id = fuzz_u8() & 1 ? fuzz_u32() : fuzz_below(model.size + 2u);
  device_uses(id, fuzz_u32());
}

static void device_scribbles(void)
{
  size_t at = fuzz_u16() % VIRTQ_RING_BYTES(model.size);
  size_t len = fuzz_u8();
  uint8_t fill = fuzz_u8();
  len = len < VIRTQ_RING_BYTES(model.size) - at ? len : VIRTQ_RING_BYTES(model.size) - at;
  memset(model.ring + at, fill, len);
  model.scribbled = model.scribbled || (len > 0 && at < (size_t)16 * model.size);
}

static void device_acts(void)
{
  switch (fuzz_below(6)) {
  case 0:
  case 1:
    device_is_honest();
    break;
  case 2:
    device_lies();
    break;
  case 3:
    model_used_ring()[1] = (uint16_t)(device_used + (int8_t)fuzz_u8());
    break;
  case 4:
    model_used_ring()[0] = fuzz_u8();
    *model_avail_event() = (uint16_t)(model.published + (int8_t)fuzz_u8());
    break;
  default:
    device_scribbles();
    break;
  }
}

static void on_barrier(void)
{
  if (hook_in > 0 && --hook_in == 0) {
    model.hook_ran = true;
    device_acts();
  }
}

/*
 * One input
 */

static void begin(void)
{
  static const struct fuzz_platform platform = {.barrier = on_barrier};
  uint16_t size = (uint16_t)(1u << fuzz_below(SIZE_SHIFTS));
  bool event_idx = (fuzz_u8() & 1) != 0;
  device_used = fuzz_u16();
  hook_in = 0;
  model_begin(size, event_idx);
  fuzz_platform(&platform, model.ring, VIRTQ_RING_BYTES(size));
  model_start(device_used);
}

static void step(void)
{
  unsigned op = fuzz_below(16);
  fuzz_call();
  switch (op) {
  case 0:
  case 1:
  case 2: {
    unsigned out = fuzz_below(MODEL_PIECES_MAX / 2);
    model_add(out,
              out == 0 ? 1 + fuzz_below(MODEL_PIECES_MAX / 2) : fuzz_below(MODEL_PIECES_MAX / 2),
              false);
    break;
  }
  case 3:
    model_add(1 + fuzz_below(MODEL_PIECES_MAX - 1), 0, true);
    break;
  case 4:
  case 5:
    model_publish();
    break;
  case 6:
    model_kick();
    break;
  case 7:
  case 8:
    model_take();
    break;
  case 9:
    model_arm();
    break;
  case 10:
    model_disarm();
    break;
  case 11:
    hook_in = 1 + fuzz_below(3);
    break;
  case 12:
    model_reclaim_one();
    break;
  case 13:
    model_refill(fuzz_below(MODEL_PIECES_MAX));
    break;
  default:
    device_acts();
    break;
  }
  model_check();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
  fuzz_input(data, len);
  begin();
  while (fuzz_left() > 0) {
    step();
  }
  hook_in = 0;
  model_end();
  return 0;
}
