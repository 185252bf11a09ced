/*
 * lwipopts.h, throughput profile: large windows with scaling, and the memory that fills them. For a
 * tap, vhost or hardware. Not for QEMU's user networking, which stalls with windows above 64 kB:
 * use the default profile there. Give the interface 256 receive descriptors and 1024 buffers.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef VIRTIOIF_LWIPOPTS_THROUGHPUT_H
#define VIRTIOIF_LWIPOPTS_THROUGHPUT_H

/* 512 KiB of window, which 16 bits hold with a scale of 4. */
#define LWIP_WND_SCALE      1
#define TCP_RCV_SCALE       4
#define TCP_WND             (512 * 1024)
#define TCP_SND_BUF         (512 * 1024)
#define TCP_SND_QUEUELEN    1024
#define TCP_SNDLOWAT        (32 * 1024) /* lwIP wants it in 16 bits */

/* A large received segment is dozens of pbufs: out-of-order data is bounded in bytes instead. */
#define TCP_OOSEQ_MAX_PBUFS 0
#define TCP_OOSEQ_MAX_BYTES (256 * 1024)

/* Four connections with full buffers both ways. */
#define MEM_SIZE            (4 * 1024 * 1024)
#define MEMP_NUM_PBUF       4096
#define MEMP_NUM_TCP_SEG    4096
#define PBUF_POOL_SIZE      1024

/* Counters cost a few per cent. virtioif's own are there all the same. */
#define LWIP_STATS          0
#define MIB2_STATS          0
#define LWIP_RAW            0

#include "../lwipopts.h"

#endif /* VIRTIOIF_LWIPOPTS_THROUGHPUT_H */
