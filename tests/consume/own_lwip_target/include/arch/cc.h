/*
 * cc.h: the project's own. lwIP and the port have to be compiled with this one.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef OWN_CC_H
#define OWN_CC_H

#include <limits.h>
#include <stdlib.h>
#include <sys/types.h>

#define LWIP_NO_UNISTD_H 1
#define LWIP_RAND()      ((u32_t)rand())

#endif /* OWN_CC_H */
