/*
 * virtioif.h: an lwIP network interface on a VirtIO network device.
 *
 * Usage (NO_SYS=1; tests/consume/superloop is a whole program):
 *  1. Find the device:
 *       static struct virtio_mmio mmio;
 *       if (virtio_mmio_probe(&mmio, base) != VIRTIO_OK || mmio.dev.device_id != VIRTIO_ID_NET) ...
 *  2. Give it memory, static or from anywhere else:
 *       static struct virtioif nic;
 *       VIRTIOIF_MEMORY(nic_memory, 64, 64, 128);
 *  3. Add the interface:
 *       struct virtioif_params params = {.vif = &nic, .dev = &mmio.dev, .memory = &nic_memory};
 *       netif_add_noaddr(&netif, &params, virtioif_init, ethernet_input);
 *       netif_set_default(&netif); netif_set_up(&netif); dhcp_start(&netif); ...
 *     The interface sets no policy: it starts no DHCP and makes itself nobody's default.
 *  4. Call virtioif_isr() from the device's interrupt, and run:
 *       for (;;) {
 *         bool more = virtioif_poll(&netif, 64);
 *         sys_check_timeouts();
 *         interrupts_mask();
 *         if (!more && virtioif_idle(&netif)) {
 *           wait_for_interrupt(sys_timeouts_sleeptime());
 *         }
 *         interrupts_unmask();
 *       }
 *     Without an interrupt call virtioif_isr() from the loop, say ten times a second: it is what
 *     notices a link change. virtioif_poll() sees frames without it.
 *
 * Calling context: all but virtioif_isr() belong to lwIP's core context: the main loop (NO_SYS=1)
 * or a thread that holds the core lock (NO_SYS=0). port/README.md has both as complete loops.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef LWIP_HDR_NETIF_VIRTIOIF_H
#define LWIP_HDR_NETIF_VIRTIOIF_H

#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "netif/virtioif_opts.h"
#include "virtio/virtio_net.h"

#ifdef __cplusplus
extern "C" {
#endif

struct virtioif;

/** What happens to an interface beside its ordinary work, for virtioif_params::event. */
enum virtioif_event {
  VIRTIOIF_EVENT_QUEUE_BROKEN, /**< The device broke the rules of a queue; a reset follows. */
  VIRTIOIF_EVENT_NEEDS_RESET, /**< It set DEVICE_NEEDS_RESET or lost its status; a reset follows. */
  VIRTIOIF_EVENT_TX_STALLED,  /**< VIRTIOIF_TX_TIMEOUT_MS without a frame sent, or with one that
                                   others overtake: it was notified once more. */
  VIRTIOIF_EVENT_TX_TIMEOUT,  /**< As long again: a reset follows. */
  VIRTIOIF_EVENT_RESET_WANTED, /**< virtioif_reset() was called. */
  VIRTIOIF_EVENT_START_FAILED, /**< The device did not come back: virtioif_init_error() says why.
                                    It is tried again later. */
  VIRTIOIF_EVENT_RECOVERED,    /**< The device works again. */
  VIRTIOIF_EVENT_GIVEN_UP,     /**< Last attempt failed: FAILED is set, the link stays down. */
};

