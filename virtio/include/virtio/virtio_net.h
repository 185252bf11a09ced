/*
 * virtio_net.h: the "Network Device", as frames in and out of two virtqueues. Knows no stack: it
 * moves frames between the device and numbered pieces of memory that the caller owns.
 *
 * Usage:
 *  1. Probe a transport (virtio_mmio.h) until one has device_id VIRTIO_ID_NET.
 *  2. virtio_net_init(): features, configuration, queues.
 *  3. virtio_net_rx_post() for as many receive buffers as fit. They stay posted: the device can
 *     deliver nothing before this and whenever there are none.
 *  4. virtio_net_start(): the device is live.
 *  5. virtio_net_rx_take(), and virtio_net_rx_post() each buffer again; virtio_net_tx_add() and
 *     virtio_net_tx_take(); virtio_net_kick() each queue at the end of a batch.
 *
 * Calling context: the main loop, or the one thread that owns the device.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef VIRTIO_VIRTIO_NET_H
#define VIRTIO_VIRTIO_NET_H

#include "virtio/virtq.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Feature bits, "Network Device / Feature bits", as masks. */
#define VIRTIO_NET_F_CSUM       (UINT64_C(1) << 0)
#define VIRTIO_NET_F_GUEST_CSUM (UINT64_C(1) << 1)
#define VIRTIO_NET_F_MTU        (UINT64_C(1) << 3)
#define VIRTIO_NET_F_MAC        (UINT64_C(1) << 5)
#define VIRTIO_NET_F_GUEST_TSO4 (UINT64_C(1) << 7)
#define VIRTIO_NET_F_GUEST_TSO6 (UINT64_C(1) << 8)
#define VIRTIO_NET_F_GUEST_ECN  (UINT64_C(1) << 9)
#define VIRTIO_NET_F_HOST_TSO4  (UINT64_C(1) << 11)
#define VIRTIO_NET_F_HOST_TSO6  (UINT64_C(1) << 12)
#define VIRTIO_NET_F_HOST_ECN   (UINT64_C(1) << 13)
/** Features of large receive: segments of up to 64 KiB. A device that finds no room for one in all
 * buffers of the queue together waits with it, and all behind it, for ever: see
 * VIRTIO_NET_RX_LARGE_BYTES. */
#define VIRTIO_NET_F_GUEST_LARGE                                                                   \
  (VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6 | VIRTIO_NET_F_GUEST_ECN)
#define VIRTIO_NET_F_MRG_RXBUF      (UINT64_C(1) << 15)
#define VIRTIO_NET_F_STATUS         (UINT64_C(1) << 16)
#define VIRTIO_NET_F_GUEST_HDRLEN   (UINT64_C(1) << 59)

/* struct virtio_net_hdr, "Device Operation": flags. */
#define VIRTIO_NET_HDR_F_NEEDS_CSUM 1u
#define VIRTIO_NET_HDR_F_DATA_VALID 2u
#define VIRTIO_NET_HDR_F_RSC_INFO   4u

/* struct virtio_net_hdr, "Device Operation": gso_type. */
#define VIRTIO_NET_HDR_GSO_NONE     0u
#define VIRTIO_NET_HDR_GSO_TCPV4    1u
#define VIRTIO_NET_HDR_GSO_TCPV6    4u
#define VIRTIO_NET_HDR_GSO_TUNNEL   0x60u /**< Either bit: a packet within a packet. */
#define VIRTIO_NET_HDR_GSO_ECN      0x80u

/** Bytes of an Ethernet header without tags. */
#define VIRTIO_NET_ETH_HDR_BYTES    14u
/** Bytes of the longest struct virtio_net_hdr that this driver negotiates. */
#define VIRTIO_NET_HDR_BYTES_MAX    12u

/** Bytes of one receive buffer: the usual choice, unless memory is short or frames are large. */
#define VIRTIO_NET_RX_BUF_BYTES     2048u
/** The smallest receive buffer: an IP MTU of 1500 and a VLAN tag. */
#define VIRTIO_NET_RX_BUF_MIN       1536u
/** The largest receive buffer, whose bytes are counted in 16 bits. */
#define VIRTIO_NET_RX_BUF_MAX       65472u
/** Alignment of receive buffers. */
#define VIRTIO_NET_RX_BUF_ALIGN     64u
/**
 * Offset of the frame in a receive buffer. The header ends right before it, so the IP header
 * behind 14 bytes of Ethernet lies on a 4-byte boundary whatever the header's length is.
 */
#define VIRTIO_NET_RX_FRAME_OFFSET  14u
/** What all receive buffers that are posted have to hold together if large receive is negotiated,
 * the header included: "Setting Up Receive Buffers". */
#define VIRTIO_NET_RX_LARGE_BYTES   65562u
/** Smallest MTU that a device may report, "Device configuration layout". */
#define VIRTIO_NET_MTU_MIN          68u

/** The queue that receives, "Virtqueues". */
#define VIRTIO_NET_QUEUE_RX         0u
/** The queue that transmits. */
#define VIRTIO_NET_QUEUE_TX         1u

