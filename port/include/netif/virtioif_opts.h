/*
 * virtioif_opts.h: compile-time options of virtioif. Define any of them in lwipopts.h, or on the
 * compiler's command line, to override the default. What may differ from one interface to the next
 * is not here but a field of struct virtioif_params.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef LWIP_HDR_NETIF_VIRTIOIF_OPTS_H
#define LWIP_HDR_NETIF_VIRTIOIF_OPTS_H

#include "lwip/opt.h"
#include <stdint.h>

/**
 * VIRTIOIF_DEBUG: messages about link changes and each enum virtioif_event, through LWIP_DEBUGF.
 * LWIP_DBG_OFF or LWIP_DBG_ON.
 */
#ifndef VIRTIOIF_DEBUG
#define VIRTIOIF_DEBUG LWIP_DBG_OFF
#endif

/**
 * VIRTIOIF_RX_BUF_BYTES: bytes of one receive buffer, a multiple of 64 from 1536 to 65472. The
 * smallest takes frames of an IP MTU of 1500. With large receive a frame of up to 64 KiB takes as
 * many as it needs, and each costs the device and lwIP some work: 8192 is quicker there. A frame
 * takes a whole buffer, however short it is, and where the device does not snoop the caches a
 * buffer is invalidated as a whole.
 */
#ifndef VIRTIOIF_RX_BUF_BYTES
#define VIRTIOIF_RX_BUF_BYTES 2048
#endif

/**
 * VIRTIOIF_MTU: largest IP MTU in bytes, and the MTU when the device does not report one. The frame
 * is 14 bytes longer, and 4 more with a VLAN tag. Range 1280 (IPv6) or 576 (IPv4 only) to what a
 * receive buffer holds, which is VIRTIOIF_RX_BUF_BYTES - 28, or with tags - 32.
 */
#ifndef VIRTIOIF_MTU
#define VIRTIOIF_MTU 1500
#endif

/**
 * VIRTIOIF_TX_COPY_BYTES: frames up to this length are copied into the transmit slot, so their pbuf
 * is the sender's again at once. Longer frames are sent from the pbuf's own memory. It is also the
 * size of a slot, of which there are as many as transmit descriptors. Range 64 to 1514.
 */
#ifndef VIRTIOIF_TX_COPY_BYTES
#define VIRTIOIF_TX_COPY_BYTES 192
#endif

/**
 * VIRTIOIF_RX_COPY_BYTES: once lwIP holds half of the receive buffers that it may hold, frames up
 * to this length are copied into PBUF_POOL, so their buffer goes back to the device at once. Longer
 * frames are handed to lwIP in place until it holds all it may. Range 0 to VIRTIOIF_RX_BUF_BYTES;
 * see also virtioif_params::rx_copy_all.
 */
#ifndef VIRTIOIF_RX_COPY_BYTES
#define VIRTIOIF_RX_COPY_BYTES 256
#endif

/**
 * VIRTIOIF_TSO: large send, several TCP segments in one frame that the device cuts. 0 leaves its
 * code and its memory out. 0 or 1.
 */
#ifndef VIRTIOIF_TSO
#define VIRTIOIF_TSO 1
#endif

/**
 * VIRTIOIF_LRO: large receive, frames of up to 64 KiB over several receive buffers. 0 leaves its
 * code out. 0 or 1.
 */
#ifndef VIRTIOIF_LRO
#define VIRTIOIF_LRO 1
#endif

/**
 * VIRTIOIF_TSO_PIECES: most pieces of one large frame: its headers and a piece or two for each TCP
 * segment joined. More than 46 are of no use where a segment is one piece of 1460 bytes. Costs 16
 * bytes each in the state and in each indirect table. Range 18 to 1024.
 */
#ifndef VIRTIOIF_TSO_PIECES
#define VIRTIOIF_TSO_PIECES 64
#endif

/**
 * VIRTIOIF_TSO_TABLES: indirect tables for large frames. A large frame that finds none takes a
 * descriptor for each piece. Range 1 to 32.
 */
#ifndef VIRTIOIF_TSO_TABLES
#define VIRTIOIF_TSO_TABLES 8
#endif

/**
 * VIRTIOIF_TX_TIMEOUT_MS: a device that has frames to send and sends none for so long, and for
 * three polls, is notified once more; after as long again it is reset. The same goes for one that
 * keeps a frame while younger ones come and go. Milliseconds, 1000 to 60000.
 */
#ifndef VIRTIOIF_TX_TIMEOUT_MS
#define VIRTIOIF_TX_TIMEOUT_MS 5000
#endif

/**
 * VIRTIOIF_RESET_ATTEMPTS: how often in a row a device that failed is reset and started again
 * before it is given up. Range 1 to 16.
 */
#ifndef VIRTIOIF_RESET_ATTEMPTS
#define VIRTIOIF_RESET_ATTEMPTS 10
#endif