/** What happened so far. All count up from virtioif_init() and wrap at 2^32. */
struct virtioif_stats {
  u32_t rx_frames;         /**< Frames handed to lwIP. */
  u32_t rx_copied;         /**< Of these, how many were copied instead of handed over in place. */
  u32_t rx_merged;         /**< Of these, how many came in more than one buffer. */
  u32_t rx_drop_len;       /**< Dropped: shorter than its headers or longer than its buffer. */
  u32_t rx_drop_nomem;     /**< Dropped: lwIP had no pbuf for the copy. */
  u32_t rx_drop_input;     /**< Dropped: netif->input() did not take it. */
  u32_t tx_frames;         /**< Frames given to the device. */
  u32_t tx_copied;         /**< Of these, how many were copied instead of sent in place. */
  u32_t tx_large;          /**< Large frames made of several of them. */
  u32_t tx_drop_len;       /**< Refused: longer than the MTU allows, or empty. */
  u32_t tx_drop_down;      /**< Refused: link down or device failed. */
  u32_t tx_drop_nomem;     /**< Refused: no memory to make a scattered frame whole. */
  u32_t tx_ring_full;      /**< Refused with ERR_MEM: no room in the transmit queue. */
  u32_t kicks_rx;          /**< Notifications sent for the receive queue. */
  u32_t kicks_tx;          /**< Notifications sent for the transmit queue. */
  u32_t interrupts;        /**< Interrupts that were this device's. */
  u32_t interrupts_config; /**< Of these, how many told of a configuration change. */
  u32_t link_changes;      /**< Times the link went up or down. */
  u32_t device_errors;     /**< Times the device broke the rules, asked for a reset or was stuck. */
  u32_t tx_stalls;         /**< Times it was notified once more because a frame was not sent. */
  u32_t recoveries;        /**< Times it came back from a reset. */
  u32_t start_errors;      /**< Times it did not. */
};

/** How many buffers are where. At rest free + posted + held is the number of receive buffers. */
struct virtioif_rx_usage {
  u16_t free;   /**< Waiting to be posted. */
  u16_t posted; /**< The device's, to be filled. */
  u16_t held;   /**< lwIP's or the application's, until the pbuf is freed. */
};

/** One receive buffer: the pbuf that lwIP sees while it holds the memory. Private. */
struct virtioif_rxbuf {
  struct pbuf_custom pbuf; /**< Must be first: lwIP hands it back through this. */
  struct virtioif *vif;    /**< The owner, for the way back. */
  u16_t buffer;            /**< Its number. */
};

/** One frame on its way out. Private. */
struct virtioif_txslot {
  struct pbuf *p;  /**< Referenced until the device is done; NULL if the frame was copied. */
  u16_t next;      /**< The next free slot, or the next of the same run. */
  u16_t table;     /**< The indirect table of the frame, if it has one. */
  u8_t generation; /**< The watchdog's when the slot was taken. */
};

/** No slot, no table. */
#define VIRTIOIF_NONE            0xffffu

/** Offset of the frame in a transmit slot: struct virtio_net_hdr ends there, and the IP header
 * behind 14 bytes of Ethernet is aligned. */
#define VIRTIOIF_TX_FRAME_OFFSET 18u
/** Bytes of the longest headers that a slot takes: Ethernet with a tag, IPv6, TCP with options. */
#define VIRTIOIF_TX_HEADERS_MAX  118u
/** Bytes of one transmit slot. */
#define VIRTIOIF_TX_SLOT_BYTES                                                                     \
  VIRTIO_ALIGN_UP(                                                                                 \
      VIRTIOIF_TX_FRAME_OFFSET + LWIP_MAX(VIRTIOIF_TX_COPY_BYTES, VIRTIOIF_TX_HEADERS_MAX), 64u)

/** Bytes of all indirect tables. */
#define VIRTIOIF_TSO_BYTES                                                                         \
  (VIRTIOIF_TSO * VIRTIOIF_TSO_TABLES * VIRTQ_TABLE_BYTES(VIRTIOIF_TSO_PIECES))

/** Device-visible bytes for queues of rx_size and tx_size descriptors and rx_buffers buffers. */
#define VIRTIOIF_DMA_BYTES(rx_size, tx_size, rx_buffers)                                           \
  (VIRTIO_ALIGN_UP(VIRTIO_NET_RING_BYTES(rx_size, tx_size), VIRTIO_NET_RX_BUF_ALIGN) +             \
   (rx_buffers) * (size_t)VIRTIOIF_RX_BUF_BYTES + (tx_size)*VIRTIOIF_TX_SLOT_BYTES +               \
   VIRTIOIF_TSO_BYTES)

