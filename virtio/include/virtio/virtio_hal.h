/*
 * virtio_hal.h: all that a platform may replace: memory barriers, MMIO access, bus addresses,
 * cache maintenance and the pause inside a bounded wait.
 *
 * The defaults suit a CPU that sees device registers at their physical address and shares coherent
 * memory with the device: every hypervisor guest without an IOMMU. A platform that differs names a
 * header of its own in VIRTIO_HAL_HEADER (with the quotes or brackets), defines the group's
 * VIRTIO_HAL_OWN_... macro there, and supplies all functions of that group.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef VIRTIO_HAL_H
#define VIRTIO_HAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef VIRTIO_HAL_HEADER
#include VIRTIO_HAL_HEADER
#endif

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Byte order
 *
 * VirtIO is little-endian, but for the legacy interface, which is in the guest's own order. The
 * conversions work both ways.
 */

/** True on a big-endian CPU. A constant. */
static inline bool virtio_hal_big_endian(void)
{
  return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
}

/** Convert between CPU order and le16, or keep the value if native. */
static inline uint16_t virtio_hal_le16(uint16_t value, bool native)
{
  return virtio_hal_big_endian() && !native ? __builtin_bswap16(value) : value;
}

/** Convert between CPU order and le32, or keep the value if native. */
static inline uint32_t virtio_hal_le32(uint32_t value, bool native)
{
  return virtio_hal_big_endian() && !native ? __builtin_bswap32(value) : value;
}

/** Convert between CPU order and le64, or keep the value if native. */
static inline uint64_t virtio_hal_le64(uint64_t value, bool native)
{
  return virtio_hal_big_endian() && !native ? __builtin_bswap64(value) : value;
}

/*
 * Barriers
 *
 * Named for what they order between this CPU and the device. They are strong enough for a device
 * that is real hardware in the outer shareable domain, so VIRTIO_F_ORDER_PLATFORM can always be
 * accepted. Where each one stands, and what breaks without it: virtio/ORDER.md.
 */
#ifndef VIRTIO_HAL_OWN_BARRIERS

/** Order every earlier load and store, memory and I/O, before every later one. */
static inline void virtio_hal_mb(void)
{
#if defined(__riscv)
  __asm__ volatile("fence iorw, iorw" ::: "memory");
#elif defined(__aarch64__)
  __asm__ volatile("dmb osh" ::: "memory");
#else
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

/** Acquire: order earlier memory loads before every later memory access. */
static inline void virtio_hal_rmb(void)
{
#if defined(__riscv)
  __asm__ volatile("fence r, rw" ::: "memory");
#elif defined(__aarch64__)
  __asm__ volatile("dmb oshld" ::: "memory");
#else
  __atomic_thread_fence(__ATOMIC_ACQUIRE);
#endif
}

/** Release: order every earlier memory access, loads too, before later memory stores. */
static inline void virtio_hal_wmb(void)
{
#if defined(__riscv)
  __asm__ volatile("fence rw, w" ::: "memory");
#elif defined(__aarch64__)
  __asm__ volatile("dmb osh" ::: "memory");
#else
  __atomic_thread_fence(__ATOMIC_RELEASE);
#endif
}

#endif /* VIRTIO_HAL_OWN_BARRIERS */

/*
 * MMIO access
 *
 * addr is a CPU address, naturally aligned for the width; values are in CPU byte order while the
 * register is little-endian. A write is seen by the device after all earlier memory stores, a read
 * is done before all later memory loads: callers need no barrier of their own around a register.
 */
#ifndef VIRTIO_HAL_OWN_MMIO

/** Order earlier memory accesses before a register write. For the accessors below. */
static inline void virtio_hal_before_write(void)
{
#if defined(__riscv)
  __asm__ volatile("fence rw, o" ::: "memory");
#elif defined(__aarch64__)
  __asm__ volatile("dmb osh" ::: "memory");
#else
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

/** Order a register read before later memory accesses. For the accessors below. */
static inline void virtio_hal_after_read(void)
{
#if defined(__riscv)
  __asm__ volatile("fence i, rw" ::: "memory");
#elif defined(__aarch64__)
  __asm__ volatile("dmb oshld" ::: "memory");
#else
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

/** Read one byte from a device register. */
static inline uint8_t virtio_hal_read8(uintptr_t addr)
{
  uint8_t value = *(const volatile uint8_t *)addr;
  virtio_hal_after_read();
  return value;
}

/** Read a 16-bit little-endian device register. */
static inline uint16_t virtio_hal_read16(uintptr_t addr)
{
  uint16_t value = *(const volatile uint16_t *)addr;
  virtio_hal_after_read();
  return virtio_hal_le16(value, false);
}

/** Read a 32-bit little-endian device register. */
static inline uint32_t virtio_hal_read32(uintptr_t addr)
{
  uint32_t value = *(const volatile uint32_t *)addr;
  virtio_hal_after_read();
  return virtio_hal_le32(value, false);
}

/** Write a 32-bit little-endian device register. */
static inline void virtio_hal_write32(uintptr_t addr, uint32_t value)
{
  virtio_hal_before_write();
  *(volatile uint32_t *)addr = virtio_hal_le32(value, false);
}

#endif /* VIRTIO_HAL_OWN_MMIO */

/*
 * Bus addresses
 *
 * A bus address is what the device puts on the bus; it is always a uint64_t and never a pointer.
 */
#ifndef VIRTIO_HAL_OWN_BUS

/** The bus address of driver memory at ptr: ring memory, a packet buffer or an lwIP payload. That
 * of a receive buffer stays the same as long as the device runs: it is not asked for at each use.
 */
static inline uint64_t virtio_hal_bus_addr(const void *ptr)
{
  return (uint64_t)(uintptr_t)ptr;
}

#endif /* VIRTIO_HAL_OWN_BUS */

/*
 * Cache maintenance
 *
 * Empty where the device snoops the caches. Elsewhere packet memory may be cached and these two do
 * the work; ring memory has to be mapped uncached, because driver and device write neighbouring
 * words of it at the same time.
 */
#ifndef VIRTIO_HAL_OWN_CACHE

/** Make what the CPU wrote at [ptr, ptr + bytes) visible to the device. Called before publishing.
 */
static inline void virtio_hal_cache_clean(const void *ptr, size_t bytes)
{
  (void)ptr;
  (void)bytes;
}

/**
 * Drop the cache lines of [ptr, ptr + bytes) so that the CPU reads what the device wrote there.
 * Called when a receive buffer is posted and again when it comes back; such a buffer shares no
 * cache line with other data.
 */
static inline void virtio_hal_cache_invalidate(const void *ptr, size_t bytes)
{
  (void)ptr;
  (void)bytes;
}

#endif /* VIRTIO_HAL_OWN_CACHE */

/*
 * Pause
 */
#ifndef VIRTIO_HAL_OWN_RELAX

/**
 * Called between two reads of a status that has to settle. Waits are bounded by a count of reads
 * (VIRTIO_WAIT_READS), so a platform that reads fast may spend about a microsecond here.
 */
static inline void virtio_hal_relax(void)
{
}

#endif /* VIRTIO_HAL_OWN_RELAX */

#ifdef __cplusplus
}
#endif

#endif /* VIRTIO_HAL_H */
