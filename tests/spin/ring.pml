/*
 * ring.pml: what has to be in memory before an index moves. One buffer goes round R times between
 * virtq_add(), virtq_publish(), the device and virtq_take(), and is reposted while the driver's
 * reads of it may still be under way.
 *
 * Both sides watch the other's index, so nothing depends on notifications here. Found is any value
 * of another round (assertion): a descriptor, ring entry, used entry or payload read too early, and
 * a payload (driver) or a buffer (device) that the other side overwrote before it was read.
 *
 * One fence taken out:
 *   OUT_PUBLISH_WMB, OUT_TAKE_RMB     the driver's, in virtq_publish() and look_for_used()
 *   OUT_DEVICE_RMB, OUT_DEVICE_WMB    the device's, the other half of each pair
 * Weakened:
 *   STORES_ONLY_PUBLISH               orders earlier stores, but no earlier loads, before the index
 *   STORES_ONLY_DEVICE                the same on the other side
 *
 * Left out: notifications (arm.pml, kick.pml), more than one buffer, chains.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#define DRIVER 0
#define DEVICE 1
#define CPUS   2

#define R 3

/* Locations */
#define DESC       0 /* descriptor and what the driver wrote to the buffer */
#define AVAIL_RING 1
#define AVAIL_IDX  2
#define PAYLOAD    3 /* what the device wrote to the buffer */
#define USED_RING  4
#define USED_IDX   5
#define LOCS       6

#include "mem.pml"

inline virtq_publish()
{
#ifdef OUT_PUBLISH_WMB
#elif defined(STORES_ONLY_PUBLISH)
  order_stores(DRIVER);
#else
  virtio_hal_wmb(DRIVER);
#endif
  store(DRIVER, AVAIL_IDX, round)
}

proctype driver()
{
  byte round = 1;
  byte word;

  do
  :: round <= R ->
    /* virtq_add() */
    store(DRIVER, DESC, round);
    store(DRIVER, AVAIL_RING, round);
    virtq_publish();
    /* The payload of the round before, whenever the CPU got round to it. */
    !cpu[DRIVER].late;
    assert(cpu[DRIVER].late_val == round - 1);

    /* virtq_take(), until it gives something. */
    SEEN(DRIVER, USED_IDX) == round;
#ifndef OUT_TAKE_RMB
    virtio_hal_rmb(DRIVER);
#endif
    load(DRIVER, USED_RING, word);
    assert(word == round);
    load_late(DRIVER, PAYLOAD);
    round++
  :: else -> break
  od;
  !cpu[DRIVER].late;
  assert(cpu[DRIVER].late_val == R)
}

proctype device()
{
  byte round = 1;
  byte word;

  do
  :: round <= R ->
    SEEN(DEVICE, AVAIL_IDX) == round;
#ifndef OUT_DEVICE_RMB
    virtio_hal_rmb(DEVICE);
#endif
    load(DEVICE, AVAIL_RING, word);
    assert(word == round);
    load_late(DEVICE, DESC);
    store(DEVICE, PAYLOAD, round);
    store(DEVICE, USED_RING, round);
#ifdef OUT_DEVICE_WMB
#elif defined(STORES_ONLY_DEVICE)
    order_stores(DEVICE);
#else
    virtio_hal_wmb(DEVICE);
#endif
    store(DEVICE, USED_IDX, round);
    !cpu[DEVICE].late;
    assert(cpu[DEVICE].late_val == round);
    round++
  :: else -> break
  od
}

init {
  atomic {
    memory_ready();
    run driver();
    run device()
  }
}
