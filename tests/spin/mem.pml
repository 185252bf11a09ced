/*
 * mem.pml: the memory between driver and device, weaker than any CPU that virtioif runs on.
 *
 * Promela, for Spin. Each model includes this file after it has named its locations (LOCS, each one
 * word that is read and written in one piece) and its CPUs (CPUS).
 *
 *  - A store waits in the buffer of its CPU and reaches memory some time later, in any order but
 *    for stores to one location. SB of them fit.
 *  - A load may have been satisfied early: it gives what memory held at some moment since the last
 *    fence of its CPU (view). Loads of one location never go back in time.
 *  - load_late() is a load that is satisfied late, after stores that follow it.
 *  - The fences are those of virtio_hal.h. wmb keeps its place in the buffer: it does not empty it,
 *    so it orders no store before a later load.
 *
 * With -DTSO it is an x86 instead: stores leave in order and loads are satisfied at once. What
 * remains is that a store waits while a later load goes ahead.
 *
 * Left out: stores that reach one observer before another (RISC-V and Arm have none: they are
 * multi-copy atomic), dependencies (address, data, control: the driver relies on none for order
 * between two loads), and torn accesses (the code reads and writes shared words in one piece).
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */

#define SB  4
#define WMB 255 /* in the place of a location: the stores behind it wait for those before it */

/* Indices of 16 bits, with a smaller modulus so that they wrap within a run. */
#define WRAP   8
#define U16(x) (((x) + 2 * WRAP) % WRAP)

typedef cpu_t {
  byte waiting; /* stores in the buffer, oldest first */
  byte loc[SB];
  byte val[SB];
  byte view[LOCS];
  bool late;     /* load_late() is still to be satisfied */
  byte late_loc;
  byte late_val;
};

byte mem[LOCS];
cpu_t cpu[CPUS];

byte at; /* scratch, 0 between steps */

inline store(c, l, v)
{
  atomic {
    cpu[c].waiting < SB;
    cpu[c].loc[cpu[c].waiting] = l;
    cpu[c].val[cpu[c].waiting] = v;
    cpu[c].waiting++;
    printf("CPU %d: store [%d] = %d, waits\n", c, l, v)
  }
}

#ifdef TSO
#define SEEN(c, l) mem[l]
#else
#define SEEN(c, l) cpu[c].view[l]
#endif

/* The CPU's own waiting stores come first. */
inline load(c, l, v)
{
  d_step {
    v = SEEN(c, l);
    at = 0;
    do
    :: at < cpu[c].waiting ->
      if
      :: cpu[c].loc[at] == l -> v = cpu[c].val[at]
      :: else
      fi;
      at++
    :: else -> break
    od;
    at = 0;
    printf("CPU %d: load [%d] = %d\n", c, l, v)
  }
}

inline load_late(c, l)
{
  atomic {
    assert(!cpu[c].late);
    cpu[c].late_loc = l;
    cpu[c].late = true;
    printf("CPU %d: load [%d], satisfied later\n", c, l)
  }
}

inline catch_up(c)
{
  at = 0;
  do
  :: at < LOCS -> cpu[c].view[at] = mem[at]; at++
  :: else -> break
  od;
  at = 0
}

inline order_stores(c)
{
  atomic {
    if
    :: cpu[c].waiting == 0
    :: cpu[c].waiting > 0 && cpu[c].waiting < SB ->
      cpu[c].loc[cpu[c].waiting] = WMB;
      cpu[c].waiting++
    fi
  }
}

/* virtio_hal_mb(): all before all. */
inline virtio_hal_mb(c)
{
  atomic {
    cpu[c].waiting == 0 && !cpu[c].late;
    d_step { catch_up(c) };
    printf("CPU %d: virtio_hal_mb()\n", c)
  }
}

/* virtio_hal_rmb(): earlier loads before all. */
inline virtio_hal_rmb(c)
{
  atomic {
    !cpu[c].late;
    d_step { catch_up(c) };
    printf("CPU %d: virtio_hal_rmb()\n", c)
  }
}

/* virtio_hal_wmb(): all before later stores. */
inline virtio_hal_wmb(c)
{
  atomic {
    !cpu[c].late;
    order_stores(c);
    printf("CPU %d: virtio_hal_wmb()\n", c)
  }
}