/**
 * VIRTIOIF_RESET_WAIT_MS: the wait before the second attempt; each further wait is twice as long.
 * Milliseconds, 1 to 1000.
 */
#ifndef VIRTIOIF_RESET_WAIT_MS
#define VIRTIOIF_RESET_WAIT_MS 100
#endif

/**
 * VIRTIOIF_STABLE_MS: a device that has worked for so long since its last start is as good as new:
 * when it fails attempts are counted from the first. Milliseconds, 1000 to 3600000.
 */
#ifndef VIRTIOIF_STABLE_MS
#define VIRTIOIF_STABLE_MS 60000
#endif

#if VIRTIOIF_TX_TIMEOUT_MS < 1000 || VIRTIOIF_TX_TIMEOUT_MS > 60000
#error "VIRTIOIF_TX_TIMEOUT_MS: 1000 to 60000"
#endif
#if VIRTIOIF_RESET_ATTEMPTS < 1 || VIRTIOIF_RESET_ATTEMPTS > 16
#error "VIRTIOIF_RESET_ATTEMPTS: 1 to 16"
#endif
#if VIRTIOIF_RESET_WAIT_MS < 1 || VIRTIOIF_RESET_WAIT_MS > 1000
#error "VIRTIOIF_RESET_WAIT_MS: 1 to 1000"
#endif
#if VIRTIOIF_STABLE_MS < 1000 || VIRTIOIF_STABLE_MS > 3600000
#error "VIRTIOIF_STABLE_MS: 1000 to 3600000"
#endif
#if VIRTIOIF_TSO_PIECES < 18 || VIRTIOIF_TSO_PIECES > 1024
#error "VIRTIOIF_TSO_PIECES: 18 to 1024"
#endif
#if VIRTIOIF_TSO_TABLES < 1 || VIRTIOIF_TSO_TABLES > 32
#error "VIRTIOIF_TSO_TABLES: 1 to 32"
#endif
#if VIRTIOIF_RX_BUF_BYTES < 1536 || VIRTIOIF_RX_BUF_BYTES > 65472 || VIRTIOIF_RX_BUF_BYTES % 64 != 0
#error "VIRTIOIF_RX_BUF_BYTES: 1536 to 65472, a multiple of 64"
#endif
#if VIRTIOIF_MTU < 576 || (LWIP_IPV6 && VIRTIOIF_MTU < 1280) ||                                    \
    VIRTIOIF_MTU + 28 > VIRTIOIF_RX_BUF_BYTES
#error "VIRTIOIF_MTU: 576 (1280 with IPv6) to VIRTIOIF_RX_BUF_BYTES - 28, so that a buffer holds it"
#endif
#if VIRTIOIF_TX_COPY_BYTES < 64 || VIRTIOIF_TX_COPY_BYTES > 1514
#error "VIRTIOIF_TX_COPY_BYTES: 64 to 1514"
#endif
#if IP_FORWARD && (CHECKSUM_GEN_IP || CHECKSUM_GEN_TCP || CHECKSUM_GEN_UDP || CHECKSUM_GEN_ICMP)
#error                                                                                             \
    "lwIP wipes the sums of forwarded packets: with IP_FORWARD set CHECKSUM_GEN_{IP,TCP,UDP,ICMP} 0"
#endif
#if VIRTIOIF_RX_COPY_BYTES < 0 || VIRTIOIF_RX_COPY_BYTES > VIRTIOIF_RX_BUF_BYTES
#error "VIRTIOIF_RX_COPY_BYTES: 0 to VIRTIOIF_RX_BUF_BYTES"
#endif
#ifndef LWIP_RAND
#error "lwIP and virtioif want random numbers: define LWIP_RAND() in cc.h"
#endif
#if !LWIP_ARP
#error "virtioif is Ethernet: set LWIP_ARP to 1"
#endif
#if !LWIP_SUPPORT_CUSTOM_PBUF
#error "virtioif hands receive buffers to lwIP in place: set LWIP_SUPPORT_CUSTOM_PBUF to 1"
#endif
#if LWIP_IPV6 && LWIP_IPV6_REASS && !IPV6_FRAG_COPYHEADER && UINTPTR_MAX > 0xffffffff
#error "lwIP's IPv6 reassembly damages packets where pointers have 8 bytes: IPV6_FRAG_COPYHEADER 1"
#endif
#if !NO_SYS && (LWIP_NETCONN || LWIP_SOCKET) && !SYS_LIGHTWEIGHT_PROT
#error "netconns and sockets free pbufs in any thread: set SYS_LIGHTWEIGHT_PROT to 1"
#endif
#if ETH_PAD_SIZE != 0
#error "virtioif aligns the IP header by the place of the frame: set ETH_PAD_SIZE to 0"
#endif

#endif /* LWIP_HDR_NETIF_VIRTIOIF_OPTS_H */
