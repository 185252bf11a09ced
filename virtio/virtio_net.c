/*
 * virtio_net.c: the "Network Device".
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "virtio/virtio_net.h"
#include "virtio/virtio_hal.h"
#include <string.h>

/* struct virtio_net_hdr of "Device Operation" is struct virtio_net_offload, in the byte order of
 * the interface, and num_buffers behind it, which the short header of the legacy interface lacks.
 */
#define HDR_BYTES_SHORT 10u
#define HDR_NUM_BUFFERS 10u

_Static_assert(sizeof(struct virtio_net_offload) == HDR_BYTES_SHORT,
               "struct virtio_net_hdr is 10 bytes without num_buffers");
_Static_assert(VIRTIO_NET_HDR_BYTES_MAX <= VIRTIO_NET_RX_FRAME_OFFSET,
               "the header fits in front of the frame");

/* "Device configuration layout": byte offsets. */
enum {
  CONFIG_MAC = 0,
  CONFIG_STATUS = 6,
  CONFIG_MTU = 10,
};

#define MAC_BYTES      6u
#define STATUS_LINK_UP 1u

/* "Feature bits: Feature bit requirements", and what this driver needs beyond them: a header that
 * shares a descriptor with data leaves nothing to merge apart, and segments of up to 64 KiB are
 * only received over several buffers. */
static const struct virtio_feature_rule feature_rules[] = {
    {VIRTIO_NET_F_MRG_RXBUF, VIRTIO_F_VERSION_1 | VIRTIO_F_ANY_LAYOUT},
    {VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_GUEST_CSUM},
    {VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_MRG_RXBUF},
    {VIRTIO_NET_F_GUEST_ECN, VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6},
    {VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_CSUM},
};

#define FEATURE_RULES (sizeof(feature_rules) / sizeof(feature_rules[0]))

/* The one place that knows the header's length: it follows from the negotiated features, not from
 * the transport's version. "Device Operation" and "Legacy Interface: Device Operation". */
static uint8_t hdr_bytes(const struct virtio_device *dev)
{
  bool has_num_buffers =
      virtio_has(dev, VIRTIO_F_VERSION_1) || virtio_has(dev, VIRTIO_NET_F_MRG_RXBUF);
  return has_num_buffers ? VIRTIO_NET_HDR_BYTES_MAX : HDR_BYTES_SHORT;
}

/* "Legacy Interface: Framing Requirements": such a device finds the header by its descriptor. */
static bool hdr_apart(const struct virtio_device *dev)
{
  return !virtio_has(dev, VIRTIO_F_VERSION_1) && !virtio_has(dev, VIRTIO_F_ANY_LAYOUT);
}

/*
 * Bring-up
 */

/* VIRTQ_SIZE_MAX is the largest power of two that there is in 16 bits, VIRTIO_NET_RX_BUF_MAX the
 * largest multiple of the alignment. */
static bool size_is_valid(uint16_t size)
{
  return size >= 2 && (size & (size - 1u)) == 0;
}

static bool params_are_valid(const struct virtio_net_params *params)
{
  return params->dev != NULL && params->dev->device_id == VIRTIO_ID_NET &&
         size_is_valid(params->rx_size) && size_is_valid(params->tx_size) && params->ring != NULL &&
         (uintptr_t)params->ring % VIRTQ_ALIGN == 0 && params->shadow != NULL &&
         params->rx_mem != NULL && params->rx_buf_bytes >= VIRTIO_NET_RX_BUF_MIN &&
         ((uintptr_t)params->rx_mem | params->rx_buf_bytes) % VIRTIO_NET_RX_BUF_ALIGN == 0;
}

/* "Feature bits": accepting the device's MTU is a promise about receive buffers, so it is looked at
 * first. A value out of the allowed range says that the feature cannot be trusted either. */
static int check_mtu(struct virtio_net *net, const struct virtio_net_params *params,
                     uint64_t *wanted)
{
  uint32_t most = params->rx_buf_bytes - VIRTIO_NET_RX_FRAME_OFFSET - VIRTIO_NET_ETH_HDR_BYTES;

  if ((*wanted & virtio_offered(net->dev) & VIRTIO_NET_F_MTU) == 0) {
    return VIRTIO_OK;
  }
  uint32_t mtu = 0;
  int err = virtio_config_read(net->dev, CONFIG_MTU, 2, 1, &mtu);
  if (err != VIRTIO_OK) {
    return err;
  }
  if (mtu >= VIRTIO_NET_MTU_MIN && mtu <= most) {
    net->mtu = (uint16_t)mtu;
  } else {
    *wanted &= ~VIRTIO_NET_F_MTU;
  }
  return VIRTIO_OK;
}

static int negotiate(struct virtio_net *net, const struct virtio_net_params *params)
{
  uint64_t wanted = params->features & VIRTIO_NET_FEATURES;
  int err = check_mtu(net, params, &wanted);
  if (err == VIRTIO_OK) {
    err = virtio_negotiate(net->dev, wanted, feature_rules, FEATURE_RULES);
  }
  net->hdr_bytes = hdr_bytes(net->dev);
  net->header_apart = hdr_apart(net->dev);
  net->rx_sums = virtio_has(net->dev, VIRTIO_NET_F_GUEST_CSUM);
  net->rx_merges = virtio_has(net->dev, VIRTIO_NET_F_MRG_RXBUF);
  return err;
}

