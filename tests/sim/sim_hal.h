/*
 * sim_hal.h: the platform of the unit tests, named in VIRTIO_HAL_HEADER. Registers are simulated
 * (sim_device.h), barriers are seen by the simulated device, and bus addresses differ from CPU
 * addresses, so that whoever mixes up the two is found out.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef SIM_HAL_H
#define SIM_HAL_H

#include <stddef.h>
#include <stdint.h>

#define VIRTIO_HAL_OWN_BARRIERS
#define VIRTIO_HAL_OWN_MMIO
#define VIRTIO_HAL_OWN_BUS
#define VIRTIO_HAL_OWN_CACHE
#define VIRTIO_HAL_OWN_RELAX

#ifdef __cplusplus
extern "C" {
#endif

void virtio_hal_mb(void);
void virtio_hal_rmb(void);
void virtio_hal_wmb(void);

uint8_t virtio_hal_read8(uintptr_t addr);
uint16_t virtio_hal_read16(uintptr_t addr);
uint32_t virtio_hal_read32(uintptr_t addr);
void virtio_hal_write32(uintptr_t addr, uint32_t value);

uint64_t virtio_hal_bus_addr(const void *ptr);

void virtio_hal_cache_clean(const void *ptr, size_t bytes);
void virtio_hal_cache_invalidate(const void *ptr, size_t bytes);

void virtio_hal_relax(void);

#ifdef __cplusplus
}
#endif

#endif /* SIM_HAL_H */