/** Alignment of the device-visible memory. */
#define VIRTIOIF_DMA_ALIGN                                                                         \
  (VIRTQ_ALIGN > VIRTIO_NET_RX_BUF_ALIGN ? VIRTQ_ALIGN : VIRTIO_NET_RX_BUF_ALIGN)

/** The memory of one interface. VIRTIOIF_MEMORY() makes one; its arrays may also come from a heap.
 */
struct virtioif_memory {
  u16_t rx_size; /**< Receive queue: descriptors, a power of two from 2 to 32768. */
  u16_t tx_size; /**< Transmit queue: descriptors, a power of two from 2 to 32768. */
  u16_t
      rx_buffers; /**< Receive buffers, at least 1; fewer than rx_size leave the queue unfilled.
                     Those above rx_size are what lwIP may hold before frames are copied instead. */
  void *dma; /**< VIRTIOIF_DMA_BYTES(), aligned to VIRTIOIF_DMA_ALIGN. Device-visible. Its first
                VIRTIO_NET_RING_BYTES() are the rings, which have to be uncached where the
                device does not snoop the caches. */
  struct virtq_shadow *shadow;     /**< rx_size + tx_size elements. */
  struct virtioif_rxbuf *rxbufs;   /**< rx_buffers elements. */
  u16_t *rx_free_list;             /**< rx_buffers elements. */
  struct virtioif_txslot *txslots; /**< tx_size elements. */
};

