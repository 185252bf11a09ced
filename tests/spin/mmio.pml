/*
 * mmio.pml: the order inside the MMIO accessors, where no other fence stands in for it.
 *
 * virtq_init() zeroes a ring that has something else in it, mmio_queue_enable() gives it to the
 * device; at some time virtio_reset() takes it back, while the device is about to write to it.
 * Found are: a device that sees the ring as it was before, and a driver that still sees its memory
 * as it was before the device's last write (assertions).
 *
 * One fence taken out:
 *   OUT_BEFORE_WRITE    virtio_hal_before_write(), before QueueReady is written
 *   OUT_AFTER_READ      virtio_hal_after_read(), after the Status was read as 0
 *   OUT_DEVICE_MB       the device's, between its last write and Status 0
 *
 * Left out: that registers of one device stay in order among each other, which the CPU's I/O
 * memory type gives (virtio/ORDER.md).
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#define DRIVER 0
#define DEVICE 1
#define CPUS   2

/* Locations */
#define AVAIL_IDX 0
#define USED_IDX  1
#define LOCS      2

#include "mem.pml"

#define JUNK 7

/* The device's registers. */
bool queue_ready;
bool status = true;
bool reset;

proctype driver()
{
  byte word;

  /* virtq_init() */
  store(DRIVER, AVAIL_IDX, 0);
  store(DRIVER, USED_IDX, 0);
  /* mmio_queue_enable() */
#ifndef OUT_BEFORE_WRITE
  virtio_hal_before_write(DRIVER);
#endif
  queue_ready = true;

  /* virtio_reset() */
  reset = true;
  !status;
#ifndef OUT_AFTER_READ
  virtio_hal_after_read(DRIVER);
#endif
  /* The memory is the driver's again. */
  load(DRIVER, USED_IDX, word);
  assert(word == 1)
}

proctype device()
{
  byte word;

  queue_ready;
  virtio_hal_rmb(DEVICE);
  load(DEVICE, AVAIL_IDX, word);
  assert(word == 0);
  store(DEVICE, USED_IDX, 1);
  reset;
#ifndef OUT_DEVICE_MB
  virtio_hal_mb(DEVICE);
#endif
  status = false
}

init {
  atomic {
    mem[AVAIL_IDX] = JUNK;
    mem[USED_IDX] = JUNK;
    memory_ready();
    run driver();
    run device()
  }
}
