/*
 * lwipopts.h, minimal profile: IPv4 with UDP, DHCP and a few TCP connections in the least memory.
 * Give the interface 8 receive and 8 transmit descriptors and 8 receive buffers, and build all with
 * -DVIRTIO_LEGACY=0 if the device is a modern one: that saves nearly 8 KiB of alignment a queue.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef VIRTIOIF_LWIPOPTS_MINIMAL_H
#define VIRTIOIF_LWIPOPTS_MINIMAL_H

#ifndef LWIP_IPV6
#define LWIP_IPV6 0
#endif
#ifndef LWIP_IGMP
#define LWIP_IGMP 0
#endif
#ifndef LWIP_DNS
#define LWIP_DNS 0
#endif
#ifndef LWIP_NETIF_HOSTNAME
#define LWIP_NETIF_HOSTNAME 0
#endif
#ifndef LWIP_NETIF_STATUS_CALLBACK
#define LWIP_NETIF_STATUS_CALLBACK 0
#endif
#ifndef IP_REASSEMBLY
#define IP_REASSEMBLY 0
#endif
#ifndef IP_FRAG
#define IP_FRAG 0
#endif
#ifndef ARP_TABLE_SIZE
#define ARP_TABLE_SIZE 4
#endif

/* Four connections, two segments each way. What they can send and hold fits at the same time, so a
 * peer that stops reading starves none of the others: MEM_SIZE is four send buffers with their
 * headers and room for answers, a segment in each place of each queue, and the pool takes four full
 * windows beside what comes in meanwhile. Its buffers are smaller than a frame, so that a small one
 * does not cost the memory of a large one. */
#ifndef TCP_WND
#define TCP_WND (2 * TCP_MSS)
#endif
#ifndef TCP_SND_BUF
#define TCP_SND_BUF (2 * TCP_MSS)
#endif
#ifndef TCP_SND_QUEUELEN
#define TCP_SND_QUEUELEN 8
#endif
#ifndef TCP_QUEUE_OOSEQ
#define TCP_QUEUE_OOSEQ 0
#endif
#ifndef TCP_OOSEQ_MAX_PBUFS
#define TCP_OOSEQ_MAX_PBUFS 0
#endif
#ifndef MEMP_NUM_TCP_PCB
#define MEMP_NUM_TCP_PCB 4
#endif
#ifndef MEMP_NUM_TCP_PCB_LISTEN
#define MEMP_NUM_TCP_PCB_LISTEN 2
#endif
#ifndef MEMP_NUM_TCP_SEG
#define MEMP_NUM_TCP_SEG 32
#endif
#ifndef MEM_SIZE
#define MEM_SIZE (14 * 1024)
#endif
#ifndef PBUF_POOL_SIZE
#define PBUF_POOL_SIZE 32
#endif
#ifndef PBUF_POOL_BUFSIZE
#define PBUF_POOL_BUFSIZE 512
#endif

#ifndef MEMP_NUM_UDP_PCB
#define MEMP_NUM_UDP_PCB 2
#endif
#ifndef MEMP_NUM_PBUF
#define MEMP_NUM_PBUF 8
#endif
#ifndef LWIP_LOOPBACK_MAX_PBUFS
#define LWIP_LOOPBACK_MAX_PBUFS 4
#endif

#ifndef LWIP_STATS
#define LWIP_STATS 0
#endif

/* Windows of two segments leave hardly an ACK to hold back. */
#ifndef LWIP_HOOK_TCP_INPACKET_PCB
#define LWIP_HOOK_TCP_INPACKET_PCB(pcb, hdr, optlen, opt1len, opt2, p) ERR_OK
#endif

/* No large frames, which windows this small do not fill. Of the rest the least that saves memory;
 * with as many buffers as descriptors received frames are copied, so that all stay in the queue. */
#ifndef VIRTIOIF_TSO
#define VIRTIOIF_TSO 0
#endif
#ifndef VIRTIOIF_LRO
#define VIRTIOIF_LRO 0
#endif
#ifndef VIRTIOIF_TX_COPY_BYTES
#define VIRTIOIF_TX_COPY_BYTES 118
#endif
#ifndef VIRTIOIF_RX_BUF_BYTES
#define VIRTIOIF_RX_BUF_BYTES 1536
#endif
#ifndef VIRTIOIF_RX_COPY_BYTES
#define VIRTIOIF_RX_COPY_BYTES VIRTIOIF_RX_BUF_BYTES
#endif

#include "netif/virtioif_lwipopts.h"

#endif /* VIRTIOIF_LWIPOPTS_MINIMAL_H */