/** Define static memory for one interface as a struct virtioif_memory called name. */
#define VIRTIOIF_MEMORY(name, rx_size, tx_size, rx_buffers)                                        \
  static u8_t name##_dma[VIRTIOIF_DMA_BYTES(rx_size, tx_size, rx_buffers)]                         \
      __attribute__((aligned(VIRTIOIF_DMA_ALIGN)));                                                \
  static struct virtq_shadow name##_shadow[(rx_size) + (tx_size)];                                 \
  static struct virtioif_rxbuf name##_rxbufs[rx_buffers];                                          \
  static u16_t name##_rx_free_list[rx_buffers];                                                    \
  static struct virtioif_txslot name##_txslots[tx_size];                                           \
  static const struct virtioif_memory name = {                                                     \
      rx_size,       tx_size,       rx_buffers,          name##_dma,                               \
      name##_shadow, name##_rxbufs, name##_rx_free_list, name##_txslots}

/** What virtioif_init() is told, as the state argument of netif_add(). May go away afterwards. */
struct virtioif_params {
  struct virtioif *vif;                 /**< The interface's state, uninitialized; must not move. */
  struct virtio_device *dev;            /**< A probed device with device_id VIRTIO_ID_NET. */
  const struct virtioif_memory *memory; /**< Its memory, which must outlive the interface. */
  u8_t mac[6];      /**< Address to use if the device gives none; all zero: see mac_random. */
  bool mac_random;  /**< If neither the device nor mac gives an address, make up a local one with
                         LWIP_RAND(): only if that is seeded from a real source of entropy, and not
                         with the same number at each boot or on each machine. */
  bool rx_copy_all; /**< Copy every received frame, so that lwIP never parses memory that the
                         device can still write: for a host that is not trusted. */
  bool bridged; /**< The interface becomes a port of a bridge, or an input function, hook or raw pcb
                     sends frames on: large receive is declined, for what comes in must fit the
                     other ports, and checksum offload both ways, for the bridge's own interface
                     makes and checks checksums. */
  u16_t tso_pieces_max; /**< Most pieces of one large frame, 2 to VIRTIOIF_TSO_PIECES; 0: that. */
  u64_t features_off;   /**< VIRTIO_F_..., VIRTIO_NET_F_... masks not to negotiate. */
  /** Told of each event, for a log; may be NULL. May run deep inside lwIP: it should note or print
   * the event and call nothing of lwIP's nor of virtioif's but virtioif_event_text() and
   * virtioif_init_error(). */
  void (*event)(struct netif *netif, enum virtioif_event event);
};

/** Where an interface stands with its device. Private. */
enum virtioif_state {
  VIRTIOIF_LIVE,     /**< It works. */
  VIRTIOIF_BROKEN,   /**< It failed; the next poll resets it. */
  VIRTIOIF_STOPPED,  /**< It is to be started again. */
  VIRTIOIF_GIVEN_UP, /**< It is left alone. */
  VIRTIOIF_REMOVED,  /**< virtioif_remove() was called. */
};

/** The way back to a device that works. Private. */
struct virtioif_recovery {
  u32_t retry_at_ms;   /**< Time of the next attempt. */
  u32_t started_at_ms; /**< Time of the last that worked. */
  u8_t attempts;       /**< How many there were since the device last ran for a while. */
  bool may_give_up;    /**< There is a last attempt. */
};

/** The transmit watchdog. Private. */
struct virtioif_tx_watch {
  u32_t since_ms;    /**< Time of the first poll without progress. */
  u16_t old;         /**< Frames on their way that are of the generation before. */
  u8_t generation;   /**< Of frames that are sent now. */
  u8_t polls;        /**< Polls since an old frame came back. */
  bool kicked_again; /**< The device was notified once more. */
};

/** A received frame of which some buffers are still missing. Private. */
struct virtioif_rx_part {
  struct pbuf *first;                /**< Its pbufs so far; NULL if there is no such frame. */
  struct pbuf *last;                 /**< The last of them. */
  u32_t len;                         /**< Bytes so far. */
  u16_t missing;                     /**< Buffers that have yet to come. */
  bool bad;                          /**< Too long, or with an impossible buffer. */
  struct virtio_net_offload offload; /**< What its header says. */
};

/** What a frame carries, as far as checksums and large send are concerned. Private. */
struct virtioif_packet {
  u8_t proto;     /**< IP_PROTO_TCP, IP_PROTO_UDP, ...; 0 if it is no plain IP packet. */
  bool ipv6;      /**< IPv6 rather than IPv4. */
  bool fragment;  /**< Only a part of an IPv4 datagram. */
  u16_t ip_start; /**< Offset in the frame of the IP header. */
  u16_t l4_start; /**< Offset in the frame of the transport header. */
  u16_t l4_len;   /**< Bytes from there to the end of the IP packet. */
  u16_t
      sum_at; /**< Offset in the frame of a checksum that is ours to fill in; 0 if there is none. */
};

/** TCP segments that are being joined into one frame. Private. */
struct virtioif_run {
  u16_t segments;                /**< How many; 0: no run is open. */
  u16_t first_slot;              /**< Slot of the first segment. */
  u16_t last_slot;               /**< Slot of the last segment. */
  struct pbuf *first;            /**< The first segment's frame. */
  struct virtioif_packet packet; /**< Where its headers are. */
  u16_t hdr_len;                 /**< Bytes of all headers. */
  u16_t gso_size;                /**< Payload of each segment but the last. */
  u32_t payload;                 /**< Payload of all segments. */
  u32_t next_seq;                /**< Sequence number that continues it. */
  u16_t next_id;                 /**< IPv4 ID that continues it. */
  u8_t flags;                    /**< TCP flags of all segments. */
  u16_t payload_pieces;          /**< Pieces of the first segment's payload. */
  u16_t pieces;                  /**< Pieces in sg. */
  struct virtq_sg sg[VIRTIOIF_TSO ? VIRTIOIF_TSO_PIECES : 1]; /**< Header and payloads. */
  struct virtio_net_offload offload;                          /**< What the header will say. */
};

/** State of one interface. The caller's memory; private. */
struct virtioif {
  struct virtio_net net;     /**< The device. */
  struct virtio_device *dev; /**< The same for virtioif_isr(): a reset fills in net anew. */
  struct netif *netif;       /**< The interface above. */
  const struct virtioif_memory *memory; /**< The caller's memory. */
  u8_t *tx_mem;                         /**< Transmit slot 0. */
  u16_t *rx_free_list;                  /**< The free receive buffers: their numbers. */
  u16_t rx_free;                        /**< How many there are. */
  u16_t rx_held;                        /**< Receive buffers that lwIP holds. */
  u16_t rx_held_max;                    /**< How many it may hold. */
  u16_t tx_free_head;                   /**< First free transmit slot. */
  u16_t tx_free;                        /**< Transmit slots on that list. */
  u16_t tso_pieces_max;                 /**< Most pieces of one large frame. */
  u16_t csum_rest;                      /**< lwIP's checksum flags between frames. */
  u16_t csum_check;                     /**< The same during a frame that lwIP has to check. */
  u16_t csum_good;                      /**< The same during one that the device vouches for. */
  u32_t tx_tables_free;                 /**< Indirect tables, a bit each. */
  u8_t *tx_tables;                      /**< Indirect table 0. */
  struct virtioif_rx_part rx_part;      /**< A frame that is not whole yet. */
  struct virtioif_run run;              /**< Segments kept back for one frame. */
  bool rx_copy_all;                     /**< virtioif_params::rx_copy_all */
  bool acks_held;                       /**< Some connection owes its peer an ACK. */
  bool corked;                          /**< Frames are kept back for one notification. */
  bool tx_armed;                        /**< Full queue or endless sleep: its interrupt is armed. */
  bool tx_reaped;                       /**< Since then a frame was finished. */
  bool tso;                             /**< Large send was negotiated. */
  bool mtu_sank;                        /**< It was larger when some connections began. */
  enum virtioif_state state;            /**< Whether the device works. */
  struct virtioif_recovery recovery;    /**< What is done about it if not. */
  struct virtioif_tx_watch tx_watch;    /**< Whether it still sends. */
  volatile bool interrupted;            /**< Set by virtioif_isr(), cleared before a poll works. */
  volatile u16_t strays;                /**< Interrupts without a cause since the last poll. */
  volatile bool config_changed;         /**< The same for a configuration change. */
  u16_t tso_pieces_wanted;              /**< tso_pieces_max where the queue takes as many. */
  u64_t features;                       /**< Feature bits that may be negotiated. */
  int start_error;                      /**< Of the last start: enum virtio_err and one more. */
  void (*event)(struct netif *, enum virtioif_event); /**< virtioif_params::event */
  struct virtioif_stats stats;                        /**< The counters. */
};

/**
 * Bring the device up and fill in the netif: the init argument of netif_add().
 *
 * Receive buffers are posted before the device goes live. The link state follows the device from
 * here on; name "vi", MTU and address are set.
 *
 * netif->input has to deal with a frame before it returns, as ethernet_input does: which checksums
 * lwIP checks is set frame by frame. With tcpip_input, which queues the frame, checksum offload is
 * declined, and a router's (IP_FORWARD) interface is refused; with a function of your own that
 * queues, decline it yourself by features_off = VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM.
 *
 * @param netif being added; netif->state is a struct virtioif_params
 * @return ERR_OK; ERR_ARG: a parameter is missing or out of range, or the input function will not
 *         do; ERR_IF: the device is of no use: see virtioif_init_error()
 */
err_t virtioif_init(struct netif *netif);

/**
 * Why the last virtioif_init() with this state failed, or the last attempt to start the device
 * again, in words, for a log.
 *
 * @param vif the state
 * @return a constant string
 */
const char *virtioif_init_error(const struct virtioif *vif);

/**
 * Do all work that is due: link changes, finished transmissions, up to budget received frames, new
 * receive buffers, packets looped back to own addresses. The device is notified once a queue at the
 * end, and in between only when the transmit queue is full.
 *
 * @param netif  an interface made by virtioif_init()
 * @param budget receive buffers to take in this call, 1 to 65535, and what finishes the last frame;
 *               64 is a good number
 * @return true: there is more to do, call again before sleeping; false: all is done and the device
 *         will interrupt when there is more, or it has failed and is tried again in a while
 */
bool virtioif_poll(struct netif *netif, u16_t budget);

/**
 * Whether the interface has nothing to do, to be asked with interrupts masked right before
 * sleeping.
 *
 * @param netif an interface made by virtioif_init()
 * @return false: call virtioif_poll() again instead of sleeping. Since it was called an interrupt
 *         came, a packet was looped back, or frames are kept back by virtioif_cork(); or a device
 *         that failed is to be tried again by now; or lwIP sleeps without a limit, and sent frames
 *         can be given back to it
 */
bool virtioif_idle(struct netif *netif);

/**
 * Begin a burst: frames sent from here on are kept back until virtioif_flush(), the next
 * virtioif_poll(), or until the queue is full, and cost one notification together. Without it, a
 * frame sent outside virtioif_poll() is notified at once.
 *
 * @param netif an interface made by virtioif_init()
 */
void virtioif_cork(struct netif *netif);

/**
 * End a burst: the device sees all frames sent since virtioif_cork().
 *
 * @param netif an interface made by virtioif_init()
 */
void virtioif_flush(struct netif *netif);

/**
 * The interrupt handler's part: acknowledge the device and remember the cause. Touches no queue and
 * nothing of lwIP; virtioif_poll() does the work. Call it from the handler, or from the main loop.
 *
 * A line that stays high although the device has nothing to say is noticed after 1000 interrupts
 * without a poll in between, and if none comes for 1000 more the device is reset.
 *
 * @param netif an interface made by virtioif_init()
 * @return true if the interrupt was this device's, or so many were nobody's that virtioif_poll()
 *         should have a look
 */
bool virtioif_isr(struct netif *netif);

/**
 * Reset the device and bring it up again, with the next virtioif_poll(): for a device that seems to
 * work and does not, or one that was given up. The link goes down and up, connections go on, what
 * was on its way out is lost.
 *
 * @param netif an interface made by virtioif_init()
 */
void virtioif_reset(struct netif *netif);

/**
 * Remove the interface: netif_remove(), what is on its way out is sent if the device still sends,
 * and the device is reset. Not from inside virtioif_poll(), that is, from a callback of lwIP. The
 * device's interrupt has to be masked before.
 *
 * @param netif an interface made by virtioif_init(); afterwards only virtioif_rx_usage() and
 *              virtioif_stats() may be called for it
 * @return ERR_OK: all memory is the caller's again; ERR_INPROGRESS: lwIP or the application still
 *         holds received pbufs, and memory and state have to stay until virtioif_rx_usage() says
 *         held == 0; ERR_TIMEOUT: the reset never ended, the device may still write to the memory
 */
err_t virtioif_remove(struct netif *netif);

/**
 * An event in words, for a log.
 *
 * @param event any value
 * @return a constant string
 */
const char *virtioif_event_text(enum virtioif_event event);

/**
 * The counters.
 *
 * @param netif an interface made by virtioif_init()
 * @return valid as long as the interface; read in the core context
 */
const struct virtioif_stats *virtioif_stats(const struct netif *netif);

/**
 * How many frames virtioif was given and the device was not yet seen to have read. When it is 0,
 * none of them is looked at any more: memory given to tcp_write() without TCP_WRITE_FLAG_COPY may
 * be used again once the connection is gone, too. What lwIP itself keeps back, until a station
 * answers an ARP or a neighbour discovery request, is not known here.
 *
 * @param netif an interface made by virtioif_init()
 * @return frames; read in the core context
 */
u16_t virtioif_tx_in_flight(const struct netif *netif);

/**
 * Where the receive buffers are.
 *
 * @param netif an interface made by virtioif_init()
 * @return a snapshot; read in the core context
 */
struct virtioif_rx_usage virtioif_rx_usage(const struct netif *netif);

#ifdef __cplusplus
}
#endif

#endif /* LWIP_HDR_NETIF_VIRTIOIF_H */
