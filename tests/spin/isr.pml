/*
 * isr.pml: acknowledging an interrupt, then draining. mmio_isr_ack() and virtq_take() in a handler
 * that never disarms: the plainest use of virtio/, where nothing but the order of the two saves it.
 *
 * The interrupt is level-triggered: InterruptStatus is not 0. The write to InterruptACK is posted:
 * it reaches the device some time later, unless a fence waits for it. Found are: a used buffer that
 * no interrupt tells of (invalid end state).
 *
 * One fence taken out:
 *   OUT_ISR_ACK_MB      the driver's, in mmio_isr_ack()
 *   OUT_DEVICE_MB       the device's, between used.idx and InterruptStatus
 * Put wrong:
 *   DRAIN_BEFORE_ACK    the handler acknowledges when it has drained
 *
 * Left out: suppression (arm.pml) and configuration changes (poll.pml, which also has the handler
 * and the poll apart, as virtioif does).
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#define DRIVER 0
#define DEVICE 1
#define CPUS   2

#define N 3

/* Locations */
#define USED_IDX 0
#define LOCS     1

#include "mem.pml"

bool interrupt_status; /* the device's register, and the interrupt line */
bool interrupt_ack;    /* a write on its way to the device */

proctype bus()
{
end:
  do
  :: d_step {
      interrupt_ack ->
      interrupt_status = false;
      interrupt_ack = false;
      printf("  bus: acknowledged\n")
    }
  od
}

/* Accesses to one device stay in order: a read waits for the write before it. */
inline mmio_isr_ack()
{
  !interrupt_ack;
  causes = interrupt_status;
  virtio_hal_after_read(DRIVER);
  if
  :: causes ->
    virtio_hal_before_write(DRIVER);
    interrupt_ack = true;
#ifndef OUT_ISR_ACK_MB
    !interrupt_ack;
    virtio_hal_mb(DRIVER)
#endif
  :: else
  fi
}

inline drain()
{
  do
  :: load(DRIVER, USED_IDX, used_seen);
    if
    :: used_seen == used_idx -> break
    :: else -> virtio_hal_rmb(DRIVER); used_idx = used_seen
    fi
  od
}

proctype driver()
{
  byte used_idx;
  byte used_seen;
  bool causes;

  do
  :: used_idx == N -> break
  :: else ->
    printf("driver: sleeps\n");
    interrupt_status;
#ifdef DRAIN_BEFORE_ACK
    drain();
    mmio_isr_ack()
#else
    mmio_isr_ack();
    drain()
#endif
  od
}

proctype device()
{
  byte used_idx;

  do
  :: used_idx == N -> break
  :: else ->
    used_idx++;
    store(DEVICE, USED_IDX, used_idx);
#ifndef OUT_DEVICE_MB
    virtio_hal_mb(DEVICE);
#endif
    interrupt_status = true;
    printf("device: interrupt\n")
  od
}

init {
  atomic {
    memory_ready();
    run bus();
    run driver();
    run device()
  }
}
