/*
 * virtq.h: the driver's side of a split virtqueue, "Split Virtqueues".
 *
 * Ring memory is written for the device and, but for what the device itself writes (used ring,
 * avail_event), never read back. All that the driver has to remember stands in a private shadow,
 * so a device that scribbles over the rings can spoil its own traffic and nothing else.
 *
 * Life of a buffer: virtq_add() or virtq_refill() -> virtq_publish() -> the device uses it ->
 * virtq_take(). Nothing here blocks, allocates or notifies: kicking is the caller's, who knows when
 * a batch ends.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef VIRTIO_VIRTQ_H
#define VIRTIO_VIRTQ_H

#include "virtio/virtio.h"
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The largest size of a split virtqueue. */
#define VIRTQ_SIZE_MAX 32768u

#if VIRTIO_LEGACY
/** Alignment of ring memory. A legacy queue starts on a page and so does its used ring. */
#define VIRTQ_ALIGN      4096u
/** Alignment of the used ring within the ring memory. */
#define VIRTQ_USED_ALIGN 4096u
#else
#define VIRTQ_ALIGN      16u
#define VIRTQ_USED_ALIGN 4u
#endif

/** x rounded up to a multiple of the power of two align. */
#define VIRTIO_ALIGN_UP(x, align) (((x) + ((align)-1u)) & ~((size_t)(align)-1u))

/** Offset in bytes of the used ring: descriptors of 16 bytes, available ring of 2 bytes an entry
 * with its head and used_event, padding. */
#define VIRTQ_USED_OFFSET(size)   VIRTIO_ALIGN_UP((size_t)(size)*18u + 6u, VIRTQ_USED_ALIGN)

/** Bytes of ring memory for a queue of size descriptors; a multiple of VIRTQ_ALIGN. */
#define VIRTQ_RING_BYTES(size)                                                                     \
  VIRTIO_ALIGN_UP(VIRTQ_USED_OFFSET(size) + (size_t)(size)*8u + 6u, VIRTQ_ALIGN)

struct virtq_desc;
struct virtq_avail;
struct virtq_used;

/** One piece of memory of a buffer. */
struct virtq_sg {
  void *addr;   /**< First byte, a CPU address. */
  uint32_t len; /**< Bytes, at least 1. */
};

/** Private memory of one descriptor. Its content belongs to virtq_split.c. */
struct virtq_shadow {
  uint16_t next;   /**< Next descriptor of the chain, or of the free list. */
  uint16_t count;  /**< Descriptors in the chain if this heads one in flight, else 0. */
  uint16_t token;  /**< The caller's name for the buffer, or for the last one. */
  uint16_t unused; /**< Makes an element 8 bytes long, so that indexing is a shift. */
};

/** Memory and choices for virtq_init(). */
struct virtq_params {
  void *ring;                  /**< VIRTQ_RING_BYTES(size), aligned to VIRTQ_ALIGN. */
  struct virtq_shadow *shadow; /**< size elements, private to the driver. */
  uint16_t index;              /**< The queue's number in the device. */
  uint16_t size;               /**< Descriptors, a power of two from 1 to VIRTQ_SIZE_MAX. */
  bool event_idx;              /**< VIRTIO_F_EVENT_IDX was negotiated. */
  bool native_endian;          /**< Legacy interface: fields in guest byte order. */
};

/** One virtqueue. The caller's memory; read-only outside virtq_split.c. */
struct virtq {
  struct virtq_desc *desc;     /**< Descriptor table, device-visible. */
  struct virtq_avail *avail;   /**< Available ring, device-visible. */
  struct virtq_used *used;     /**< Used ring, written by the device. */
  struct virtq_shadow *shadow; /**< What the driver knows about its descriptors. */
  uint16_t index;              /**< The queue's number in the device. */
  uint16_t size;               /**< Number of descriptors. */
  uint16_t mask;               /**< size - 1. */
  uint16_t free_head;          /**< First free descriptor, if num_free is not 0. */
  uint16_t num_free;           /**< Descriptors on the free list. */
  uint16_t avail_idx;          /**< Index of the next entry of the available ring. */
  uint16_t published_idx;      /**< What avail->idx holds. */
  uint16_t kicked_idx;         /**< avail_idx at the last decision about a kick. */
  uint16_t used_idx;           /**< Index of the next used entry to take. */
  uint16_t used_seen;          /**< The device's used index when last read. */
  bool event_idx;              /**< Notifications by index instead of flags. */
  bool native_endian;          /**< Fields are in guest byte order. */
  bool broken;                 /**< The device broke the rules; nothing is taken any more. */
};

/** A buffer that the device is done with. */
struct virtq_done {
  uint16_t token; /**< What virtq_add() was given, or the buffer's number. */
  uint32_t len;   /**< Bytes the device says it wrote. Not checked: only the caller knows. */
};

/**
 * Make an empty queue. Zeroes the ring memory, which the device must not be using.
 *
 * @param vq     the queue
 * @param params memory and choices; the memory must outlive the queue
 */
