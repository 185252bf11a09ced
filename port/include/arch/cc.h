/*
 * cc.h: what lwIP wants to know about compiler and C library. For GCC and Clang with picolibc,
 * newlib or glibc; every macro can be defined beforehand, or the file replaced as a whole by an
 * arch/cc.h earlier on the include path.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef LWIP_ARCH_CC_H
#define LWIP_ARCH_CC_H

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

#ifndef BYTE_ORDER
#define BYTE_ORDER __BYTE_ORDER__
#endif
#ifndef LITTLE_ENDIAN
#define LITTLE_ENDIAN __ORDER_LITTLE_ENDIAN__
#endif
#ifndef BIG_ENDIAN
#define BIG_ENDIAN __ORDER_BIG_ENDIAN__
#endif

/* Byte order conversion without a call: without a byte swap instruction the compiler's built-in for
 * 32 bits is one. */
#if BYTE_ORDER == LITTLE_ENDIAN && !defined(lwip_htons)
#define lwip_htons(x) ((u16_t)__builtin_bswap16(x))
#endif
#if BYTE_ORDER == LITTLE_ENDIAN && !defined(lwip_htonl)
static inline uint32_t virtioif_swap32(uint32_t x)
{
#if defined(__riscv) && !defined(__riscv_zbb)
  x = (x & 0xff00ff00u) >> 8 | (x & 0x00ff00ffu) << 8;
  return x >> 16 | x << 16;
#else
  return __builtin_bswap32(x);
#endif
}
#define lwip_htonl(x) virtioif_swap32(x)
#endif

/* The Internet checksum by 64-bit words, see port/virtioif_chksum.c. */
#ifndef LWIP_CHKSUM
#ifdef __cplusplus
extern "C"
#endif
    uint16_t
    virtioif_chksum(const void *data, int len);
#define LWIP_CHKSUM virtioif_chksum
#endif

/* The C library has errno, struct timeval and ssize_t; a second definition would clash. */
#ifndef LWIP_ERRNO_STDINCLUDE
#define LWIP_ERRNO_STDINCLUDE 1
#endif
#ifndef LWIP_TIMEVAL_PRIVATE
#define LWIP_TIMEVAL_PRIVATE 0
#endif
#ifndef SSIZE_MAX /* picolibc hides it from strict C11 */
#define SSIZE_MAX LONG_MAX
#endif

#ifndef LWIP_RAND
#define LWIP_RAND() ((u32_t)rand())
#endif

#ifndef LWIP_PLATFORM_DIAG
#define LWIP_PLATFORM_DIAG(x)                                                                      \
  do {                                                                                             \
    printf x;                                                                                      \
  } while (0)
#endif

#ifndef LWIP_PLATFORM_ASSERT
#define LWIP_PLATFORM_ASSERT(x)                                                                    \
  do {                                                                                             \
    printf("lwIP: %s (%s:%d)\n", x, __FILE__, __LINE__);                                           \
    abort();                                                                                       \
  } while (0)
#endif

/* Asserts are for debug builds. */
#if defined(NDEBUG) && !defined(LWIP_NOASSERT)
#define LWIP_NOASSERT
#endif

#endif /* LWIP_ARCH_CC_H */
