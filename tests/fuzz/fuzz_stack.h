/*
 * fuzz_stack.h: lwIP, an application and virtioif on the fuzzed device.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef FUZZ_STACK_H
#define FUZZ_STACK_H

#include "fuzz_device.h"
#include "lwip/tcp.h"
#include "netif/virtioif.h"
#include "virtio/virtio_mmio.h"

/** Where the application listens. */
enum { FUZZ_UDP_PORT = 9, FUZZ_TCP_PORT = 7 };

struct fuzz_rig {
  struct virtio_mmio mmio;
  struct virtioif vif;
  struct netif netif;
  struct virtioif_memory memory;
  struct virtioif_params params;
  u32_t received; /* frames handed to lwIP */
  u32_t marked;   /* of these, how many were fuzz_stack_mark()'s */
};

extern struct fuzz_rig rig;

extern const uint8_t fuzz_peer_mac[6];
extern const uint8_t fuzz_peer_ip4[4];
extern const uint8_t fuzz_own_ip4[4];
extern const uint8_t fuzz_peer_ip6[16];
extern const uint8_t fuzz_own_ip6[16];

/** netif->input. */
err_t fuzz_stack_input(struct pbuf *p, struct netif *netif);

/** Addresses, neighbours, an application. */
void fuzz_stack_begin(void);

/** One action of the stack or the application, chosen by the input. */
void fuzz_stack_act(void);

/** No action any more: pbufs are freed, connections aborted, allocations succeed. */
void fuzz_stack_calm(void);

/** A frame that fuzz_stack_input() counts as marked. */
uint32_t fuzz_stack_mark(uint8_t *frame);

/*
 * fuzz_send.c: each sends what the input says.
 */

struct udp_pcb;

void fuzz_send_frame(void);
void fuzz_send_segments(void);
void fuzz_send_udp(struct udp_pcb *udp);

/** One call for a connection; data of new ones goes to on_tcp. */
void fuzz_use_tcp(tcp_recv_fn on_tcp);

/** TCP segment n of a stream, each of so many bytes, as it leaves lwIP when the device is to sum it
 * (fuzz_frame.c). */
uint32_t fuzz_segment(uint8_t *frame, bool is_ip6, uint32_t payload, unsigned n);

/** Time passes for lwIP. */
void fuzz_stack_wait(u32_t ms);

#endif /* FUZZ_STACK_H */
