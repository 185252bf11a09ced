/*
 * sim_device.h: a simulated VirtIO network device on a simulated MMIO bus, for tests; and an
 * entropy device, which shares all but the frames with it.
 *
 * It executes the device's side of the specification by a reading of its own: it shares no source
 * with the driver. It is strict: whatever a driver must not do, or should not do, is recorded as a
 * breach with the requirement's id, and sim_end() counts the breaches that nobody expected. Ids
 * that begin with "own-" are this project's rules, where the specification is silent.
 *
 * It also lies on request: struct sim_faults, and the functions under "A device that lies".
 *
 * A test reads like this:
 *   sim_begin();
 *   struct sim_net_params params = sim_net_defaults(2);
 *   struct sim_device *dev = sim_net_create(&params);
 *   ... bring the driver up at sim_base(dev) ...
 *   assert_true(sim_net_deliver(dev, frame, sizeof(frame)));
 *   ... let the driver poll ...
 *   assert_int_equal(sim_net_sent_count(dev), 1);
 *   assert_int_equal(sim_end(), 0);
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef SIM_DEVICE_H
#define SIM_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SIM_RX                0u /* receiveq1 */
#define SIM_TX                1u /* transmitq1 */
#define SIM_QUEUES            2u

#define SIM_NEVER             UINT32_MAX /* for counts of how long something takes */
#define SIM_FOREVER           UINT32_MAX /* for counts of how often something happens */

/* Feature bits, as masks. Written down again on purpose: the driver's own could be wrong. */
#define SIM_F_CSUM            (UINT64_C(1) << 0)
#define SIM_F_GUEST_CSUM      (UINT64_C(1) << 1)
#define SIM_F_MTU             (UINT64_C(1) << 3)
#define SIM_F_MAC             (UINT64_C(1) << 5)
#define SIM_F_GUEST_TSO4      (UINT64_C(1) << 7)
#define SIM_F_GUEST_TSO6      (UINT64_C(1) << 8)
#define SIM_F_GUEST_ECN       (UINT64_C(1) << 9)
#define SIM_F_GUEST_UFO       (UINT64_C(1) << 10)
#define SIM_F_HOST_TSO4       (UINT64_C(1) << 11)
#define SIM_F_HOST_TSO6       (UINT64_C(1) << 12)
#define SIM_F_HOST_ECN        (UINT64_C(1) << 13)
#define SIM_F_HOST_UFO        (UINT64_C(1) << 14)
#define SIM_F_MRG_RXBUF       (UINT64_C(1) << 15)
#define SIM_F_STATUS          (UINT64_C(1) << 16)
#define SIM_F_CTRL_VQ         (UINT64_C(1) << 17)
#define SIM_F_CTRL_RX         (UINT64_C(1) << 18)
#define SIM_F_GUEST_ANNOUNCE  (UINT64_C(1) << 21)
#define SIM_F_MQ              (UINT64_C(1) << 22)
#define SIM_F_CTRL_MAC_ADDR   (UINT64_C(1) << 23)
#define SIM_F_ANY_LAYOUT      (UINT64_C(1) << 27)
#define SIM_F_INDIRECT_DESC   (UINT64_C(1) << 28)
#define SIM_F_EVENT_IDX       (UINT64_C(1) << 29)
#define SIM_F_VERSION_1       (UINT64_C(1) << 32)
#define SIM_F_ACCESS_PLATFORM (UINT64_C(1) << 33)
#define SIM_F_RING_PACKED     (UINT64_C(1) << 34)
#define SIM_F_ORDER_PLATFORM  (UINT64_C(1) << 36)
#define SIM_F_GUEST_HDRLEN    (UINT64_C(1) << 59)

struct sim_device;

/*
 * The test as a whole
 */

/** Forget all devices, breaches and tolerances of the test before. */
void sim_begin(void);

/**
 * Check all devices a last time and take them away.
 *
 * Memory that a driver gave to a device has to exist until then.
 *
 * @return the number of breaches that were not expected, each printed to stderr
 */
unsigned sim_end(void);

