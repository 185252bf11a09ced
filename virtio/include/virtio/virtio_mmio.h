/*
 * virtio_mmio.h: the transport "Virtio Over MMIO", modern (Version 2) and legacy (Version 1), told
 * apart at run time.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef VIRTIO_VIRTIO_MMIO_H
#define VIRTIO_VIRTIO_MMIO_H

#include "virtio/virtio.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Legacy queues are told as page numbers, so ring memory must start on such a boundary. */
#define VIRTIO_MMIO_LEGACY_PAGE_BYTES 4096u

/** One device behind MMIO registers. The caller's memory; must not move while in use. */
struct virtio_mmio {
  struct virtio_device dev; /**< Hand this to the device driver. Must stay the first member. */
  uintptr_t base;           /**< CPU address of the register block. */
};

/**
 * Look for a device at base: "MMIO Device Register Layout", "MMIO-specific Initialization".
 *
 * Reads MagicValue, Version and DeviceID, and nothing else of a slot that is empty.
 *
 * @param mmio filled on success
 * @param base CPU address of the register block, 4-byte aligned
 * @return VIRTIO_OK with mmio->dev.device_id telling the type; VIRTIO_ERR_NODEV if there is no
 *         device, or none of a version this driver knows. An empty slot is not an error.
 */
int virtio_mmio_probe(struct virtio_mmio *mmio, uintptr_t base);

#ifdef __cplusplus
}
#endif

#endif /* VIRTIO_VIRTIO_MMIO_H */
