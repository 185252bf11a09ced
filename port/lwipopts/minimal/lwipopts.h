/*
 * lwipopts.h, minimal profile: IPv4 with UDP, DHCP and a few TCP connections in the least memory.
 * Give the interface 8 receive and 8 transmit descriptors and 8 receive buffers, and build virtio/
 * with VIRTIO_LEGACY=0 if the device is a modern one: that saves 4 KiB of alignment a queue.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef VIRTIOIF_LWIPOPTS_MINIMAL_H
#define VIRTIOIF_LWIPOPTS_MINIMAL_H

#define LWIP_IPV6                  0
#define LWIP_IGMP                  0
#define LWIP_RAW                   0
#define LWIP_DNS                   0
#define LWIP_NETIF_HOSTNAME        0
#define LWIP_NETIF_STATUS_CALLBACK 0
#define IP_REASSEMBLY              0
#define IP_FRAG                    0
#define ARP_TABLE_SIZE             4

/* Two segments a connection each way, four connections. */
#define TCP_WND                    (2 * TCP_MSS)
#define TCP_SND_BUF                (2 * TCP_MSS)
#define TCP_SND_QUEUELEN           8
#define TCP_QUEUE_OOSEQ            0
#define TCP_OOSEQ_MAX_PBUFS        0
#define MEMP_NUM_TCP_PCB           4
#define MEMP_NUM_TCP_PCB_LISTEN    2
#define MEMP_NUM_TCP_SEG           16
#define MEMP_NUM_UDP_PCB           2
#define MEMP_NUM_PBUF              8
#define MEM_SIZE                   (8 * 1024)
#define PBUF_POOL_SIZE             8
#define LWIP_LOOPBACK_MAX_PBUFS    4

#define LWIP_STATS                 0
#define MIB2_STATS                 0

/* Segments are never joined with so few of them. */
#define VIRTIOIF_TSO_PIECES        18
#define VIRTIOIF_TSO_TABLES        1
#define VIRTIOIF_TX_COPY_BYTES     118
#define VIRTIOIF_RX_COPY_BYTES     2034

#include "../lwipopts.h"

#endif /* VIRTIOIF_LWIPOPTS_MINIMAL_H */
