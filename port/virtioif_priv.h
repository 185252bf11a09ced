/*
 * virtioif_priv.h: how the parts of virtioif see each other. Not for users.
 *
 *   virtioif.c         the netif: bring-up, poll, link, interrupt
 *   virtioif_recover.c a device that failed: reset, start again, give up
 *   virtioif_rx.c      receive buffers and received frames
 *   virtioif_tx.c      transmit slots and frames sent one by one
 *   virtioif_tso.c     runs of TCP segments sent as one large frame
 *   virtioif_loop.c    packets to own addresses
 *   virtioif_csum.c    who computes and who checks which checksum
 *   virtioif_chksum.c  the Internet checksum in software
 *   virtioif_hooks.c   hooks for lwipopts.h
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef VIRTIOIF_PRIV_H
#define VIRTIOIF_PRIV_H

#include "netif/virtioif.h"

/** lwIP routes packets from one interface to another. */
#define VIRTIOIF_FORWARDS (IP_FORWARD || LWIP_IPV6_FORWARD)

/** The state behind a netif that virtioif_init() made. */
static inline struct virtioif *virtioif_of(const struct netif *netif)
{
  return (struct virtioif *)netif->state;
}

/** True if the feature was negotiated. */
static inline bool virtioif_has(const struct virtioif *vif, u64_t feature)
{
  return virtio_has(vif->net.dev, feature);
}

/*
 * virtioif.c
 */

/** A start error beside those of enum virtio_err: nobody gave the interface an address. */
#define VIRTIOIF_ERR_NO_ADDRESS 1

/** Bring the device up, for the first time or after a reset, and give it receive buffers. Returns
 * an enum virtio_err or VIRTIOIF_ERR_NO_ADDRESS; virtioif_init_error() puts it into words. */
VIRTIO_COLD int virtioif_start(struct virtioif *vif);

/** Tell lwIP of the link, if it is news. */
VIRTIO_COLD void virtioif_link_changed(struct virtioif *vif, bool up);

/*
 * virtioif_recover.c
 */

/** True while the device works. Otherwise it is not to be touched. */
static inline bool virtioif_is_live(const struct virtioif *vif)
{
  return vif->state == VIRTIOIF_LIVE;
}

/** The device is of no use without a reset. That is the next poll's work, not done here, which may
 * be deep inside lwIP's output. */
VIRTIO_COLD void virtioif_device_failed(struct virtioif *vif, enum virtioif_event why);

/** Bring a failed device a step further. True: it is live again. */
VIRTIO_COLD bool virtioif_recover(struct virtioif *vif);

/** True if virtioif_recover() has something to do by now. */
bool virtioif_recovery_is_due(const struct virtioif *vif);

/** Once a poll: whether the device still sends, and has worked for long enough to be trusted anew.
 */
void virtioif_watch(struct virtioif *vif);

/*
 * virtioif_loop.c
 */

/** Give lwIP the packets that it has sent to itself, those of all interfaces. */
void virtioif_loop_poll(void);

/** True if there are any. */
bool virtioif_loop_pending(void);

/** Free those of an interface. */
VIRTIO_COLD void virtioif_loop_drop(struct netif *netif);

/*
 * virtioif_rx.c
 */

/** Put all receive buffers on the free list. */
VIRTIO_COLD void virtioif_rx_init(struct virtioif *vif);

/** Post free buffers while the queue takes them; the device sees them at the next kick. */
void virtioif_rx_refill(struct virtioif *vif);

/** Hand frames to lwIP until budget receive buffers were taken, or a few more to finish a frame.
 * Returns how many. */
u16_t virtioif_rx_receive(struct virtioif *vif, u16_t budget);

/** Take all buffers back from a device that was reset. */
VIRTIO_COLD void virtioif_rx_reclaim(struct virtioif *vif);

/** Give up the frame of which some buffers are still missing. */
VIRTIO_COLD void virtioif_rx_abandon(struct virtioif *vif);