/** Bytes of ring memory for one network device; its alignment is VIRTQ_ALIGN. */
#define VIRTIO_NET_RING_BYTES(rx_size, tx_size)                                                    \
  (VIRTQ_RING_BYTES(rx_size) + VIRTQ_RING_BYTES(tx_size))

/** What a frame's header says beside the frame itself; all zero for a plain frame. */
struct virtio_net_offload {
  uint8_t flags;        /**< VIRTIO_NET_HDR_F_... */
  uint8_t gso_type;     /**< VIRTIO_NET_HDR_GSO_... */
  uint16_t hdr_len;     /**< Bytes of all headers up to the payload, exactly if gso_type is not
                             NONE (VIRTIO_NET_F_GUEST_HDRLEN); a hint when received. */
  uint16_t gso_size;    /**< Payload bytes of each segment. */
  uint16_t csum_start;  /**< Offset in the frame where the checksum begins. */
  uint16_t csum_offset; /**< Offset of the checksum field from csum_start. */
};

/** Memory and choices for virtio_net_init(). */
struct virtio_net_params {
  struct virtio_device *dev;   /**< A probed device with device_id VIRTIO_ID_NET. */
  uint64_t features;           /**< Mask of features to use, among VIRTIO_NET_FEATURES. */
  uint16_t rx_size;            /**< Wanted receive queue, a power of two from 2 to 32768. */
  uint16_t tx_size;            /**< Wanted transmit queue, a power of two from 2 to 32768. */
  void *ring;                  /**< VIRTIO_NET_RING_BYTES(rx_size, tx_size), device-visible. */
  struct virtq_shadow *shadow; /**< rx_size + tx_size elements, private. */
  uint8_t *rx_mem;             /**< Receive buffers, each rx_buf_bytes, in a row. */
  uint16_t rx_buf_bytes;       /**< Bytes of one: a multiple of VIRTIO_NET_RX_BUF_ALIGN from
                                    VIRTIO_NET_RX_BUF_MIN to VIRTIO_NET_RX_BUF_MAX, say
                                    VIRTIO_NET_RX_BUF_BYTES. */
};

/** All features that this driver can use; virtio_net_params::features may be any subset. */
#define VIRTIO_NET_FEATURES                                                                        \
  (VIRTIO_F_ANY_LAYOUT | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1 |        \
   VIRTIO_F_ACCESS_PLATFORM | VIRTIO_F_ORDER_PLATFORM | VIRTIO_NET_F_CSUM |                        \
   VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_MTU | VIRTIO_NET_F_MAC | VIRTIO_NET_F_GUEST_TSO4 |       \
   VIRTIO_NET_F_GUEST_TSO6 | VIRTIO_NET_F_GUEST_ECN | VIRTIO_NET_F_HOST_TSO4 |                     \
   VIRTIO_NET_F_HOST_TSO6 | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_STATUS |                         \
   VIRTIO_NET_F_GUEST_HDRLEN)

/** One network device. The caller's memory; read-only outside virtio_net.c. */
struct virtio_net {
  struct virtio_device *dev; /**< The device below. */
  struct virtq rx;           /**< receiveq1 */
  struct virtq tx;           /**< transmitq1 */
  struct virtq_pool rx_pool; /**< The receive buffers, each from the header on. */
  uint8_t hdr_bytes;         /**< Length of struct virtio_net_hdr as negotiated: 10 or 12. */
  bool header_apart;         /**< Legacy framing: the header needs a descriptor of its own. */
  bool rx_sums;              /**< What a received header says of checksums counts. */
  bool rx_merges;            /**< What it says of buffers counts. */
  bool has_mac;              /**< The device gave an address. */
  uint8_t mac[6];            /**< That address. */
  bool link_up;              /**< Link state; always up if the device does not report it. */
  uint16_t mtu;              /**< The device's IP MTU, from 68 to what a receive buffer holds; 0 if
                                  none. */
};

/** Length in bytes of struct virtio_net_hdr as negotiated. A constant without the legacy interface.
 */
static inline uint32_t virtio_net_hdr_bytes(const struct virtio_net *net)
{
  return VIRTIO_LEGACY ? net->hdr_bytes : VIRTIO_NET_HDR_BYTES_MAX;
}

/** Length in bytes of the longest frame that one receive buffer holds. */
static inline uint32_t virtio_net_rx_frame_max(const struct virtio_net *net)
{
  return net->rx_pool.len - virtio_net_hdr_bytes(net);
}

/** True if the header needs a descriptor of its own. Never without the legacy interface. */
static inline bool virtio_net_header_is_apart(const struct virtio_net *net)
{
  return VIRTIO_LEGACY && net->header_apart;
}

/** A receive buffer that the device has filled. */
struct virtio_net_rx {
  uint16_t buffer;  /**< Which receive buffer: the caller's again. */
  uint16_t buffers; /**< How many buffers the frame takes, this one included; 1 unless
                         VIRTIO_NET_F_MRG_RXBUF was negotiated. Not checked; set if len is not 0. */
  uint8_t *data;    /**< First byte of the frame, or of its continuation. */
  uint16_t len;     /**< Bytes of the frame in this buffer; 0 if the buffer is bad. */
  /** What the header says, not checked; set if len is not 0. flags are 0 unless
   * VIRTIO_NET_F_GUEST_CSUM was negotiated. */
  struct virtio_net_offload offload;
};

