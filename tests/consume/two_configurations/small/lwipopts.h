/*
 * lwipopts.h: the small firmware's.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef SMALL_LWIPOPTS_H
#define SMALL_LWIPOPTS_H

#define NO_SYS                   1
#define SYS_LIGHTWEIGHT_PROT     0
#define LWIP_NETCONN             0
#define LWIP_SOCKET              0
#define LWIP_SUPPORT_CUSTOM_PBUF 1
#define MEM_ALIGNMENT            8
#define LWIP_IPV6                0
#define APP_HTTPD                0

#endif /* SMALL_LWIPOPTS_H */