/** True if p is one of the receive buffers: its memory stays as it is while it is referenced. */
bool virtioif_is_rxbuf(const struct pbuf *p);

/*
 * virtioif_tx.c
 */

/** Put all transmit slots and tables on their free lists. */
VIRTIO_COLD void virtioif_tx_init(struct virtioif *vif);

/** The netif's linkoutput. */
err_t virtioif_linkoutput(struct netif *netif, struct pbuf *p);

/** Drop the references to all frames that the device has read. */
void virtioif_tx_reap(struct virtioif *vif);

/** Drop the references to all other frames, too: the device was reset. */
VIRTIO_COLD void virtioif_tx_reclaim(struct virtioif *vif);

/** Give the device all frames added so far. */
void virtioif_tx_kick(struct virtioif *vif);

/** Find a free slot and so many descriptors, without waiting. False: there are none; the interrupt
 * is armed, so that the poll after the next completion can let TCP go on. */
bool virtioif_tx_make_room(struct virtioif *vif, unsigned pieces);

/** Take a free slot; after virtioif_tx_make_room(). */
u16_t virtioif_txslot_pop(struct virtioif *vif);

/** Where the copy of a frame goes in a slot's memory; virtio_net_hdr ends right before it. */
u8_t *virtioif_txslot_frame(const struct virtioif *vif, u16_t slot);

/** Give back the slots of a frame that is done, or will not be sent, with what they hold. */
void virtioif_tx_release(struct virtioif *vif, u16_t slot);

/** A pbuf with more references than this is copied: lwIP counts them in a byte, as a rule, and
 * nobody else bounds in how many frames at a time the same payload may be. */
#define VIRTIOIF_REFERENCES_MAX ((LWIP_PBUF_REF_T)-1 / 2)

/** List the pieces of p from byte offset on in sg, which has room for max. Returns how many, or -1
 * if there are more, or memory among them that its owner may reuse at once, or that is in a great
 * many frames. */
int virtioif_tx_pieces(struct pbuf *p, u16_t offset, struct virtq_sg *sg, unsigned max);

/** Most pieces of a frame sent by itself; one that is more scattered is copied. */
#define VIRTIOIF_FRAME_PIECES 16u

/** Describe a frame in the cheapest way there is: in place, or copied as a whole. What has to live
 * until the device has read it hangs on the slot. packet is NULL if the headers are spread. Returns
 * the number of pieces in sg, or 0 if there is no memory for it. */
unsigned virtioif_tx_describe(struct virtioif *vif, struct pbuf *p,
                              const struct virtioif_packet *packet, u16_t slot, struct virtq_sg *sg,
                              struct virtio_net_offload *offload);

/*
 * virtioif_tso.c: not there with VIRTIOIF_TSO 0
 */

/** True if a run is open, which the next frame of its connection may join. */
static inline bool virtioif_tso_is_open(const struct virtioif *vif)
{
  return vif->run.segments > 0;
}

/** True if a frame may open a run: large send was negotiated and a lap is on. */
static inline bool virtioif_tso_may_open(const struct virtioif *vif)
{
  return vif->tso && vif->corked;
}

/** Add a frame to the open run. False: it does not continue it, and the run is closed. */
bool virtioif_tso_join(struct virtioif *vif, struct pbuf *p);

/** Open a run with a frame. False: the frame is to be sent by itself. */
bool virtioif_tso_open(struct virtioif *vif, struct pbuf *p, const struct virtioif_packet *packet);

/** Queue the open run. */
void virtioif_tso_close(struct virtioif *vif);

/** Give up the open run, if there is one: its segments are lost. */
VIRTIO_COLD void virtioif_tso_abandon(struct virtioif *vif);

/** Forget all runs and put all indirect tables on their free list. */
VIRTIO_COLD void virtioif_tso_init(struct virtioif *vif);

/** Give an indirect table back. */
void virtioif_tso_free_table(struct virtioif *vif, u16_t table);

/*
 * virtioif_hooks.c
 */

