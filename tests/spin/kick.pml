/*
 * kick.pml: publishing, then deciding about a kick. virtq_publish() and virtq_kick_wanted() as
 * virtio_net_kick() calls them, against a device that suppresses kicks while it works.
 *
 * The driver adds N buffers in batches, publishes them at once or piecemeal, and decides once a
 * batch. Found are: a ring entry read before it was there (assertion), and a device that waits for
 * a kick although a buffer is available (invalid end state).
 *
 * -DEVENT: avail_event, without it used.flags. One fence taken out:
 *   OUT_PUBLISH_WMB, OUT_KICK_MB      the driver's, in virtq_publish() and virtq_kick_wanted()
 *   OUT_DEVICE_MB, OUT_DEVICE_RMB     the device's, the other half of each pair
 *   OUT_NOTIFY                        virtio_hal_before_write(), in the accessor of the doorbell
 * Weakened or put wrong:
 *   WMB_FOR_KICK_MB, RMB_FOR_KICK_MB  a release or an acquire in its place
 *   OLD_IS_NEW_LESS_1                 EVENT: the decision sees but the last buffer of a batch
 *   COMPARE_WITHOUT_WRAP              EVENT: the indices compared as if they never wrapped
 *
 * Left out: descriptors and payload (ring.pml), and the way back to the driver (arm.pml).
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#define DRIVER 0
#define DEVICE 1
#define CPUS   2

#define N     3
#define SIZE  4
#define START 6 /* so that the index wraps */

/* Locations */
#define AVAIL_IDX  0
#define SUPPRESS   1 /* avail_event, or used.flags */
#define AVAIL_RING 2 /* SIZE of them */
#define LOCS       6

#include "mem.pml"

#define SLOT(idx) (AVAIL_RING + (idx) % SIZE)
#define HEAD(idx) ((idx) + 1) /* what the entry must say; 0 is what was there before */

bool doorbell;

inline virtq_add()
{
  store(DRIVER, SLOT(avail_idx), HEAD(avail_idx));
  avail_idx = U16(avail_idx + 1)
}

inline virtq_publish()
{
  if
  :: published_idx != avail_idx ->
#ifndef OUT_PUBLISH_WMB
    virtio_hal_wmb(DRIVER);
#endif
    published_idx = avail_idx;
    store(DRIVER, AVAIL_IDX, published_idx)
  :: else
  fi
}

#ifdef OLD_IS_NEW_LESS_1
#define OLD U16(published_idx - 1)
#else
#define OLD old
#endif
#ifdef COMPARE_WITHOUT_WRAP
#define PASSED(event) (published_idx >= (event) + 1)
#else
#define PASSED(event) (U16(published_idx - (event) - 1) < U16(published_idx - OLD))
#endif

inline virtq_kick_wanted(answer)
{
  old = kicked_idx;
  kicked_idx = published_idx;
#ifdef OUT_KICK_MB
#elif defined(WMB_FOR_KICK_MB)
  virtio_hal_wmb(DRIVER);
#elif defined(RMB_FOR_KICK_MB)
  virtio_hal_rmb(DRIVER);
#else
  virtio_hal_mb(DRIVER);
#endif
  load(DRIVER, SUPPRESS, word);
#ifdef EVENT
  answer = PASSED(word)
#else
  answer = (word == 0)
#endif
}

inline virtio_net_kick()
{
  virtq_publish();
  virtq_kick_wanted(wanted);
  if
  :: wanted ->
#ifndef OUT_NOTIFY
    virtio_hal_before_write(DRIVER);
#endif
    doorbell = true;
    printf("driver: kick\n")
  :: else
  fi
}

proctype driver()
{
  byte avail_idx = START;
  byte published_idx = START;
  byte kicked_idx = START;
  byte left = N;
  byte old;
  byte word;
  bool wanted;

  do
  :: left == 0 -> break
  :: else ->
    virtq_add();
    left--;
    if
    :: true
    :: left > 0 -> virtq_add(); left--
    :: left > 0 -> virtq_publish(); virtq_add(); left--
    fi;
    virtio_net_kick()
  od
}

inline notifications_off()
{
#ifndef EVENT
  store(DEVICE, SUPPRESS, 1)
#else
  skip /* avail_event stays where it is, passed */
#endif
}

inline notifications_on()
{
#ifdef EVENT
  store(DEVICE, SUPPRESS, last)
#else
  store(DEVICE, SUPPRESS, 0)
#endif
}

proctype device()
{
  byte last = START;
  byte idx = START;
  byte used;
  byte word;

  do
  :: used == N -> break
  :: else ->
    printf("device: sleeps\n");
    doorbell;
    doorbell = false;
work:
    notifications_off();
    load(DEVICE, AVAIL_IDX, idx);
#ifndef OUT_DEVICE_RMB
    virtio_hal_rmb(DEVICE);
#endif
    do
    :: last != idx ->
      load(DEVICE, SLOT(last), word);
      assert(word == HEAD(last));
      last = U16(last + 1);
      used++
    :: else -> break
    od;
    if
    :: used == N -> break
    :: else
    fi;
    notifications_on();
#ifndef OUT_DEVICE_MB
    virtio_hal_mb(DEVICE);
#endif
    load(DEVICE, AVAIL_IDX, idx);
    if
    :: idx != last -> goto work
    :: else
    fi
  od
}

init {
  atomic {
    mem[AVAIL_IDX] = START;
#ifdef EVENT
    mem[SUPPRESS] = START;
#endif
    memory_ready();
    run driver();
    run device()
  }
}
