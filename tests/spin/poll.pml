/*
 * poll.pml: virtioif_poll(), virtioif_isr(), virtioif_idle() and the sleep between them, as in
 * "Usage" of virtioif.h, against a device that uses N buffers and changes its configuration C times
 * (-DN=2 -DC=2).
 *
 * Found is a driver that sleeps for ever although a buffer is used or the configuration has changed
 * (invalid end state).
 *
 * Two machines:
 *   one CPU     The handler interrupts the loop anywhere but where it is masked, and shares its
 *               store buffer. The loop sleeps with interrupts masked until one is pending.
 *   -DSMP       The handler runs on another CPU, and a semaphore, which orders memory, wakes the
 *               loop: a task of an RTOS.
 * -DEVENT: used_event, without it avail.flags. One fence taken out:
 *   OUT_ARM_MB          in virtq_arm()
 *   OUT_CONFIG_MB       after config_changed was cleared. Only SMP needs it.
 *   OUT_ISR_ACK_MB      in mmio_isr_ack(). That of virtq_arm() stands in for it here: still right.
 * Put wrong:
 *   NO_RECHECK          virtq_arm() does not look at used.idx again
 *   CLEAR_INTERRUPTED_LATE  interrupted is cleared when the work is done, not before
 *   CLEAR_CONFIG_LATE   config_changed is cleared when the configuration was read, not before
 *   MASK_AFTER_IDLE     interrupts are masked when virtioif_idle() has answered, not before
 *   NO_IDLE             virtioif_idle() is not asked
 *
 * Left out: entries (arm.pml), posting and kicks (kick.pml, ring.pml), transmit (tx_room.pml), the
 * budget, and timers, which would only wake the loop earlier.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#define DRIVER 0
#ifdef SMP
#define HANDLER 1
#define CPUS    2
#define HERE
#else
#define HANDLER DRIVER
#define CPUS    1
#define HERE    provided(!in_isr) /* one CPU: the loop stands still while the handler runs */
#endif

#ifndef N
#define N 2
#endif
#ifndef C
#define C 2
#endif
#define START 7 /* so that the index wraps */

/* Locations */
#define USED_IDX 0
#define SUPPRESS 1 /* used_event, or avail.flags */
#ifdef SMP
#define INTERRUPTED    2
#define CONFIG_CHANGED 3
#define LOCS           4
#else
#define LOCS           2
#endif

#include "mem.pml"

#ifdef SMP
#define write_flag(c, flag, value) store(c, flag, value)
#define read_flag(c, flag)         load(c, flag, word)
#else
/* One CPU sees its own stores in its own order, in the handler too. */
bool interrupted;
bool config_changed;
#define INTERRUPTED                interrupted
#define CONFIG_CHANGED             config_changed
#define write_flag(c, flag, value) flag = value
#define read_flag(c, flag)         word = flag
#endif

/* The device's registers, and writes to InterruptACK on their way to it. */
bool status_queue;
bool status_config;
bool ack_queue;
bool ack_config;
byte config;

bool masked;
bool in_isr;
bool semaphore;

#define PENDING (status_queue || status_config)

proctype bus()
{
end:
  do
  :: d_step {
      ack_queue || ack_config ->
      status_queue = status_queue && !ack_queue;
      status_config = status_config && !ack_config;
      ack_queue = false;
      ack_config = false;
      printf("  bus: acknowledged\n")
    }
  od
}

/* The device has its fences (arm.pml takes them out): it stores to memory and loads from there. */
proctype device()
{
  byte signalled = START;
  byte left = N;

  do
  :: left > 0 ->
    left--;
    mem[USED_IDX] = U16(mem[USED_IDX] + 1);
    printf("  memory: [%d] = %d\n", USED_IDX, mem[USED_IDX]);
    d_step {
#ifdef EVENT
      if
      :: U16(mem[USED_IDX] - mem[SUPPRESS] - 1) < U16(mem[USED_IDX] - signalled) ->
        status_queue = true;
        printf("device: interrupt\n")
      :: else
      fi;
      signalled = mem[USED_IDX]
#else
      if
      :: mem[SUPPRESS] == 0 ->
        status_queue = true;
        printf("device: interrupt\n")
      :: else
      fi
#endif
    }
  :: config < C ->
    config++;
    status_config = true;
    printf("device: configuration changed\n")
  :: left == 0 && config == C -> break
  od
}

