/*
 * virtio_rng.h: random bytes from an "Entropy Device", for the seed of a generator.
 *
 * Usage:
 *   static struct virtio_mmio mmio;
 *   static uint8_t memory[VIRTIO_RNG_MEMORY_BYTES] __attribute__((aligned(VIRTQ_ALIGN)));
 *   uint8_t seed[32];
 *   if (virtio_mmio_probe(&mmio, base) == VIRTIO_OK && mmio.dev.device_id == VIRTIO_ID_RNG &&
 *       virtio_rng_read(&mmio.dev, memory, seed, sizeof(seed)) == VIRTIO_OK) ...
 *
 * The device is driven for the length of one call and reset at its end, so that it keeps no memory
 * and raises no interrupt in between. Its bytes are as good as the host that gives them: whoever
 * does not trust the host for them mixes in what it cannot know.
 *
 * Calling context: the main loop, or the one thread that owns the device.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef VIRTIO_VIRTIO_RNG_H
#define VIRTIO_VIRTIO_RNG_H

#include "virtio/virtq.h"
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Most bytes that the device is asked for at a time. */
#define VIRTIO_RNG_BUFFER_BYTES 64u

/** Bytes of device-visible memory for virtio_rng_read(); its alignment is VIRTQ_ALIGN. */
#define VIRTIO_RNG_MEMORY_BYTES (VIRTQ_RING_BYTES(1u) + VIRTIO_RNG_BUFFER_BYTES)

/**
 * Read random bytes: "Entropy Device / Device Operation". Waits for the device, for at most
 * VIRTIO_WAIT_READS reads of its status in all, beside the resets.
 *
 * @param dev    a probed device with device_id VIRTIO_ID_RNG; nobody else may be using it
 * @param memory VIRTIO_RNG_MEMORY_BYTES, aligned to VIRTQ_ALIGN, device-visible, and uncached where
 *               the device does not snoop the caches, for it has a ring in it; the device's during
 *               the call, and all zero afterwards
 * @param bytes  filled with count bytes if all went well, cleared if not; may be on the stack: the
 *               device never sees it
 * @param count  at least 1
 * @return VIRTIO_OK; VIRTIO_ERR_ARG: a parameter is missing, misaligned or 0, and nothing was
 *         touched; VIRTIO_ERR_NODEV: not an entropy device; VIRTIO_ERR_FEATURES: no agreement on
 *         features; VIRTIO_ERR_DEVICE: the device has no usable queue, wants a reset, or its answer
 *         cannot be true: no bytes, more than were asked for, or 16 and more that are all zero;
 *         VIRTIO_ERR_TIMEOUT: it did not answer, or did not let itself be reset: then memory may be
 *         the device's for ever
 */
int virtio_rng_read(struct virtio_device *dev, void *memory, void *bytes, size_t count);

#ifdef __cplusplus
}
#endif

#endif /* VIRTIO_VIRTIO_RNG_H */