static int read_mac(struct virtio_net *net)
{
  if (!virtio_has(net->dev, VIRTIO_NET_F_MAC)) {
    return VIRTIO_OK;
  }
  uint32_t bytes[MAC_BYTES];
  int err = virtio_config_read(net->dev, CONFIG_MAC, 1, MAC_BYTES, bytes);
  if (err != VIRTIO_OK) {
    return err;
  }
  uint32_t any = 0;
  for (unsigned i = 0; i < MAC_BYTES; i++) {
    net->mac[i] = (uint8_t)bytes[i];
    any |= bytes[i];
  }
  /* Neither all zero nor a group address can be an interface's own. */
  net->has_mac = any != 0 && (net->mac[0] & 1u) == 0;
  return VIRTIO_OK;
}

VIRTIO_COLD int virtio_net_update_link(struct virtio_net *net)
{
  if (!virtio_has(net->dev, VIRTIO_NET_F_STATUS)) {
    net->link_up = true;
    return VIRTIO_OK;
  }
  uint32_t status = 0;
  int err = virtio_config_read(net->dev, CONFIG_STATUS, 2, 1, &status);
  if (err == VIRTIO_OK) {
    net->link_up = (status & STATUS_LINK_UP) != 0;
  }
  return err;
}

/* The wanted size, or the largest power of two that the device can do. */
static uint16_t clamp_size(uint16_t wanted, uint32_t max)
{
  uint32_t size = wanted;
  while (size > max) {
    size /= 2;
  }
  return (uint16_t)size;
}

static int init_queue(struct virtio_net *net, struct virtq *vq, struct virtq_params *params)
{
  uint32_t max = net->dev->ops->queue_max(net->dev, params->index);
  unsigned least = virtio_net_header_is_apart(net) ? 2 : 1;

  params->size = clamp_size(params->size, max);
  if (params->size < least) {
    return VIRTIO_ERR_DEVICE;
  }
  params->event_idx = virtio_has(net->dev, VIRTIO_F_EVENT_IDX);
  params->native_endian = virtio_is_legacy(net->dev);
  virtq_init(vq, params);
  struct virtq_placement at = virtq_placement(vq);
  return net->dev->ops->queue_enable(net->dev, params->index, &at);
}

static int init_queues(struct virtio_net *net, const struct virtio_net_params *params)
{
  uint32_t unused = VIRTIO_NET_RX_FRAME_OFFSET - virtio_net_hdr_bytes(net);
  struct virtq_params rx = {
      .ring = params->ring,
      .shadow = params->shadow,
      .index = VIRTIO_NET_QUEUE_RX,
      .size = params->rx_size,
  };
  struct virtq_params tx = {
      .ring = (uint8_t *)params->ring + VIRTQ_RING_BYTES(params->rx_size),
      .shadow = params->shadow + params->rx_size,
      .index = VIRTIO_NET_QUEUE_TX,
      .size = params->tx_size,
  };
  net->rx_pool = (struct virtq_pool){
      .base = params->rx_mem + unused,
      .stride = params->rx_buf_bytes,
      .len = params->rx_buf_bytes - unused,
  };
  int err = init_queue(net, &net->rx, &rx);
  return err == VIRTIO_OK ? init_queue(net, &net->tx, &tx) : err;
}

VIRTIO_COLD int virtio_net_init(struct virtio_net *net, const struct virtio_net_params *params)
{
  if (!params_are_valid(params)) {
    return VIRTIO_ERR_ARG;
  }
  memset(net, 0, sizeof(*net));
  net->dev = params->dev;

  int err = virtio_begin(net->dev);
  if (err == VIRTIO_OK) {
    err = negotiate(net, params);
  }
  if (err == VIRTIO_OK) {
    err = read_mac(net);
  }
  if (err == VIRTIO_OK) {
    err = virtio_net_update_link(net);
  }
  if (err == VIRTIO_OK) {
    err = init_queues(net, params);
  }
  if (err != VIRTIO_OK) {
    virtio_fail(net->dev);
  }
  return err;
}

VIRTIO_COLD void virtio_net_start(struct virtio_net *net)
{
  /* Transmitted frames are collected whenever the queue is looked at; nobody has to be told. */
  virtq_disarm(&net->tx);
  virtq_publish(&net->rx);
  virtio_driver_ok(net->dev);
  virtio_net_kick(net, &net->rx);
}

VIRTIO_HOT bool virtio_net_kick(struct virtio_net *net, struct virtq *vq)
{
  virtq_publish(vq);
  if (!virtq_kick_wanted(vq)) {
    return false;
  }
  net->dev->ops->notify(net->dev, vq->index);
  return true;
}

/*
 * Receive
 */

/* A receive buffer, from the header on. */
static uint8_t *rx_buffer(const struct virtio_net *net, uint16_t buffer)
{
  return net->rx_pool.base + (size_t)buffer * net->rx_pool.stride;
}

