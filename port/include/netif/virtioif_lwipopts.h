/*
 * virtioif_lwipopts.h: defaults for lwIP's options as virtioif's examples and tests use them: no
 * operating system (NO_SYS=0 works too), IPv4 and IPv6, DHCP, TCP and UDP. Each holds only if it is
 * not defined yet: a lwipopts.h of your own defines what should differ and includes this file at
 * its end. What virtioif itself asks of these options: port/README.md.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef LWIP_HDR_NETIF_VIRTIOIF_LWIPOPTS_H
#define LWIP_HDR_NETIF_VIRTIOIF_LWIPOPTS_H

/* No operating system: one main loop calls virtioif_poll() and sys_check_timeouts(). */
#ifndef NO_SYS
#define NO_SYS 1
#endif
#if NO_SYS
#ifndef LWIP_NETCONN
#define LWIP_NETCONN 0
#endif
#ifndef LWIP_SOCKET
#define LWIP_SOCKET 0
#endif
#ifndef SYS_LIGHTWEIGHT_PROT
#define SYS_LIGHTWEIGHT_PROT 0
#endif
#else
/* An operating system: netconns, sockets and SYS_LIGHTWEIGHT_PROT are on in lwIP, but its mailboxes
 * have no room. */
#ifndef TCPIP_MBOX_SIZE
#define TCPIP_MBOX_SIZE 16
#endif
#ifndef DEFAULT_RAW_RECVMBOX_SIZE
#define DEFAULT_RAW_RECVMBOX_SIZE 16
#endif
#ifndef DEFAULT_UDP_RECVMBOX_SIZE
#define DEFAULT_UDP_RECVMBOX_SIZE 16
#endif
#ifndef DEFAULT_TCP_RECVMBOX_SIZE
#define DEFAULT_TCP_RECVMBOX_SIZE 16
#endif
#ifndef DEFAULT_ACCEPTMBOX_SIZE
#define DEFAULT_ACCEPTMBOX_SIZE 16
#endif
#endif

/* What virtioif uses. Receive buffers are custom pbufs; the room in front of an outgoing frame
 * takes struct virtio_net_hdr, so that most frames are one piece. */
#ifndef LWIP_SUPPORT_CUSTOM_PBUF
#define LWIP_SUPPORT_CUSTOM_PBUF 1
#endif
#ifndef PBUF_LINK_ENCAPSULATION_HLEN
#define PBUF_LINK_ENCAPSULATION_HLEN 16
#endif
/* Checksums that the device can do are switched per interface. */
#ifndef LWIP_CHECKSUM_CTRL_PER_NETIF
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1
#endif
#ifndef LWIP_HOOK_FILENAME
#define LWIP_HOOK_FILENAME "netif/virtioif_hooks.h"
#endif

/* Protocols */
#ifndef LWIP_IPV4
#define LWIP_IPV4 1
#endif
#ifndef LWIP_IPV6
#define LWIP_IPV6 1
#endif
#ifndef LWIP_IPV6_MLD
#define LWIP_IPV6_MLD LWIP_IPV6
#endif
#ifndef LWIP_IGMP
#define LWIP_IGMP LWIP_IPV4
#endif
/* An application that pings others wants it. It costs a few per cent of every packet. */
#ifndef LWIP_RAW
#define LWIP_RAW 0
#endif
#ifndef LWIP_DHCP
#define LWIP_DHCP LWIP_IPV4
#endif
/* The address conflict check makes DHCP take 8 seconds instead of milliseconds. */
#ifndef LWIP_DHCP_DOES_ACD_CHECK
#define LWIP_DHCP_DOES_ACD_CHECK 0
#endif
#ifndef LWIP_DNS
#define LWIP_DNS 1
#endif
#ifndef LWIP_NETIF_HOSTNAME
#define LWIP_NETIF_HOSTNAME 1
#endif
#ifndef LWIP_NETIF_LINK_CALLBACK
#define LWIP_NETIF_LINK_CALLBACK 1
#endif
#ifndef LWIP_NETIF_STATUS_CALLBACK
#define LWIP_NETIF_STATUS_CALLBACK 1
#endif

