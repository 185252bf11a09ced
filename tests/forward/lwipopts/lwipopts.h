/*
 * lwipopts.h: lwIP as a router, for the tests of tests/forward.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef FORWARD_LWIPOPTS_H
#define FORWARD_LWIPOPTS_H

#define IP_FORWARD                1
#define LWIP_IPV6_FORWARD         1

/* A router does not go by what others advertise. */
#define LWIP_ND6_ALLOW_RA_UPDATES 0

/* lwIP would wipe the sums of what it forwards; virtioif makes those of own packets. */
#define CHECKSUM_GEN_IP           0
#define CHECKSUM_GEN_TCP          0
#define CHECKSUM_GEN_UDP          0
#define CHECKSUM_GEN_ICMP         0

#include "../../unit/lwipopts/lwipopts.h"

#endif /* FORWARD_LWIPOPTS_H */