/** Put path MTUs right that cannot be: lwIP believes any. Over one that is too small it goes round
 * for ever with fragments of no length; with one that is too large nothing long leaves any more.
 * After a frame that may have told of one. */
#if LWIP_IPV6
VIRTIO_COLD void virtioif_mend_path_mtu(void);
#else
static inline void virtioif_mend_path_mtu(void)
{
}
#endif

/** Send the ACKs that were held back while more frames were there to be received. */
void virtioif_ack_held(struct virtioif *vif);

/*
 * virtioif_chksum.c
 */

/** LWIP_CHKSUM: the sum over len bytes, folded, not inverted, in memory's byte order. */
u16_t virtioif_chksum(const void *data, int len);

/*
 * virtioif_csum.c
 */

/** The sum over addresses, protocol and length that a transport checksum starts with, folded and in
 * network byte order. */
u16_t virtioif_pseudo_sum(const u8_t *frame, const struct virtioif_packet *packet, u16_t l4_len);

/** True if this is a router's build and the frame is to go on to somebody else. */
#if VIRTIOIF_FORWARDS
bool virtioif_is_foreign(const u8_t *frame, u16_t len);
#else
static inline bool virtioif_is_foreign(const u8_t *frame, u16_t len)
{
  LWIP_UNUSED_ARG(frame);
  LWIP_UNUSED_ARG(len);
  return false;
}
#endif

/** Decide who computes and who checks checksums on this interface, from what was negotiated. */
VIRTIO_COLD void virtioif_csum_init(struct virtioif *vif);

/** False: received checksums could not be checked with this input function. A router's are checked
 * up to virtioif_csum_rx_end() alone, because what it makes and sends to itself has no sum. */
#if IP_FORWARD && LWIP_CHECKSUM_CTRL_PER_NETIF
VIRTIO_COLD bool virtioif_csum_can_check(const struct netif *netif);
#else
static inline bool virtioif_csum_can_check(const struct netif *netif)
{
  LWIP_UNUSED_ARG(netif);
  return true;
}
#endif

/** The features that the checksum code of this build can work with. */
VIRTIO_COLD u64_t virtioif_csum_features(const struct netif *netif);

/** Look at a frame that is about to be sent: what it is and whether a checksum is missing. False:
 * its headers are spread over several pbufs, try again with the frame in one. */
bool virtioif_csum_parse(const struct virtioif *vif, const struct pbuf *p,
                         struct virtioif_packet *packet);

/** Fill in what is missing of a frame's checksums, or leave that to the device: *offload says so.
 */
void virtioif_csum_tx(const struct virtioif *vif, struct pbuf *p,
                      const struct virtioif_packet *packet, struct virtio_net_offload *offload);

/** Switch on just those of lwIP's checks that the device has not made of a received frame, and fill
 * in a sum that was left out where somebody may look at it. True: the frame is plain TCP or UDP,
 * and the device vouches for its sum. The checks stay so until virtioif_csum_rx_end(), which comes
 * behind the last frame of a poll. */
#if LWIP_CHECKSUM_CTRL_PER_NETIF
bool virtioif_csum_rx(const struct virtioif *vif, struct pbuf *p,
                      const struct virtio_net_offload *offload);
void virtioif_csum_rx_end(const struct virtioif *vif);
#else
static inline bool virtioif_csum_rx(const struct virtioif *vif, struct pbuf *p,
                                    const struct virtio_net_offload *offload)
{
  LWIP_UNUSED_ARG(vif);
  LWIP_UNUSED_ARG(p);
  LWIP_UNUSED_ARG(offload);
  return false;
}

static inline void virtioif_csum_rx_end(const struct virtioif *vif)
{
  LWIP_UNUSED_ARG(vif);
}
#endif

/** Hand lwIP any other frame. It may tell of a path MTU, which is put right afterwards. */
err_t virtioif_csum_input_any(struct netif *netif, struct pbuf *p);

#endif /* VIRTIOIF_PRIV_H */
