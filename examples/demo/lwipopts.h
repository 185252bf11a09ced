/*
 * lwipopts.h: lwIP's options for the demos. They differ from the port's defaults in sizes, for the
 * boards have 128 MiB, and add those of lwIP's web server.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef DEMO_LWIPOPTS_H
#define DEMO_LWIPOPTS_H

/*
 * Every connection can fill its send buffer of 23 kB, 16 segments, at the same time: with a copy in
 * the heap, or from read-only memory with a pbuf for each segment. No peer that stops reading can
 * starve another one.
 */
#define MEMP_NUM_TCP_PCB                            96
#define MEMP_NUM_TCP_PCB_LISTEN                     8
#define MEMP_NUM_TCP_SEG                            2048
#define MEMP_NUM_PBUF                               2048
#define MEM_SIZE                                    (3 * 1024 * 1024)
#define PBUF_POOL_SIZE                              512

/* A datagram of 64 kB is 45 fragments, on its way in and on its way out. */
#define IP_REASS_MAX_PBUFS                          128
#define MEMP_NUM_FRAG_PBUF                          128

/* Peers that vanish are found by probes: 1 minute of silence, then 6 probes 10 seconds apart. */
#define LWIP_TCP_KEEPALIVE                          1
#define TCP_KEEPIDLE_DEFAULT                        60000UL
#define TCP_KEEPINTVL_DEFAULT                       10000UL
#define TCP_KEEPCNT_DEFAULT                         6U

/* A connection that the server closed is remembered for 2 seconds, not for 2 minutes: a client that
 * comes again from the same port in between is not heard. */
#define TCP_MSL                                     1000UL

/* Tell a sender what arrived behind a gap: it repeats what was lost and no more, and does not have
 * to wait until its timer tells it that something was. */
#define LWIP_TCP_SACK_OUT                           1

#define LWIP_DNS                                    0 /* the demos are asked, they do not ask */

/* What nobody is to guess: lwIP draws DHCP's transaction IDs and the first of its TCP and UDP ports
 * from LWIP_RAND(), which random.c seeds, and gets TCP's initial sequence numbers from its addon
 * for RFC 6528, a keyed hash for each connection. */
#define LWIP_RAND()                                 ((u32_t)arc4random())
#define LWIP_HOOK_FILENAME                          "lwip_hooks.h"
#define LWIP_HOOK_TCP_ISN                           lwip_hook_tcp_isn

/* The web server: keep-alive as HTTP/1.1 clients ask for it, error pages, one generated file. Its
 * connections have a pool of their own; if it is empty, the one idle for longest has to go. */
#define LWIP_HTTPD_SUPPORT_11_KEEPALIVE             1
#define LWIP_HTTPD_SUPPORT_V09                      0
#define LWIP_HTTPD_SUPPORT_EXTSTATUS                1
#define LWIP_HTTPD_CUSTOM_FILES                     1
#define LWIP_HTTPD_KILL_OLD_ON_CONNECTIONS_EXCEEDED 1
#define HTTPD_USE_MEM_POOL                          1
#define MEMP_NUM_PARALLEL_HTTPD_CONNS               64
#define HTTPD_LIMIT_SENDING_TO_2MSS                 0
#define LWIP_HTTPD_REQ_QUEUELEN                     64 /* a request may come byte by byte */
#define HTTPD_SERVER_AGENT                          "virtioif, lwIP " LWIP_VERSION_STRING

/* Pages are sent from where they are. A generated file is closed, and its memory used again, as
 * soon as all of it is queued, so TCP needs a copy. */
#define HTTP_IS_DATA_VOLATILE(hs)                                                                  \
  (((hs)->handle->flags & FS_FILE_FLAGS_CUSTOM) != 0 ? TCP_WRITE_FLAG_COPY : 0)

#include "netif/virtioif_lwipopts.h"

#endif /* DEMO_LWIPOPTS_H */
