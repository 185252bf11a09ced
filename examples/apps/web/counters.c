/*
 * counters.c: /counters.json, /counters.txt and /memory.json, made anew for each request.
 *
 * lwIP's web server asks here first for every file. What is made stays in memory until the server
 * has queued all of it; TCP has a copy by then (HTTP_IS_DATA_VOLATILE in lwipopts.h).
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "counters.h"

#include "demo.h"
#include "lwip/apps/fs.h"
#include "lwip/init.h"
#include "lwip/mem.h"
#include "lwip/memp.h"
#include "lwip/stats.h"
#include "lwip/sys.h"
#include "netif/virtioif.h"
#include "services.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FILE_BYTES   4096
#define HEADER_BYTES 256

static struct netif *netif;
static u32_t started_ms;

/* Text that grows at the end of a buffer. What does not fit is cut off. */
struct text {
  char *start;
  size_t size;
  size_t used;
};

static void add(struct text *text, const char *format, const char *name, const char *value)
{
  int bytes = snprintf(text->start + text->used, text->size - text->used, format, name, value);

  text->used = LWIP_MIN(text->used + (size_t)bytes, text->size - 1);
}

static void add_number(struct text *text, const char *format, const char *name, u32_t value)
{
  char digits[11];

  snprintf(digits, sizeof(digits), "%" PRIu32, value);
  add(text, format, name, digits);
}

/* Packets that were dropped because a checksum said so. */
static u32_t bad_checksums(void)
{
  return (u32_t)lwip_stats.ip.chkerr + lwip_stats.icmp.chkerr + lwip_stats.tcp.chkerr +
         lwip_stats.udp.chkerr;
}

static void add_counters(struct text *text, const char *format)
{
  const struct virtioif_stats *s = virtioif_stats(netif);
  struct virtioif_rx_usage rx = virtioif_rx_usage(netif);
  const struct {
    const char *name;
    u32_t value;
  } counters[] = {
      {"uptime_ms", sys_now() - started_ms},
      {"rx_frames", s->rx_frames},
      {"rx_copied", s->rx_copied},
      {"rx_merged", s->rx_merged},
      {"rx_drop_len", s->rx_drop_len},
      {"rx_drop_nomem", s->rx_drop_nomem},
      {"rx_drop_input", s->rx_drop_input},
      {"tx_frames", s->tx_frames},
      {"tx_copied", s->tx_copied},
      {"tx_large", s->tx_large},
      {"tx_drop_len", s->tx_drop_len},
      {"tx_drop_down", s->tx_drop_down},
      {"tx_drop_nomem", s->tx_drop_nomem},
      {"tx_ring_full", s->tx_ring_full},
      {"kicks_rx", s->kicks_rx},
      {"kicks_tx", s->kicks_tx},
      {"interrupts", s->interrupts},
      {"interrupts_config", s->interrupts_config},
      {"link_changes", s->link_changes},
      {"device_errors", s->device_errors},
      {"recoveries", s->recoveries},
      {"start_errors", s->start_errors},
      {"tx_stalls", s->tx_stalls},
      {"bad_checksums", bad_checksums()},
      {"rx_free", rx.free},
      {"rx_posted", rx.posted},
      {"rx_held", rx.held},
      {"heap_used", (u32_t)lwip_stats.mem.used},
      {"heap_peak", (u32_t)lwip_stats.mem.max},
      {"heap_size", (u32_t)lwip_stats.mem.avail},
      {"tcp_connections", lwip_stats.memp[MEMP_TCP_PCB]->used},
      {"echo_connections", services_stats.tcp_echo_now},
      {"echo_refused", services_stats.tcp_echo_refused},
      {"echo_stalled", services_stats.tcp_echo_stalled},
  };
  size_t i;

  for (i = 0; i < LWIP_ARRAYSIZE(counters); i++) {
    add_number(text, format, counters[i].name, counters[i].value);
  }
}

static void make_json(struct text *text)
{
  add(text, "{\"board\":\"%s\",\"transport\":\"%s\"", demo_info()->board, demo_info()->transport);
  add(text, ",\"%s\":\"%s\"", "address", ip4addr_ntoa(netif_ip4_addr(netif)));
  add_counters(text, ",\"%s\":%s");
  add(text, "}%s%s", "\n", "");
}