/**
 * Bring the device up to the point where buffers can be posted: reset, features, configuration,
 * queues. A queue is made smaller if the device cannot do the wanted size. On failure the device
 * is left with FAILED set.
 *
 * @param net    filled on success
 * @param params memory and choices; the memory must outlive the device's use of it
 * @return VIRTIO_OK; VIRTIO_ERR_ARG: a parameter is out of range; VIRTIO_ERR_FEATURES: no agreement
 *         on features; VIRTIO_ERR_TIMEOUT: reset or configuration never settled;
 *         VIRTIO_ERR_DEVICE: a queue is missing, too small, or was not accepted
 */
int virtio_net_init(struct virtio_net *net, const struct virtio_net_params *params);

/** Set DRIVER_OK and kick the receive queue for the buffers posted so far. Call
 * virtio_net_update_link() once afterwards: a device need not tell of a change before. */
void virtio_net_start(struct virtio_net *net);

/**
 * Give the device receive buffers to fill, as many as the queue takes. It sees them at the next
 * virtio_net_kick().
 *
 * @param net     an initialized device
 * @param buffers their numbers, below 65535 and not posted already; the last one is posted first
 * @param count   how many there are
 * @return how many the queue did not take: those at the start of buffers
 */
unsigned virtio_net_rx_post(struct virtio_net *net, const uint16_t *buffers, unsigned count);

/**
 * Take the next receive buffer, in which a frame starts, with the header stripped.
 *
 * A frame that is shorter than its headers or longer than its buffer leaves rx->len at 0: count it
 * and post the buffer again.
 *
 * @param net a started device
 * @param rx  the frame; the buffer belongs to the caller until it is posted again
 * @return 1 with *rx filled; 0 if there is none; VIRTIO_ERR_DEVICE if the queue is broken
 */
int virtio_net_rx_take(struct virtio_net *net, struct virtio_net_rx *rx);

/** True if the device is known to have filled another receive buffer already. */
static inline bool virtio_net_rx_more(const struct virtio_net *net)
{
  return virtq_more(&net->rx);
}

/**
 * Take the next receive buffer, in which a frame goes on that the one before said is longer.
 *
 * @param net a started device with VIRTIO_NET_F_MRG_RXBUF
 * @param rx  the continuation: buffer, data and len are set, len is 0 if the buffer is bad
 * @return as virtio_net_rx_take()
 */
int virtio_net_rx_take_more(struct virtio_net *net, struct virtio_net_rx *rx);

/**
 * Queue one frame for transmission. The device sees it at the next virtio_net_kick().
 *
 * @param net     a started device
 * @param sg      the frame. sg[0] starts with net->hdr_bytes bytes that are overwritten with the
 *                header and, if net->header_apart, holds nothing else; the frame follows
 * @param count   pieces, 1 up to the size of the queue
 * @param offload what the header is to say; its features must have been negotiated
 * @param token   any number, returned by virtio_net_tx_take()
 * @param table   NULL: one descriptor a piece. Else VIRTQ_TABLE_BYTES(count) of device-visible
 *                memory, aligned to 16, which lets the frame take one descriptor; only with
 *                VIRTIO_F_INDIRECT_DESC
 * @return VIRTIO_OK: the memory is the device's to read until the token comes back;
 *         VIRTIO_ERR_FULL: no room for so many pieces, nothing was changed
 */
int virtio_net_tx_add(struct virtio_net *net, const struct virtq_sg *sg, unsigned count,
                      const struct virtio_net_offload *offload, uint16_t token, void *table);

/**
 * Take back the next transmitted frame.
 *
 * @param net   a started device
 * @param token what virtio_net_tx_add() was given
 * @return 1 with *token set; 0 if there is none; VIRTIO_ERR_DEVICE if the queue is broken
 */
static inline int virtio_net_tx_take(struct virtio_net *net, uint16_t *token)
{
  struct virtq_done done;
  int got = virtq_take(&net->tx, &done);
  if (got == 1) {
    *token = done.token; /* nothing was written, whatever the length says */
  }
  return got;
}

/**
 * Publish what was added to a queue and notify the device if it wants that.
 *
 * @param net a started device
 * @param vq  &net->rx or &net->tx
 * @return true if the device was notified
 */
bool virtio_net_kick(struct virtio_net *net, struct virtq *vq);

/**
 * Read link state again, after a configuration change: "Device configuration layout".
 *
 * @param net a started device
 * @return VIRTIO_OK with net->link_up current, or VIRTIO_ERR_TIMEOUT with net->link_up as it was
 */
int virtio_net_update_link(struct virtio_net *net);

#ifdef __cplusplus
}
#endif

#endif /* VIRTIO_VIRTIO_NET_H */