/** Breaches with this id do not count: for a SHOULD that the test has a reason to break. */
void sim_tolerate(const char *id);

/** How many breaches with this id there were so far; id NULL: of any id. */
unsigned sim_breaches(const char *id);

/** Take back the breaches with this id; returns how many there were. For tests of the device. */
unsigned sim_expect(const char *id);

/** Called with a text when going on makes no sense; by default it prints and aborts. */
extern void (*sim_fatal_handler)(const char *text);

/*
 * Making devices
 */

/** What a network device offers. Start from sim_net_defaults(). */
struct sim_net_params {
  uint32_t version;               /**< 1 legacy, 2 modern. */
  uint64_t features;              /**< Offered feature bits 0 to 63. */
  uint64_t features_high;         /**< Offered feature bits 64 to 127. */
  uint32_t queue_max[SIM_QUEUES]; /**< QueueSizeMax; 0: no such queue. */
  uint8_t mac[6];                 /**< Configuration: address. */
  uint16_t status;                /**< Configuration: bit 0 link up, bit 1 announce. */
  uint16_t mtu;                   /**< Configuration: MTU. */
  uint32_t config_bytes;          /**< Size of the configuration space; all there is by default. */
  uint32_t tx_frame_max;          /**< Longest frame it may be sent while F_MTU is not used. */
  bool clean;                     /**< It starts reset, not as somebody before left it. */
  bool noncoherent;               /**< It does not snoop the CPU's caches. */
};

/** Features MAC, STATUS and what its version has to have; queues of 256; link up; MTU 1500. */
struct sim_net_params sim_net_defaults(uint32_t version);

/** A network device in the next free slot of the bus. */
struct sim_device *sim_net_create(const struct sim_net_params *params);

/** An entropy device that offers nothing but what its version has to have; one queue of 8. */
struct sim_net_params sim_rng_defaults(uint32_t version);

/** An entropy device in the next free slot: version, features, queue_max[0], clean, noncoherent. */
struct sim_device *sim_rng_create(const struct sim_net_params *params);

/** Any other thing in the next free slot, by its first three registers. */
struct sim_device *sim_slot_create(uint32_t magic, uint32_t version, uint32_t device_id);

/** The CPU address of its registers. */
uintptr_t sim_base(const struct sim_device *dev);

/*
 * Time passes for the device
 */

/** When the device works on what it was sent. */
enum sim_pace {
  SIM_EAGER, /**< Within the notification: read, sent, completed. */
  SIM_LAZY,  /**< Nothing before sim_run(). */
  SIM_HOLD,  /**< Reads and sends within the notification, completes with sim_complete(). */
};

/** In which order the device takes and completes buffers. */
enum sim_order {
  SIM_FIFO,
  SIM_LIFO,
  SIM_SHUFFLED,
};

void sim_pace(struct sim_device *dev, enum sim_pace pace);
void sim_order(struct sim_device *dev, enum sim_order order);

/** Let the device do all that it has to do. Also finds notifications that never came. */
void sim_run(struct sim_device *dev);

/** Complete up to count frames that SIM_HOLD kept, as one burst; returns how many. */
unsigned sim_complete(struct sim_device *dev, unsigned count);

/** Find notifications that never came, and other things that a driver must not leave behind. */
void sim_check(struct sim_device *dev);

/** Do not (or do again) ask to be notified of a queue's available buffers. */
void sim_suppress_kicks(struct sim_device *dev, unsigned queue, bool suppress);

/*
 * Frames
 */

/** struct virtio_net_hdr in CPU byte order. */
struct sim_hdr {
  uint8_t flags;
  uint8_t gso_type;
  uint16_t hdr_len;
  uint16_t gso_size;
  uint16_t csum_start;
  uint16_t csum_offset;
  uint16_t num_buffers;
};

/** A frame that the device sent to the wire. */
struct sim_frame {
  struct sim_hdr hdr; /**< The header in front of it. */
  uint8_t *bytes;  /**< The frame without that header, a checksum left to the device filled in. */
  size_t len;      /**< Bytes of it. */
  unsigned pieces; /**< Elements the buffer had, header included. */
};

