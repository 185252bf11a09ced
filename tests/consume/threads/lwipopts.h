/*
 * lwipopts.h: threads, sockets, and a check that lwIP's core is locked by whoever calls it.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef THREADS_LWIPOPTS_H
#define THREADS_LWIPOPTS_H

#define NO_SYS                    0
#define SYS_LIGHTWEIGHT_PROT      1
#define LWIP_NETCONN              1
#define LWIP_SOCKET               1
#define LWIP_COMPAT_SOCKETS       0
#define LWIP_SUPPORT_CUSTOM_PBUF  1
#define LWIP_TCPIP_CORE_LOCKING   1
#define MEM_ALIGNMENT             8
#define TCPIP_MBOX_SIZE           16
#define DEFAULT_TCP_RECVMBOX_SIZE 16
#define DEFAULT_UDP_RECVMBOX_SIZE 16
#define DEFAULT_RAW_RECVMBOX_SIZE 16
#define DEFAULT_ACCEPTMBOX_SIZE   16

/* What the other macros of core locking are is in the system's sys_arch.h. */
void sys_check_core_locking(void);
#define LWIP_ASSERT_CORE_LOCKED() sys_check_core_locking()

#endif /* THREADS_LWIPOPTS_H */
