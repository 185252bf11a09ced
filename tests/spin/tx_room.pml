/*
 * tx_room.pml: a full transmit queue. virtioif_tx_make_room(), virtioif_tx_reap(), tx_resume() and
 * tx_arm_for_sleep() of the port, against a device that decides about interrupts.
 *
 * The queue of 2 descriptors is full with two frames of one piece each. A frame of two pieces is to
 * go out, and the loop may not count on a timer to wake it; besides the transmit interrupt at most
 * one other does. Found is a frame that is never sent, or never freed: the loop sleeps for ever
 * (invalid end state).
 *
 * Who tries again after ERR_MEM:
 *   (nothing)          the application, between the poll and the sleep
 *   -DTRY_FIRST        the application, before the poll
 *   -DTCP              lwIP, from tcp_txnow() in the poll
 *   -DNO_TIMER         nobody; but no timer bounds the sleep, and the two frames have to be freed
 * -DEVENT: used_event, without it avail.flags. One fence taken out:
 *   OUT_ARM_MB         in virtq_arm()
 *   OUT_DEVICE_MB      the device's, between used.idx and the suppression it reads
 *   OUT_ISR_ACK_MB     in mmio_isr_ack(), together with that of reading InterruptStatus: the poll
 *                      after an interrupt could still see the used.idx from before it
 * Put wrong:
 *   ARM_ONCE           EVENT: after arming too late and reaping too little the queue is not armed
 *                      again: used_event is behind what was reaped
 *   RESUME_ANYWAY      a poll that follows a refusal disarms though nothing was reaped since
 *   SLEEP_ON_RESUME    the poll that made room does not say that there is more to do
 *   NO_RECHECK         virtq_arm() does not look at used.idx again
 *
 * Left out: slots, runs of segments, the entries (arm.pml), and the mask around the sleep
 * (poll.pml).
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#define DRIVER 0
#define DEVICE 1
#define CPUS   2

#define SIZE  2
#define START 7 /* so that the index wraps */

/* Locations */
#define USED_IDX 0
#define SUPPRESS 1 /* used_event, or avail.flags */
#define LOCS     2

#include "mem.pml"

bool line; /* of the interrupt */
bool interrupted;

proctype device()
{
  byte used_idx = START;
  byte signalled = START;
  byte left = SIZE;
  byte suppress;

  do
  :: left == 0 -> break
  :: else ->
    used_idx = U16(used_idx + 1);
    left--;
    store(DEVICE, USED_IDX, used_idx);
#ifndef OUT_DEVICE_MB
    virtio_hal_mb(DEVICE);
#endif
    load(DEVICE, SUPPRESS, suppress);
#ifdef EVENT
    if
    :: U16(used_idx - suppress - 1) < U16(used_idx - signalled) ->
      line = true;
      printf("device: interrupt\n")
    :: else
    fi;
    signalled = used_idx
#else
    if
    :: suppress == 0 ->
      line = true;
      printf("device: interrupt\n")
    :: else
    fi
#endif
  od
}

/* A frame received, a link change: something else to wake up for. */
proctype other()
{
  if
  :: line = true
  :: true
  fi
}

/* virtioif_isr(), on the CPU of the loop, which stands still meanwhile. mmio_isr_ack() acknowledges
 * and has a full fence; that it waits for the buffer is written as a handler that comes later. */
proctype handler()
{
end:
  do
  :: atomic {
      line && cpu[DRIVER].waiting == 0 ->
      line = false;
#ifndef OUT_ISR_ACK_MB
      d_step { catch_up(DRIVER) }
#endif
      interrupted = true;
      printf("handler\n")
    }
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

inline virtq_arm(answer)
{
#ifdef EVENT
  store(DRIVER, SUPPRESS, used_idx);
#else
  store(DRIVER, SUPPRESS, 0);
#endif
#ifndef OUT_ARM_MB
  virtio_hal_mb(DRIVER);
#endif
#ifdef NO_RECHECK
  answer = false
#else
  load(DRIVER, USED_IDX, word);
  answer = (word != used_idx)
#endif
}

/* Whatever is there is taken at once; the frames have one piece each. */
inline virtioif_tx_reap()
{
  load(DRIVER, USED_IDX, word);
  if
  :: word != used_idx ->
    virtio_hal_rmb(DRIVER);
    num_free = num_free + U16(word - used_idx);
    used_idx = word;
    tx_reaped = true
  :: else
  fi
}

inline virtioif_tx_make_room(answer)
{
  if
  :: num_free < SIZE -> virtioif_tx_reap()
  :: else
  fi;
  do
  :: num_free == SIZE -> answer = true; break
  :: else ->
    virtq_arm(pending);
    if
    :: pending -> virtioif_tx_reap()
    :: else -> break
    fi;
#ifdef ARM_ONCE
    answer = (num_free == SIZE);
    break
#endif
  od;
  if
  :: !answer -> tx_armed = true; tx_reaped = false
  :: else
  fi
}

#ifdef RESUME_ANYWAY
#define RESUMES tx_armed
#else
#define RESUMES (tx_armed && tx_reaped)
#endif

inline tx_resume(answer)
{
  answer = false;
  if
  :: RESUMES ->
    tx_armed = false;
    virtq_disarm();
#ifndef SLEEP_ON_RESUME
    answer = tx_reaped;
#endif
#ifdef TCP
    virtioif_tx_make_room(done) /* tcp_txnow() */
#endif
  :: else
  fi
}

inline virtioif_poll(answer)
{
  interrupted = false;
  virtioif_tx_reap();
  tx_resume(answer)
}

/* Of virtioif_idle(). The disarming poll is the one that follows a refusal, so it is called one. */
inline tx_arm_for_sleep(answer)
{
  answer = false;
  if
  :: num_free < SIZE && !tx_armed ->
    tx_armed = true;
    tx_reaped = false;
    virtq_arm(answer)
  :: else
  fi
}

proctype main_loop()
{
  byte used_idx = START;
  byte num_free;
  byte word;
  bool tx_armed;
  bool tx_reaped;
  bool pending;
  bool more;
  bool done; /* the frame was sent, or those before it freed */

#ifdef TCP
  virtioif_tx_make_room(done);
#endif
  do
  :: done -> break
  :: else ->
#ifdef TRY_FIRST
    virtioif_tx_make_room(done);
#endif
    virtioif_poll(more);
#ifdef NO_TIMER
    done = (num_free == SIZE);
    if
    :: !more && !done -> tx_arm_for_sleep(more)
    :: else
    fi;
#elif !defined(TRY_FIRST) && !defined(TCP)
    virtioif_tx_make_room(done);
#endif
    if
    :: more || done
    :: else -> printf("loop: sleeps\n"); interrupted
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
    run main_loop();
    run device();
    run other();
    run handler()
  }
}
