/*
 * lwipopts.h: the large firmware's.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef LARGE_LWIPOPTS_H
#define LARGE_LWIPOPTS_H

#define NO_SYS                   1
#define SYS_LIGHTWEIGHT_PROT     0
#define LWIP_NETCONN             0
#define LWIP_SOCKET              0
#define LWIP_SUPPORT_CUSTOM_PBUF 1
#define MEM_ALIGNMENT            8
#define LWIP_IPV6                1
#define IPV6_FRAG_COPYHEADER     1
#define APP_HTTPD                1

#endif /* LARGE_LWIPOPTS_H */