/* Where pointers have 8 bytes, lwIP's notes on a fragment do not fit into its header. */
#ifndef IPV6_FRAG_COPYHEADER
#define IPV6_FRAG_COPYHEADER 1
#endif

/* Loopback: 127.0.0.1 and ::1 by an interface of their own, own addresses by the hooks above. The
 * queue is bounded. */
#ifndef LWIP_HAVE_LOOPIF
#define LWIP_HAVE_LOOPIF 1
#endif
#ifndef LWIP_NETIF_LOOPBACK
#define LWIP_NETIF_LOOPBACK 1
#endif
#ifndef LWIP_LOOPBACK_MAX_PBUFS
#define LWIP_LOOPBACK_MAX_PBUFS 64
#endif

/* Memory. Sizes fit a handful of busy connections; MEM_SIZE is what all send buffers share. */
#ifndef MEM_ALIGNMENT
#define MEM_ALIGNMENT 8
#endif
#ifndef MEM_SIZE
#define MEM_SIZE (256 * 1024)
#endif
#ifndef PBUF_POOL_SIZE
#define PBUF_POOL_SIZE 64
#endif
/* One full frame, with the pad that virtioif puts in front of a copy. */
#ifndef PBUF_POOL_BUFSIZE
#define PBUF_POOL_BUFSIZE 1536
#endif
#ifndef MEMP_NUM_PBUF
#define MEMP_NUM_PBUF 128
#endif
#ifndef MEMP_NUM_TCP_PCB
#define MEMP_NUM_TCP_PCB 32
#endif
#ifndef MEMP_NUM_TCP_PCB_LISTEN
#define MEMP_NUM_TCP_PCB_LISTEN 8
#endif
#ifndef MEMP_NUM_TCP_SEG
#define MEMP_NUM_TCP_SEG 256
#endif
#ifndef MEMP_NUM_UDP_PCB
#define MEMP_NUM_UDP_PCB 8
#endif
#ifndef MEMP_NUM_SYS_TIMEOUT
#define MEMP_NUM_SYS_TIMEOUT (LWIP_NUM_SYS_TIMEOUT_INTERNAL + 8)
#endif
/* Out-of-order data is the one thing that the stack may hold for long: bound it for each
 * connection. */
#ifndef TCP_OOSEQ_MAX_PBUFS
#define TCP_OOSEQ_MAX_PBUFS 8
#endif

/* TCP. The window is what QEMU's user networking carries without stalling. */
#ifndef TCP_MSS
#define TCP_MSS 1460
#endif
#ifndef TCP_WND
#define TCP_WND (16 * TCP_MSS)
#endif
/* While an application takes its data, the window is opened in steps of this size, each with an ACK
 * of its own. What arrives together is acknowledged together, so the steps are large. */
#ifndef TCP_WND_UPDATE_THRESHOLD
#define TCP_WND_UPDATE_THRESHOLD (TCP_WND / 2)
#endif
#ifndef TCP_SND_BUF
#define TCP_SND_BUF (16 * TCP_MSS)
#endif
#ifndef TCP_SND_QUEUELEN
#define TCP_SND_QUEUELEN 64
#endif
#ifndef TCP_LISTEN_BACKLOG
#define TCP_LISTEN_BACKLOG 1
#endif

/* Counters: virtioif feeds LINK_STATS, and MIB2_STATS where SNMP wants them. */
#ifndef LWIP_STATS
#define LWIP_STATS 1
#endif
#ifndef MIB2_STATS
#define MIB2_STATS 0
#endif

#endif /* LWIP_HDR_NETIF_VIRTIOIF_LWIPOPTS_H */