/**
 * A frame arrives from the wire.
 *
 * @return true if it was put into a receive buffer; false if it was lost: no buffer, too small a
 *         buffer, link down, or device not live
 */
bool sim_net_deliver(struct sim_device *dev, const void *frame, size_t len);

/** The same with a header of one's own in front; hdr->num_buffers is taken as it is. */
bool sim_net_deliver_with(struct sim_device *dev, const struct sim_hdr *hdr, const void *frame,
                          size_t len);

/** Two or more frames with one interrupt at the end. */
void sim_burst_begin(struct sim_device *dev);
void sim_burst_end(struct sim_device *dev);

/** How many frames the device sent to the wire since it was made. */
unsigned sim_net_sent_count(const struct sim_device *dev);

/** The nth of them, counted from 0. */
const struct sim_frame *sim_net_sent(const struct sim_device *dev, unsigned n);

/**
 * What leaves for the wire when the device cuts a large frame (TSO); a plain frame is its own only
 * segment.
 *
 * @param frame a frame that was sent
 * @param n     which segment, from 0
 * @param bytes room for the longest frame there can be; the segment, with all its sums
 * @param len   its length
 * @return false if there are fewer segments
 */
bool sim_frame_segment(const struct sim_frame *frame, unsigned n, uint8_t *bytes, size_t *len);

/** Receive buffers that the device could fill now. */
unsigned sim_net_rx_buffers(struct sim_device *dev);

/** Bytes that the device can write to the smallest of these, and the pieces that one has. */
uint64_t sim_net_rx_bytes(struct sim_device *dev);
unsigned sim_net_rx_pieces(struct sim_device *dev);

/** Frames sent and not yet completed. */
unsigned sim_net_tx_held(const struct sim_device *dev);

/** Change the link or the address and say so with a configuration interrupt, if the driver has set
 * DRIVER_OK by then. */
void sim_net_set_link(struct sim_device *dev, bool up);
void sim_net_set_mac(struct sim_device *dev, const uint8_t mac[6]);

/** What the device offers from its next reset on: a host that came back as another. The version
 * stays. */
void sim_net_become(struct sim_device *dev, const struct sim_net_params *params);

/** Change the address in the middle of the next configuration read: after so many accesses. */
void sim_net_set_mac_after(struct sim_device *dev, unsigned reads, const uint8_t mac[6]);

/*
 * Random bytes
 */

/** The nth byte that an entropy device gives, counted from 0 since it was made. Never 0. */
uint8_t sim_rng_byte(unsigned n);

/** Give at most so many bytes in one answer, however long the buffer. */
void sim_rng_limit(struct sim_device *dev, unsigned bytes);

/** How many bytes were given. */
unsigned sim_rng_given(const struct sim_device *dev);

/*
 * What the device saw
 */

struct sim_counters {
  unsigned kicks[SIM_QUEUES];      /**< Notifications that came. */
  unsigned idle_kicks[SIM_QUEUES]; /**< Of these, how many brought nothing new. */
  unsigned interrupts;             /**< Times the device wanted to interrupt for a queue. */
  unsigned config_interrupts;      /**< Times the device wanted to interrupt for a change. */
  unsigned rx_delivered;           /**< Frames put into receive buffers. */
  unsigned rx_no_buffer;           /**< Frames lost: no receive buffer was there. */
  unsigned rx_too_big;             /**< Frames lost: longer than the receive buffer. */
  unsigned rx_link_down;           /**< Frames lost: link down. */
  unsigned reads;                  /**< Register reads. */
  unsigned writes;                 /**< Register writes. */
  unsigned config_reads;           /**< Reads of the configuration space. */
  unsigned status_reads;           /**< Reads of Status. */
  unsigned resets;                 /**< Resets that were done. */
};

const struct sim_counters *sim_counters(const struct sim_device *dev);

/** The level of the interrupt line. */
bool sim_irq(const struct sim_device *dev);

/** Feature bits that the driver accepted. */
uint64_t sim_accepted(const struct sim_device *dev);

