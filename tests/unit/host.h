/*
 * host.h: a simulated device with virtioif and lwIP on top, and a peer on the wire.
 *
 * Addresses: interface n (from 1) is 10.0.n.1/24 with the peer 10.0.n.2, and fd00:n::1.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef HOST_H
#define HOST_H

#include "support.h"

#include "lwip/netif.h"
#include "netif/virtioif.h"
#include "virtio/virtio_mmio.h"

/** A test with lwIP: whatever it allocates has to be freed again when the interfaces are gone. */
#define HOST_TEST(function) cmocka_unit_test_setup_teardown(function, host_begin, host_end)

struct host {
  struct sim_device *dev;
  struct virtio_mmio mmio;
  struct virtioif vif;
  struct netif netif;
  struct virtioif_memory memory;
  struct virtioif_params params;
  unsigned number;              /* from 1 */
  bool added;                   /* netif_add() went well */
  unsigned wire_next;           /* first frame that the other end of the cable has not got yet */
  struct virtioif_stats before; /* counters as of host_live() */
  struct host *next;
};

int host_begin(void **state);
int host_end(void **state);

/** Called by host_end() before the interfaces go, once: connections that a failed test left. */
extern void (*host_cleanup)(void);

/** Kinds of devices that most things should work with. */
enum host_kind {
  HOST_MODERN,
  HOST_MODERN_EVENT_IDX,
  HOST_LEGACY,
  HOST_LEGACY_APART, /* legacy framing */
  HOST_KINDS,
};

struct sim_net_params host_device(enum host_kind kind);

/** A device and memory for it, probed; host_add() makes the interface. */
struct host *host_create(const struct sim_net_params *device, u16_t rx_size, u16_t tx_size,
                         u16_t rx_buffers);
err_t host_add(struct host *host);

/** Addresses, up. */
void host_configure(struct host *host);

/** All of it; 16 + 16 descriptors and 32 receive buffers. */
struct host *host_live(enum host_kind kind);

/** What was counted since host_live(). */
struct virtioif_stats host_news(const struct host *host);

/** Interrupts are served and polls made until nothing is left to do. */
void host_run(struct host *host);

/** free + posted + held is all there is. */
void host_check_buffers(struct host *host);

/** Time for lwIP, its timers included. */
void host_wait_ms(u32_t ms);

/*
 * The peer
 */

extern const u8_t peer_mac[6];

/** Memory for one frame from the peer, and its parts. */
struct peer_frame {
  u8_t bytes[2048];
  size_t len;
};

/** Any frame of len bytes for the interface, of a type that lwIP does not know. */
void peer_raw(const struct host *host, struct peer_frame *frame, size_t len, unsigned seed);

/** IPv4 packets from the peer with a payload of len patterned bytes. */
void peer_udp(const struct host *host, struct peer_frame *frame, u16_t port, size_t len,
              unsigned seed);
void peer_ping(const struct host *host, struct peer_frame *frame, size_t len, unsigned seed);

/** An ARP request, from which the interface learns the peer's address. */
void peer_arp(const struct host *host, struct peer_frame *frame);

/** The frame arrives; the test fails if the device has no room for it. */
void peer_send(struct host *host, const struct peer_frame *frame);

/** The interface knows the peer from here on; its answer is not counted as sent. */
void peer_introduce(struct host *host);

/** Frame n sent since the last peer_forget() (0: the first); fails if there is none. */
const struct sim_frame *peer_got(const struct host *host, unsigned n);
unsigned peer_got_count(const struct host *host);
void peer_forget(struct host *host);

/*
 * lwIP's surroundings
 */

/** Let all allocations fail from the nth on (0: the next), or none (UINT32_MAX). Then set. */
extern u32_t support_malloc_fail_from;
/** Only the one at support_malloc_fail_from fails. */
extern bool support_malloc_fail_once;
/** How many allocations were made since support_malloc_fail_from was set, by hand. */
extern u32_t support_malloc_count;
/** Allocations alive. */
extern u32_t support_malloc_live;
/** What sys_now() returns. */
extern u32_t support_now_ms;

#endif /* HOST_H */