/* Legacy framing: header and frame in a descriptor each. */
static VIRTIO_COLD __attribute__((noinline)) unsigned
refill_apart(struct virtio_net *net, const uint16_t *buffers, unsigned count)
{
  uint32_t header_bytes = virtio_net_hdr_bytes(net);
  unsigned left = count;

  for (; left > 0; left--) {
    uint16_t buffer = buffers[left - 1];
    uint8_t *hdr = rx_buffer(net, buffer);
    struct virtq_sg apart[] = {{hdr, header_bytes},
                               {hdr + header_bytes, virtio_net_rx_frame_max(net)}};
    if (virtq_add(&net->rx, apart, 0, 2, buffer) != VIRTIO_OK) {
      break;
    }
  }
  return left;
}

VIRTIO_HOT unsigned virtio_net_rx_post(struct virtio_net *net, const uint16_t *buffers,
                                       unsigned count)
{
  unsigned left = virtio_net_header_is_apart(net)
                      ? refill_apart(net, buffers, count)
                      : virtq_refill(&net->rx, &net->rx_pool, buffers, count);
  for (unsigned i = left; i < count; i++) {
    virtio_hal_cache_invalidate(rx_buffer(net, buffers[i]), net->rx_pool.len);
  }
  return left;
}

/* Between CPU and interface byte order, either way. */
static void swap_offload(struct virtio_net_offload *offload, bool native)
{
  offload->hdr_len = virtio_hal_le16(offload->hdr_len, native);
  offload->gso_size = virtio_hal_le16(offload->gso_size, native);
  offload->csum_start = virtio_hal_le16(offload->csum_start, native);
  offload->csum_offset = virtio_hal_le16(offload->csum_offset, native);
}

/* Copied out once; the device may change its mind afterwards. */
static void read_hdr(const struct virtio_net *net, const uint8_t *at, struct virtio_net_rx *rx)
{
  bool native = virtio_is_legacy(net->dev);

  memcpy(&rx->offload, at, sizeof(rx->offload));
  swap_offload(&rx->offload, native);
  if (!net->rx_sums) {
    rx->offload.flags = 0;
  }
  rx->buffers = 1;
  if (net->rx_merges) {
    memcpy(&rx->buffers, at + HDR_NUM_BUFFERS, sizeof(rx->buffers));
    rx->buffers = virtio_hal_le16(rx->buffers, native);
  }
}

VIRTIO_HOT int virtio_net_rx_take(struct virtio_net *net, struct virtio_net_rx *rx)
{
  struct virtq_done done;
  int got = virtq_take(&net->rx, &done);
  if (got != 1) {
    return got;
  }
  uint8_t *hdr = rx_buffer(net, done.token);
  uint32_t header_bytes = virtio_net_hdr_bytes(net);

  rx->buffer = done.token;
  rx->data = hdr + header_bytes;
  if (done.len < header_bytes + VIRTIO_NET_ETH_HDR_BYTES || done.len > net->rx_pool.len) {
    rx->len = 0;
    return 1;
  }
  rx->len = (uint16_t)(done.len - header_bytes);
  virtio_hal_cache_invalidate(hdr, done.len);
  read_hdr(net, hdr, rx);
  return 1;
}

/* "Processing of Incoming Packets": only the first of several buffers has a header. */
int virtio_net_rx_take_more(struct virtio_net *net, struct virtio_net_rx *rx)
{
  struct virtq_done done;
  int got = virtq_take(&net->rx, &done);
  if (got != 1) {
    return got;
  }
  rx->buffer = done.token;
  rx->data = rx_buffer(net, done.token);
  rx->len = 0;
  if (done.len <= net->rx_pool.len) {
    rx->len = (uint16_t)done.len;
    virtio_hal_cache_invalidate(rx->data, done.len);
  }
  return 1;
}

/*
 * Transmit
 */

static void write_hdr(const struct virtio_net *net, uint8_t *at,
                      const struct virtio_net_offload *offload)
{
  struct virtio_net_offload hdr = *offload;

  swap_offload(&hdr, virtio_is_legacy(net->dev));
  memcpy(at, &hdr, sizeof(hdr));
  if (virtio_net_hdr_bytes(net) > HDR_BYTES_SHORT) {
    memset(at + HDR_NUM_BUFFERS, 0, VIRTIO_NET_HDR_BYTES_MAX - HDR_BYTES_SHORT);
  }
}

VIRTIO_HOT int virtio_net_tx_add(struct virtio_net *net, const struct virtq_sg *sg, unsigned count,
                                 const struct virtio_net_offload *offload, uint16_t token,
                                 void *table)
{
  int err;
  if (table != NULL) {
    err = virtq_add_indirect(&net->tx, table, sg, count, token);
  } else {
    err = virtq_add(&net->tx, sg, count, 0, token);
  }
  if (err == VIRTIO_OK) {
    write_hdr(net, sg[0].addr, offload);
    for (unsigned i = 0; i < count; i++) {
      virtio_hal_cache_clean(sg[i].addr, sg[i].len);
    }
  }
  return err;
}
