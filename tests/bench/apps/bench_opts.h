/*
 * bench_opts.h: what the app bench needs beyond a profile, whichever it is: connections and lwIP's
 * web server as the demos have it.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef BENCH_OPTS_H
#define BENCH_OPTS_H

#define TCP_ECHO_CONNECTIONS            20

#define LWIP_HTTPD_SUPPORT_11_KEEPALIVE 1
#define LWIP_HTTPD_SUPPORT_V09          0
#define HTTPD_USE_MEM_POOL              1
#define MEMP_NUM_PARALLEL_HTTPD_CONNS   20
#define HTTPD_LIMIT_SENDING_TO_2MSS     0

#endif /* BENCH_OPTS_H */