void virtq_init(struct virtq *vq, const struct virtq_params *params);

/** Where the parts of vq lie, for struct virtio_transport_ops::queue_enable. */
struct virtq_placement virtq_placement(const struct virtq *vq);

/**
 * Add one buffer as a chain of descriptors. The device does not see it before virtq_publish().
 *
 * @param vq       the queue
 * @param sg       out device-readable pieces, then in device-writable ones: "Message Framing"
 * @param out      number of device-readable pieces
 * @param in       number of device-writable pieces; out + in >= 1
 * @param token    any number, returned by virtq_take()
 * @return VIRTIO_OK: the memory belongs to the device until virtq_take() returns the token;
 *         VIRTIO_ERR_FULL: fewer than out + in descriptors are free, nothing was changed
 */
int virtq_add(struct virtq *vq, const struct virtq_sg *sg, unsigned out, unsigned in,
              uint16_t token);

/** Device-writable buffers of one size, at regular distances. */
struct virtq_pool {
  uint8_t *base;   /**< First byte of buffer 0. */
  uint32_t stride; /**< Bytes from one buffer to the next. */
  uint32_t len;    /**< Bytes of each that the device may write, at least 1. */
};

/** A number that no buffer of a pool has. */
#define VIRTQ_NO_BUFFER 0xffffu

/**
 * Add buffers of a pool in one piece each, as many as there is room for: the quick way to keep a
 * receive queue filled. virtq_take() returns a buffer's number as its token.
 *
 * A descriptor that describes the buffer already, from the last time, is not written again. So from
 * virtq_init() on the queue may be given buffers of this one pool only.
 *
 * @param vq      the queue
 * @param pool    where the buffers are
 * @param buffers the numbers of some, below VIRTQ_NO_BUFFER; the last one is added first
 * @param count   how many there are
 * @return how many there was no room for: those at the start of buffers
 */
unsigned virtq_refill(struct virtq *vq, const struct virtq_pool *pool, const uint16_t *buffers,
                      unsigned count);

/** Bytes of device-visible memory for an indirect table of entries descriptors. */
#define VIRTQ_TABLE_BYTES(entries) (16u * (entries))

/**
 * Add one device-readable buffer through an indirect table, so that it takes one descriptor:
 * "Indirect Descriptors". Only with VIRTIO_F_INDIRECT_DESC.
 *
 * @param vq    the queue
 * @param table VIRTQ_TABLE_BYTES(out), aligned to 16; the device's until the token comes back
 * @param sg    the pieces, all device-readable
 * @param out   number of pieces, 1 up to the size of the queue
 * @param token any number, returned by virtq_take()
 * @return VIRTIO_OK or VIRTIO_ERR_FULL, as virtq_add()
 */
int virtq_add_indirect(struct virtq *vq, void *table, const struct virtq_sg *sg, unsigned out,
                       uint16_t token);

/** Show all added buffers to the device: "Updating idx". */
void virtq_publish(struct virtq *vq);

/**
 * Decide about a kick for all that was published since the last decision: "Available Buffer
 * Notification Suppression". The answer is for now: kick at once if it is true.
 */
bool virtq_kick_wanted(struct virtq *vq);

/**
 * Take the next buffer that the device is done with.
 *
 * @param vq   the queue
 * @param done the buffer, if there is one
 * @return 1 with *done filled; 0 if there is none; VIRTIO_ERR_DEVICE if the device jumped its
 *         index or returned a buffer that it does not have: then and ever after, until
 *         virtq_init(), nothing can be taken and what is in flight stays the device's
 */
int virtq_take(struct virtq *vq, struct virtq_done *done);

/** How many buffers were added and not yet taken. */
static inline uint16_t virtq_in_flight(const struct virtq *vq)
{
  return (uint16_t)(vq->avail_idx - vq->used_idx);
}

/** True if the device is known to be done with another buffer, without looking again. */
static inline bool virtq_more(const struct virtq *vq)
{
  return vq->used_seen != vq->used_idx;
}

/** True if virtq_take() would have something to say: a used buffer or a breach of the rules. */
bool virtq_pending(const struct virtq *vq);

/**
 * Ask for an interrupt at the next used buffer: "Used Buffer Notification Suppression".
 *
 * @param vq the queue
 * @return true if a used buffer is there already, for which no interrupt may come: take it
 */
bool virtq_arm(struct virtq *vq);

/** Ask for no interrupts. A hint: the device may still send some. */
void virtq_disarm(struct virtq *vq);

/**
 * Take back a buffer that is still in flight, in no particular order.
 *
 * Only after the device was reset: "Device Cleanup". Before anything is added again virtq_init()
 * has to make the queue anew.
 *
 * @param vq    the queue
 * @param token the buffer's token, if there is one
 * @return true with *token set; false if nothing is in flight
 */
bool virtq_reclaim(struct virtq *vq, uint16_t *token);

#ifdef __cplusplus
}
#endif

#endif /* VIRTIO_VIRTQ_H */
