/*
 * virtio_rng.c: the "Entropy Device".
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "virtio/virtio_rng.h"
#include "virtio/virtio_hal.h"
#include <stdbool.h>
#include <string.h>

/* "Entropy Device / Virtqueues" */
#define QUEUE_REQUEST 0u

/* The device type has no feature bits of its own; interrupts are not waited for. */
#define FEATURES                                                                                   \
  (VIRTIO_F_ANY_LAYOUT | VIRTIO_F_VERSION_1 | VIRTIO_F_ACCESS_PLATFORM | VIRTIO_F_ORDER_PLATFORM)

/* An answer of so many bytes is not all zero by chance. */
#define CHECKED_BYTES 16u

/* What one call needs to remember. Private to the driver, unlike the ring and the buffer. */
struct reader {
  struct virtio_device *dev;
  struct virtq vq;
  struct virtq_shadow shadow[1];
  uint8_t *buffer;
  uint32_t reads_left; /* of the status, while waiting */
};

static bool arguments_are_valid(const void *memory, const void *bytes, size_t count)
{
  return memory != NULL && (uintptr_t)memory % VIRTQ_ALIGN == 0 && bytes != NULL && count > 0;
}

/* One buffer at a time takes one descriptor, which every queue has. */
static int init_request_queue(struct reader *r, void *memory)
{
  struct virtq_params params = {
      .ring = memory,
      .shadow = r->shadow,
      .index = QUEUE_REQUEST,
      .size = 1,
      .native_endian = r->dev->legacy,
  };

  if (r->dev->ops->queue_max(r->dev, QUEUE_REQUEST) < params.size) {
    return VIRTIO_ERR_DEVICE;
  }
  virtq_init(&r->vq, &params);
  struct virtq_placement at = virtq_placement(&r->vq);
  return r->dev->ops->queue_enable(r->dev, QUEUE_REQUEST, &at);
}

static int start(struct reader *r, void *memory)
{
  int err = virtio_negotiate(r->dev, FEATURES, NULL, 0);
  if (err == VIRTIO_OK) {
    err = init_request_queue(r, memory);
  }
  if (err == VIRTIO_OK) {
    virtq_disarm(&r->vq);
    virtio_driver_ok(r->dev);
  }
  return err;
}

/* Returns the number of bytes that the device says it wrote, or a failure. */
static int wait_for_answer(struct reader *r, uint32_t asked)
{
  for (; r->reads_left > 0; r->reads_left--) {
    struct virtq_done done;
    int got = virtq_take(&r->vq, &done);
    if (got < 0) {
      return got;
    }
    if (got == 1) {
      /* "Driver Requirements: Device Operation": the length says how much was received. */
      return done.len >= 1 && done.len <= asked ? (int)done.len : VIRTIO_ERR_DEVICE;
    }
    if (virtio_needs_reset(r->dev)) {
      return VIRTIO_ERR_DEVICE;
    }
    virtio_hal_relax();
  }
  return VIRTIO_ERR_TIMEOUT;
}

static int ask(struct reader *r, uint8_t *bytes, uint32_t count)
{
  struct virtq_sg sg = {r->buffer, count};

  virtio_hal_cache_invalidate(r->buffer, VIRTIO_RNG_BUFFER_BYTES);
  (void)virtq_add(&r->vq, &sg, 0, 1, 0); /* the only buffer there is has come back */
  virtq_publish(&r->vq);
  if (virtq_kick_wanted(&r->vq)) {
    r->dev->ops->notify(r->dev, QUEUE_REQUEST);
  }
  int got = wait_for_answer(r, count);
  if (got > 0) {
    virtio_hal_cache_invalidate(r->buffer, VIRTIO_RNG_BUFFER_BYTES);
    memcpy(bytes, r->buffer, (size_t)got);
  }
  return got;
}

/* A device may answer with less than it was asked for. */
static int fetch(struct reader *r, uint8_t *bytes, size_t count)
{
  size_t done = 0;

  while (done < count) {
    size_t left = count - done;
    size_t part = left < VIRTIO_RNG_BUFFER_BYTES ? left : VIRTIO_RNG_BUFFER_BYTES;
    int got = ask(r, bytes + done, (uint32_t)part);
    if (got < 0) {
      return got;
    }
    done += (size_t)got;
  }
  return VIRTIO_OK;
}

/* What the buffer held before it was given away: the answer went elsewhere, to a wrong bus address
 * or into a cache's shadow, and would pass for a seed. */
static bool nothing_came(const uint8_t *bytes, size_t count)
{
  uint8_t any = 0;

  for (size_t i = 0; i < count; i++) {
    any |= bytes[i];
  }
  return any == 0 && count >= CHECKED_BYTES;
}

static void clear_memory(void *memory)
{
  memset(memory, 0, VIRTIO_RNG_MEMORY_BYTES);
  virtio_hal_cache_clean(memory, VIRTIO_RNG_MEMORY_BYTES);
}

static int run(struct reader *r, void *memory, uint8_t *bytes, size_t count)
{
  int err = start(r, memory);
  if (err == VIRTIO_OK) {
    err = fetch(r, bytes, count);
  }
  return err == VIRTIO_OK && nothing_came(bytes, count) ? VIRTIO_ERR_DEVICE : err;
}

VIRTIO_COLD int virtio_rng_read(struct virtio_device *dev, void *memory, void *bytes, size_t count)
{
  if (dev == NULL || !arguments_are_valid(memory, bytes, count)) {
    return VIRTIO_ERR_ARG;
  }
  memset(bytes, 0, count);
  if (dev->device_id != VIRTIO_ID_RNG) {
    return VIRTIO_ERR_NODEV;
  }

  struct reader r = {
      .dev = dev,
      .buffer = (uint8_t *)memory + VIRTQ_RING_BYTES(1u),
      .reads_left = VIRTIO_WAIT_READS,
  };
  int err = virtio_begin(dev);
  if (err != VIRTIO_OK) {
    virtio_fail(dev);
    return err;
  }
  clear_memory(memory);
  err = run(&r, memory, bytes, count);
  if (err != VIRTIO_OK) {
    virtio_fail(dev);
  }
  if (virtio_reset(dev) == VIRTIO_OK) {
    clear_memory(memory);
  } else {
    err = VIRTIO_ERR_TIMEOUT;
  }
  if (err != VIRTIO_OK) {
    memset(bytes, 0, count);
  }
  return err;
}