/** Device status. */
uint32_t sim_status(const struct sim_device *dev);

/** The driver has set DRIVER_OK, and no reset came since. */
bool sim_live(const struct sim_device *dev);

/** The size that the driver gave to a queue; 0 if it set up none. */
unsigned sim_queue_size(const struct sim_device *dev, unsigned queue);

/** Length of struct virtio_net_hdr as negotiated. */
size_t sim_net_hdr_bytes(const struct sim_device *dev);

/*
 * In the middle of things: a function of the test is called at certain points of the driver's run.
 */

enum sim_point {
  SIM_AT_ISR_READ,    /**< Right before InterruptStatus is read. */
  SIM_AT_ISR_ACK,     /**< Right after InterruptACK was written. */
  SIM_AT_STATUS_READ, /**< Right before Status is read. */
  SIM_AT_NOTIFY,      /**< Right after a notification was worked on. */
  SIM_AT_MB,          /**< At a full barrier. */
  SIM_AT_RMB,         /**< At a read barrier. */
  SIM_POINTS,
};

typedef void sim_hook_fn(struct sim_device *dev, void *arg);

/** Call fn at a point, until it is set to NULL. The hook may not set off itself again. */
void sim_at(struct sim_device *dev, enum sim_point point, sim_hook_fn *fn, void *arg);

/*
 * A device that lies
 */

/** Fault switches, all off at first but reset_reads. Each can be changed at any time. */
struct sim_faults {
  /* Registers */
  uint32_t reset_reads;        /**< Status goes 0 after so many reads; SIM_NEVER. 3 at first. */
  bool refuse_features_ok;     /**< FEATURES_OK does not stay set. */
  bool queue_ready_stuck_at_0; /**< QueueReady never reads 1 (legacy: QueuePFN reads 0). */
  bool queue_ready_stuck_at_1; /**< QueueReady reads 1 before it was written (legacy: QueuePFN). */
  bool generation_never_settles; /**< Each configuration read changes configuration. */
  bool ack_ignored;              /**< InterruptACK has no effect. */
  bool isr_stuck;                /**< InterruptStatus always reads isr_value. */
  uint32_t isr_value;            /**< See isr_stuck. */
  uint32_t isr_extra;            /**< Undefined bits that InterruptStatus shows as well. */
  uint32_t status_extra;         /**< Undefined bits that Status shows as well. */
  /* Interrupts */
  bool interrupts_lost;     /**< Used buffers raise none. */
  bool interrupts_unwanted; /**< Used buffers raise one although the driver asked for none. */
  /* Completions: the next used_times of the queues in used_queues are spoiled. */
  uint32_t used_queues;    /**< Mask of 1 << queue; all at first. */
  uint32_t used_times;     /**< How many completions; SIM_FOREVER at first. */
  bool used_id_wrong;      /**< used_id stands in place of the id. */
  uint32_t used_id;        /**< See used_id_wrong. */
  bool used_len_wrong;     /**< used_len stands in place of the length. */
  uint32_t used_len;       /**< See used_len_wrong. */
  bool used_twice;         /**< Each completion is reported a second time. */
  uint16_t used_idx_extra; /**< The index moves on by so many more; 0xffff takes it back by one. */
  /* Frames */
  bool rx_num_buffers_wrong; /**< rx_num_buffers stands in place of num_buffers. */
  uint16_t rx_num_buffers;   /**< See rx_num_buffers_wrong. */
  bool scribble_after_use;   /**< Driver-owned ring memory is overwritten with each completion. */
};

/** The device's switches. */
struct sim_faults *sim_faults(struct sim_device *dev);

/** Report any completion: element and index, and an interrupt unless the driver wants none. */
void sim_lie_used(struct sim_device *dev, unsigned queue, uint32_t id, uint32_t len);

/** Set a queue's used index; sim_honest_idx() puts it right again. */
void sim_lie_idx(struct sim_device *dev, unsigned queue, uint16_t idx);
void sim_honest_idx(struct sim_device *dev, unsigned queue);

