/*
 * virtq_model.h: what the driver's side of a ring has to know, told apart from how it stores it.
 * Each call here makes the call of virtq.h and checks all that can be said of it.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef VIRTQ_MODEL_H
#define VIRTQ_MODEL_H

#include "fuzz.h"
#include "virtio/virtq.h"

enum { MODEL_SIZE_MAX = 128, MODEL_PIECES_MAX = 20, MODEL_POOL_BUFFERS = 32 };

/* A queue takes what it is given piece by piece, or the buffers of a pool. */
enum model_kind { MODEL_NEW, MODEL_PIECES, MODEL_POOL };

struct virtq_model {
  struct virtq vq;
  uint8_t *ring; /* its memory */
  uint16_t size;
  bool event_idx;
  enum model_kind kind;
  uint16_t token[MODEL_SIZE_MAX]; /* by head */
  uint16_t count[MODEL_SIZE_MAX]; /* descriptors, by head; 0: not in flight */
  uint16_t owner[MODEL_SIZE_MAX]; /* head of the chain that a descriptor is in, or NONE */
  unsigned free;
  unsigned in_flight;
  uint16_t added, published, kicked, used, seen;
  bool broken;
  uint16_t heads[MODEL_SIZE_MAX]; /* what the device was given and has not returned */
  unsigned held;
  bool hook_ran;  /* set by whoever changes ring memory during a call */
  bool scribbled; /* set by whoever writes over descriptors: they are not what they were */
};

extern struct virtq_model model;

/** Ring memory for a queue of size descriptors. */
void model_begin(uint16_t size, bool event_idx);

/** The queue, as if so many buffers had come and gone: indices wrap within one input. */
void model_start(uint16_t at);

/** Add one buffer; to a queue of a pool, one of the pool's. */
void model_add(unsigned out, unsigned in, bool indirect);
/** Add up to count buffers of a pool; to a queue of pieces, one piece. */
void model_refill(unsigned count);
void model_publish(void);
void model_kick(void);
void model_take(void);
void model_arm(void);
void model_disarm(void);
void model_reclaim_one(void);

/** What holds between calls. */
void model_check(void);

/** Fill the queue, take all back, and free the memory. */
void model_end(void);

/** What the device writes: flags, idx, (id, len)[size], avail_event. */
uint16_t *model_used_ring(void);
uint32_t *model_used_elem(uint16_t idx);
uint16_t *model_avail_event(void);

#endif /* VIRTQ_MODEL_H */
