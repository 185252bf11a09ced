/*
 * fuzz_rings.h: the fuzzed device's view of rings and buffers. For fuzz_device.c.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef FUZZ_RINGS_H
#define FUZZ_RINGS_H

#include "fuzz_device.h"

enum { FUZZ_QUEUES = 2, FUZZ_RX = 0, FUZZ_TX = 1, FUZZ_PIECES = 2 };

/** A receive buffer that the device was given. */
struct fuzz_buffer {
  uint8_t *at[FUZZ_PIECES];
  uint32_t len[FUZZ_PIECES];
  bool hidden; /* nobody but the device may touch it */
};

struct fuzz_queue {
  uint64_t desc, avail, used; /* as the driver told them */
  uint32_t size;
  bool live;
  bool event_idx;
  bool tainted;      /* lies were told that only a reset makes good */
  uint16_t seen;     /* index of the next available entry */
  uint16_t used_idx; /* index of the next used entry */
  uint8_t *mem_desc; /* where the parts are */
  uint16_t *mem_avail;
  uint16_t *mem_used;
  uint16_t held[FUZZ_QUEUE_MAX]; /* heads not returned yet, the oldest first */
  unsigned held_count;
  struct fuzz_buffer buffers[FUZZ_QUEUE_MAX]; /* by head; receive queue only */
};

/** The driver's device-visible memory: rings, then receive buffers, then transmit memory. */
struct fuzz_memory {
  uint8_t *dma;
  size_t bytes;
  size_t packets; /* where the receive buffers begin */
  size_t buffers; /* bytes of all of them */
  bool all_copied;
};

extern struct fuzz_memory fuzz_memory;
extern struct fuzz_queue fuzz_queues[FUZZ_QUEUES];
extern uint32_t fuzz_isr;

void fuzz_rings_memory(void *dma, size_t bytes, size_t packets, unsigned buffers, bool all_copied);
void fuzz_rings_reset(void);
void fuzz_rings_enable(struct fuzz_queue *q, bool event_idx);
void fuzz_rings_calm(void);

/** Take what is available. */
void fuzz_rings_fetch(void);
void fuzz_rings_fetch_queue(struct fuzz_queue *q);

/** Return a buffer, or claim to. */
void fuzz_rings_use(struct fuzz_queue *q, uint32_t id, uint32_t len);

/** From here on a reset is wanted before buffers are anybody's for sure. */
void fuzz_rings_taint(struct fuzz_queue *q);

/** Write, whoever else may touch it. */
void fuzz_rings_fill(uint8_t *at, uint8_t value, size_t len);

/** One action on the rings, chosen by the input (fuzz_lies.c). */
void fuzz_rings_act(void);

/* fuzz_device.c */
size_t fuzz_device_hdr_bytes(void);
bool fuzz_device_merges(void);

#endif /* FUZZ_RINGS_H */
