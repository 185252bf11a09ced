/*
 * arm.pml: asking for an interrupt, then sleeping. virtq_arm() and virtq_take() against a device
 * that decides about interrupts.
 *
 * All N buffers were posted before; the device uses them one or two at a time. Found are: a used
 * entry read before it was there (assertion), and a driver that sleeps although a buffer is used
 * (invalid end state).
 *
 * -DEVENT: used_event, without it avail.flags. One fence taken out:
 *   OUT_ARM_MB, OUT_TAKE_RMB          the driver's, in virtq_arm() and look_for_used()
 *   OUT_DEVICE_MB, OUT_DEVICE_WMB     the device's, the other half of each pair
 * Weakened or put wrong:
 *   WMB_FOR_ARM_MB, RMB_FOR_ARM_MB    a release or an acquire in its place
 *   NO_RECHECK                        virtq_arm() does not look at used.idx again
 *
 * Left out: the way of the interrupt through registers and handler (isr.pml, poll.pml), posting
 * (ring.pml), lengths, and the checks of a lying device.
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
#define USED_IDX  0
#define SUPPRESS  1 /* used_event, or avail.flags */
#define USED_RING 2 /* ring entries in use: START % SIZE + 2 and on, wrapping */
#define LOCS      6

#include "mem.pml"

#define SLOT(idx) (USED_RING + (idx) % SIZE)
#define ID(idx)   ((idx) + 1) /* what the entry must say; 0 is what was there before */

bool interrupt;

#ifdef OUT_DEVICE_WMB
#define device_wmb() skip
#else
#define device_wmb() virtio_hal_wmb(DEVICE)
#endif
#ifdef OUT_DEVICE_MB
#define device_mb() skip
#else
#define device_mb() virtio_hal_mb(DEVICE)
#endif

proctype device()
{
  byte used_idx = START;
  byte signalled = START;
  byte left = N;
  byte suppress;

  do
  :: left == 0 -> break
  :: else ->
    store(DEVICE, SLOT(used_idx), ID(used_idx));
    used_idx = U16(used_idx + 1);
    left--;
    if
    :: true
    :: left > 0 -> /* two with one index */
      store(DEVICE, SLOT(used_idx), ID(used_idx));
      used_idx = U16(used_idx + 1);
      left--
    fi;
    device_wmb();
    store(DEVICE, USED_IDX, used_idx);

    device_mb();
    load(DEVICE, SUPPRESS, suppress);
#ifdef EVENT
    if
    :: U16(used_idx - suppress - 1) < U16(used_idx - signalled) ->
      interrupt = true;
      printf("device: interrupt\n")
    :: else
    fi;
    signalled = used_idx
#else
    if
    :: suppress == 0 ->
      interrupt = true;
      printf("device: interrupt\n")
    :: else
    fi
#endif
  od
}

inline virtq_disarm()
{
#ifdef EVENT
  store(DRIVER, SUPPRESS, U16(used_idx - 1))
#else
  store(DRIVER, SUPPRESS, 1)
#endif
}

inline virtq_pending(answer)
{
  load(DRIVER, USED_IDX, word);
  answer = (word != used_idx)
}

inline virtq_arm(answer)
{
#ifdef EVENT
  store(DRIVER, SUPPRESS, used_idx);
#else
  store(DRIVER, SUPPRESS, 0);
#endif
#ifdef OUT_ARM_MB
#elif defined(WMB_FOR_ARM_MB)
  virtio_hal_wmb(DRIVER);
#elif defined(RMB_FOR_ARM_MB)
  virtio_hal_rmb(DRIVER);
#else
  virtio_hal_mb(DRIVER);
#endif
#ifdef NO_RECHECK
  answer = false
#else
  virtq_pending(answer)
#endif
}

inline look_for_used(answer)
{
  load(DRIVER, USED_IDX, word);
  if
  :: word == used_idx -> answer = false
  :: else ->
    used_seen = word;
#ifndef OUT_TAKE_RMB
    virtio_hal_rmb(DRIVER);
#endif
    answer = true
  fi
}

inline virtq_take(answer)
{
  answer = true;
  if
  :: used_seen == used_idx -> look_for_used(answer)
  :: else
  fi;
  if
  :: answer ->
    load(DRIVER, SLOT(used_idx), word);
    assert(word == ID(used_idx));
    used_idx = U16(used_idx + 1)
  :: else
  fi
}

proctype driver()
{
  byte used_idx = START;
  byte used_seen = START;
  byte taken;
  byte word;
  bool more;

  do
  :: taken == N -> break
  :: else ->
    virtq_disarm();
    do
    :: virtq_take(more);
      if
      :: more -> taken++
      :: else -> break
      fi
    od;
    if
    :: taken == N -> break
    :: else
    fi;
    virtq_arm(more);
    if
    :: more
    :: else ->
      printf("driver: sleeps\n");
      interrupt;
      interrupt = false
    fi
  od
}

init {
  atomic {
    mem[USED_IDX] = START;
#ifdef EVENT
    mem[SUPPRESS] = U16(START - 1);
#else
    mem[SUPPRESS] = 1;
#endif
    memory_ready();
    run driver();
    run device()
  }
}