static void make_plain(struct text *text)
{
  add(text, "%-18s%s\n", "board", demo_info()->board);
  add(text, "%-18s%s\n", "transport", demo_info()->transport);
  add(text, "%-18s%s\n", "address", ip4addr_ntoa(netif_ip4_addr(netif)));
  add_counters(text, "%-18s%s\n");
}

static void add_pool(struct text *text, const char *name, const struct stats_mem *pool)
{
  add(text, ",\"%s\":{%s", name, "");
  add_number(text, "\"%s\":%s", "used", (u32_t)pool->used);
  add_number(text, ",\"%s\":%s", "peak", (u32_t)pool->max);
  add_number(text, ",\"%s\":%s", "size", (u32_t)pool->avail);
  add_number(text, ",\"%s\":%s}", "failed", pool->err);
}

/* All that is taken from somewhere and has to come back: receive buffers, transmit slots, lwIP's
 * heap and pools, these with their high-water marks. */
static void make_memory(struct text *text)
{
  static const char *const names[] = {
#define LWIP_MEMPOOL(name, num, size, desc) #name,
#include "lwip/priv/memp_std.h"
  };
  struct virtioif_rx_usage rx = virtioif_rx_usage(netif);
  unsigned i;

  add_number(text, "{\"%s\":%s", "rx_free", rx.free);
  add_number(text, ",\"%s\":%s", "rx_posted", rx.posted);
  add_number(text, ",\"%s\":%s", "rx_held", rx.held);
  add_number(text, ",\"%s\":%s", "tx_in_flight", virtioif_tx_in_flight(netif));
  add_pool(text, "heap", &lwip_stats.mem);
  for (i = 0; i < MEMP_MAX; i++) {
    add_pool(text, names[i], lwip_stats.memp[i]);
  }
  add(text, "}%s%s", "\n", "");
}

static int header(char *to, const char *type, size_t body_bytes)
{
  /* The width makes the header as long before the body is there as after. */
  return snprintf(to, HEADER_BYTES,
                  "HTTP/1.1 200 OK\r\n"
                  "Server: " HTTPD_SERVER_AGENT "\r\n"
                  "Content-Type: %s\r\n"
                  "Cache-Control: no-store\r\n"
                  "Connection: keep-alive\r\n"
                  "Content-Length: %5u\r\n\r\n",
                  type, (unsigned)body_bytes);
}

/* A file of the web server: header and body in a row, in memory of its own. */
static int open_made(struct fs_file *file, const char *type, void (*make)(struct text *text))
{
  char head[HEADER_BYTES];
  size_t head_bytes = (size_t)header(head, type, 0);
  char *memory = mem_malloc(FILE_BYTES);
  struct text body;

  if (memory == NULL) {
    return 0;
  }
  body = (struct text){memory + head_bytes, FILE_BYTES - head_bytes, 0};
  make(&body);
  header(head, type, body.used);
  memcpy(memory, head, head_bytes);
  file->data = memory;
  file->len = (int)(head_bytes + body.used);
  file->index = file->len;
  file->flags = FS_FILE_FLAGS_HEADER_INCLUDED | FS_FILE_FLAGS_HEADER_PERSISTENT |
                FS_FILE_FLAGS_HEADER_HTTPVER_1_1;
  return 1;
}

/* Called by lwIP's web server: 1 if there is such a file. */
int fs_open_custom(struct fs_file *file, const char *name)
{
  if (strcmp(name, "/counters.json") == 0) {
    return open_made(file, "application/json", make_json);
  }
  if (strcmp(name, "/counters.txt") == 0) {
    return open_made(file, "text/plain", make_plain);
  }
  if (strcmp(name, "/memory.json") == 0) {
    return open_made(file, "application/json", make_memory);
  }
  return 0;
}

/* Called by lwIP's web server when it is through with what was opened. */
void fs_close_custom(struct fs_file *file)
{
  mem_free(LWIP_CONST_CAST(char *, file->data));
}

void counters_start(struct netif *interface)
{
  netif = interface;
  started_ms = sys_now();
}