/* virtio_hal_before_write(), virtio_hal_after_read(): the fences inside the MMIO accessors. A
 * register is no memory: what is behind the first happens when the store buffer is empty. */
inline virtio_hal_before_write(c)
{
  cpu[c].waiting == 0 && !cpu[c].late
}

inline virtio_hal_after_read(c)
{
  virtio_hal_rmb(c)
}

/* The oldest in the buffer is never a WMB: perform() sees to that. */
#define CAN0(c) (cpu[c].waiting > 0)
#ifdef TSO
#define CAN1(c) false
#define CAN2(c) false
#define CAN3(c) false
#else
#define PASSES(c, young, old)                                                                      \
  (cpu[c].loc[old] != WMB && cpu[c].loc[young] != cpu[c].loc[old])
#define CAN1(c) (cpu[c].waiting > 1 && cpu[c].loc[1] != WMB && PASSES(c, 1, 0))
#define CAN2(c) (cpu[c].waiting > 2 && cpu[c].loc[2] != WMB && PASSES(c, 2, 0) && PASSES(c, 2, 1))
#define CAN3(c)                                                                                    \
  (cpu[c].waiting > 3 && cpu[c].loc[3] != WMB && PASSES(c, 3, 0) && PASSES(c, 3, 1) &&             \
   PASSES(c, 3, 2))
#endif

inline drop(c, n)
{
  at = n;
  do
  :: at + 1 < cpu[c].waiting ->
    cpu[c].loc[at] = cpu[c].loc[at + 1];
    cpu[c].val[at] = cpu[c].val[at + 1];
    at++
  :: else -> break
  od;
  cpu[c].waiting--;
  cpu[c].loc[cpu[c].waiting] = 0;
  cpu[c].val[cpu[c].waiting] = 0;
  at = 0
}

inline perform(c, n)
{
  printf("  memory: [%d] = %d\n", cpu[c].loc[n], cpu[c].val[n]);
  mem[cpu[c].loc[n]] = cpu[c].val[n];
  cpu[c].view[cpu[c].loc[n]] = cpu[c].val[n];
  drop(c, n);
  do
  :: cpu[c].waiting > 0 && cpu[c].loc[0] == WMB -> drop(c, 0)
  :: else -> break
  od;
  at = 0 /* a d_step must not end in a jump */
}

#ifdef TSO
#define STALE(c, l) false
#else
#define STALE(c, l) (cpu[c].view[l] != mem[l])
#endif

/* What the CPU's memory system does behind its back, one thing at a time. It always gets there in
 * the end: a run that stops has empty buffers. */
proctype memory(byte c)
{
end:
  do
  :: d_step { CAN0(c) -> perform(c, 0) }
  :: d_step { CAN1(c) -> perform(c, 1) }
  :: d_step { CAN2(c) -> perform(c, 2) }
  :: d_step { CAN3(c) -> perform(c, 3) }
  :: d_step { STALE(c, 0) -> cpu[c].view[0] = mem[0] }
#if LOCS > 1
  :: d_step { STALE(c, 1) -> cpu[c].view[1] = mem[1] }
#endif
#if LOCS > 2
  :: d_step { STALE(c, 2) -> cpu[c].view[2] = mem[2] }
#endif
#if LOCS > 3
  :: d_step { STALE(c, 3) -> cpu[c].view[3] = mem[3] }
#endif
#if LOCS > 4
  :: d_step { STALE(c, 4) -> cpu[c].view[4] = mem[4] }
#endif
#if LOCS > 5
  :: d_step { STALE(c, 5) -> cpu[c].view[5] = mem[5] }
#endif
#if LOCS > 6
#error "a view is refreshed for six locations only"
#endif
  :: d_step { cpu[c].late -> cpu[c].late_val = SEEN(c, cpu[c].late_loc); cpu[c].late = false }
  od
}

/* Start the model: every CPU has seen all of memory. */
inline memory_ready()
{
  d_step {
    at = 0;
    do
    :: at < LOCS ->
      cpu[0].view[at] = mem[at];
#if CPUS > 1
      cpu[1].view[at] = mem[at];
#endif
      at++
    :: else -> break
    od;
    at = 0
  }
  run memory(0);
#if CPUS > 1
  run memory(1);
#endif
#if CPUS > 2
#error "memory_ready() knows two CPUs only"
#endif
}
