/*
 * my_hal.h: a platform on which the device sees RAM at another address than the CPU does.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef MY_HAL_H
#define MY_HAL_H

#include <stdint.h>

#define VIRTIO_HAL_OWN_BUS

#define MY_RAM_CPU UINT64_C(0x80000000)
#define MY_RAM_BUS UINT64_C(0)

/** The bus address of RAM at ptr. */
static inline uint64_t virtio_hal_bus_addr(const void *ptr)
{
  return (uint64_t)(uintptr_t)ptr - MY_RAM_CPU + MY_RAM_BUS;
}

#endif /* MY_HAL_H */
