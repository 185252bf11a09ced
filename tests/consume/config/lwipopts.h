/*
 * lwipopts.h: a user's own configuration, small, without IPv6.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef LWIPOPTS_H
#define LWIPOPTS_H

#define NO_SYS                   1
#define SYS_LIGHTWEIGHT_PROT     0
#define LWIP_NETCONN             0
#define LWIP_SOCKET              0
#define LWIP_IPV6                0
#define LWIP_SUPPORT_CUSTOM_PBUF 1
#define MEM_ALIGNMENT            8
#define MEMP_NUM_TCP_PCB         7

#endif /* LWIPOPTS_H */