/* The order of accesses to one device is kept: a read waits for the write before it. */
inline mmio_isr_ack()
{
  atomic {
    !ack_queue && !ack_config;
    queue = status_queue;
    config_cause = status_config
  }
  virtio_hal_after_read(HANDLER);
  if
  :: queue || config_cause ->
    virtio_hal_before_write(HANDLER);
    atomic { ack_queue = queue; ack_config = config_cause }
#ifndef OUT_ISR_ACK_MB
    !ack_queue && !ack_config;
    virtio_hal_mb(HANDLER)
#endif
  :: else
  fi
}

/* The handler: virtioif_isr(). */
proctype handler()
{
  bool queue;
  bool config_cause;

end:
  do
  :: atomic { PENDING && !masked -> in_isr = true; printf("handler\n") }
    mmio_isr_ack();
    if
    :: queue || config_cause ->
      if
      :: config_cause -> write_flag(HANDLER, CONFIG_CHANGED, 1)
      :: else
      fi;
      write_flag(HANDLER, INTERRUPTED, 1);
#ifdef SMP
      virtio_hal_mb(HANDLER);
      semaphore = true;
#endif
    :: else
    fi;
    atomic { queue = false; config_cause = false; in_isr = false }
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
  /* Of I/O too: a write to InterruptACK does not get past it. */
  !ack_queue && !ack_config;
  virtio_hal_mb(DRIVER);
#endif
#ifdef NO_RECHECK
  answer = false
#else
  load(DRIVER, USED_IDX, word);
  answer = (word != used_idx)
#endif
}

inline read_config()
{
  !ack_queue && !ack_config;
  link = config
}

inline virtioif_poll(answer)
{
#ifndef CLEAR_INTERRUPTED_LATE
  write_flag(DRIVER, INTERRUPTED, 0);
#endif
  virtq_disarm();
  read_flag(DRIVER, CONFIG_CHANGED);
  if
  :: word != 0 ->
#ifndef CLEAR_CONFIG_LATE
    write_flag(DRIVER, CONFIG_CHANGED, 0);
#ifndef OUT_CONFIG_MB
    virtio_hal_mb(DRIVER);
#endif
#endif
    read_config();
#ifdef CLEAR_CONFIG_LATE
    write_flag(DRIVER, CONFIG_CHANGED, 0);
#endif
  :: else
  fi;
  /* Receive all there is. */
  load(DRIVER, USED_IDX, word);
  if
  :: word != used_idx -> virtio_hal_rmb(DRIVER); used_idx = word
  :: else
  fi;
  virtq_arm(answer);
#ifdef CLEAR_INTERRUPTED_LATE
  write_flag(DRIVER, INTERRUPTED, 0);
#endif
  read_flag(DRIVER, INTERRUPTED);
  answer = answer || word != 0
}

/* !more && virtioif_idle() */
inline may_sleep(answer)
{
  word = 0;
#ifndef NO_IDLE
  read_flag(DRIVER, INTERRUPTED);
#endif
  answer = (!more && word == 0)
}

#ifdef SMP
inline rest()
{
  if
  :: !more ->
    printf("loop: sleeps\n");
    semaphore;
    semaphore = false;
    virtio_hal_mb(DRIVER)
  :: else
  fi
}
#else
inline rest()
{
#ifdef MASK_AFTER_IDLE
  may_sleep(sleep);
  masked = true;
#else
  masked = true;
  may_sleep(sleep);
#endif
  if
  :: sleep ->
    printf("loop: sleeps\n");
    PENDING /* wait_for_interrupt(), which wakes though interrupts are masked */
  :: else
  fi;
  sleep = false;
  masked = false
}
#endif

proctype main_loop() HERE
{
  byte used_idx = START;
  byte link;
  byte word;
  bool more;
  bool sleep;

  do
  :: used_idx == U16(START + N) && link == C -> break
  :: else ->
    virtioif_poll(more);
    if
    :: used_idx == U16(START + N) && link == C -> break
    :: else
    fi;
    rest()
  od
}

init {
  atomic {
    mem[USED_IDX] = START;
#ifdef EVENT
    mem[SUPPRESS] = START;
#endif
    memory_ready();
    run bus();
    run handler();
    run device();
    run main_loop()
  }
}