/** The used index that the device would honestly show. */
uint16_t sim_used_idx(const struct sim_device *dev, unsigned queue);

/** The head of the nth buffer that the device has of a queue, oldest first. */
uint16_t sim_posted_head(struct sim_device *dev, unsigned queue, unsigned n);

/** Write any value to the used ring's flags and avail_event. */
void sim_lie_suppression(struct sim_device *dev, unsigned queue, uint16_t flags, uint16_t event);

/** Overwrite what only the driver may write, descriptors and available ring; see
 * sim_ring_scribble(). */
void sim_scribble(struct sim_device *dev, unsigned queue);

/** Raise interrupt causes out of the blue; 0 does nothing but count an interrupt. */
void sim_spurious_interrupt(struct sim_device *dev, uint32_t causes);

/** Set DEVICE_NEEDS_RESET and say so with a configuration interrupt. dead: it also stops working.
 */
void sim_needs_reset(struct sim_device *dev, bool dead);

/** Fall back to status 0 without being asked, as after a crash of the other side. */
void sim_drop_status(struct sim_device *dev);

/*
 * Ring memory alone, for tests of the ring without a device. The same checks as in a device.
 */

struct sim_ring;

/** Where a ring lies and what was negotiated for it. */
struct sim_ring_params {
  uint16_t size;
  uint64_t desc_bus;
  uint64_t avail_bus;
  uint64_t used_bus;
  bool event_idx;
  bool indirect;
  bool native_endian;
};

/** A buffer as the device sees it. */
struct sim_buffer {
  uint16_t head;      /**< The id to return it with. */
  unsigned pieces;    /**< Elements, those of an indirect table included. */
  uint64_t out_bytes; /**< Bytes that the device can read. */
  uint64_t in_bytes;  /**< Bytes that the device can write. */
};

/** One element of a buffer. */
struct sim_piece {
  uint8_t *mem; /**< CPU address. */
  uint32_t len;
  bool write; /**< The device may write to it. */
};

/** The device side of ring memory; gone with sim_end(). */
struct sim_ring *sim_ring_create(const struct sim_ring_params *params);

/** Buffers made available and not yet taken. */
unsigned sim_ring_available(struct sim_ring *ring);

/** Take the oldest; false if there is none. */
bool sim_ring_take(struct sim_ring *ring, struct sim_buffer *buffer);

/** Element n of a buffer that was made available. */
struct sim_piece sim_ring_piece(struct sim_ring *ring, uint16_t head, unsigned n);

/** Return a buffer. */
void sim_ring_use(struct sim_ring *ring, uint16_t head, uint32_t len);

/** Whether the driver wants an interrupt for what was returned since the last call. */
bool sim_ring_wants_interrupt(struct sim_ring *ring);

/** A notification arrives for the ring. */
void sim_ring_notify(struct sim_ring *ring);

/** Set the point at which the device wants to be notified next; flags: the same for used.flags. */
void sim_ring_set_event(struct sim_ring *ring, uint16_t avail_event);
void sim_ring_set_flags(struct sim_ring *ring, uint16_t used_flags);

/** Find a notification that never came. */
void sim_ring_check(struct sim_ring *ring);

/** Write any completion and any index. */
void sim_ring_lie_used(struct sim_ring *ring, uint32_t id, uint32_t len);
void sim_ring_lie_idx(struct sim_ring *ring, uint16_t idx);

/** Overwrite descriptors and available ring; from then on they are not compared any more. The
 * device goes by what it read from a descriptor before, until the driver writes it again. */
void sim_ring_scribble(struct sim_ring *ring);

/*
 * Addresses
 */

/** The CPU address of a bus address that the driver got from its platform; NULL if it did not. */
void *sim_cpu_addr(uint64_t bus);

/** How often each barrier was called since sim_begin(). */
struct sim_barriers {
  unsigned mb;
  unsigned rmb;
  unsigned wmb;
};
struct sim_barriers sim_barriers(void);

#ifdef __cplusplus
}
#endif

#endif /* SIM_DEVICE_H */
