/*
 * fuzz_config.c: bring-up, features and configuration. Each register read is answered by the next
 * bytes of the input, whatever the register, so a device may say one thing now and another later.
 *
 * Input: sizes, wanted features, what comes after the end; then answers, as many bytes as a read is
 * wide.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "fuzz.h"
#include "virtio/virtio_mmio.h"
#include "virtio/virtio_net.h"
#include "virtio/virtio_rng.h"

#include <stdlib.h>
#include <string.h>

enum {
  REG_DEVICE_FEATURES = 0x010,
  REG_DEVICE_FEATURES_SEL = 0x014,
  REG_DRIVER_FEATURES = 0x020,
  REG_DRIVER_FEATURES_SEL = 0x024,
  REG_GUEST_PAGE_SIZE = 0x028,
  REG_QUEUE_SEL = 0x030,
  REG_QUEUE_SIZE_MAX = 0x034,
  REG_QUEUE_SIZE = 0x038,
  REG_QUEUE_ALIGN = 0x03c,
  REG_QUEUE_PFN = 0x040,
  REG_QUEUE_READY = 0x044,
  REG_QUEUE_NOTIFY = 0x050,
  REG_INTERRUPT_STATUS = 0x060,
  REG_INTERRUPT_ACK = 0x064,
  REG_STATUS = 0x070,
  REG_QUEUE_DESC_LOW = 0x080,
  REG_QUEUE_DEVICE_HIGH = 0x0a4,
};

enum { SIZE_SHIFTS = 8, BUFFERS = 8 };

/* What the device said last and what it was told. */
static struct {
  uint8_t at_the_end; /* what is answered behind the end of the input; 0: 0 */
  uint32_t reads;
  uint32_t answered[FUZZ_REG_CONFIG / 4];
  uint32_t offered[2];
  uint32_t accepted[2];
  uint32_t features_sel;
  uint32_t driver_features_sel;
  uint32_t status; /* last written */
  unsigned status_writes;
  uint32_t queue_size[2];
  uint32_t queue_max[2];
  uint32_t queue_sel;
  unsigned notifications;
  bool features_written;
  bool features_ok_asked;   /* the next read of Status answers it */
  uint32_t features_answer; /* that answer */
  uint8_t *rng;             /* memory of an entropy device's driver, while that is at work */
} device;

static struct virtio_mmio mmio;
static struct virtio_net net;
static struct virtio_net_params params;
static size_t dma_bytes;

/* An entropy device may be done at any time, or say so. */
static void answer_request(void)
{
  uint16_t *used = (uint16_t *)(void *)(device.rng + VIRTQ_USED_OFFSET(1u));
  uint32_t *elem = (uint32_t *)(void *)(used + 2);
  uint8_t how = fuzz_u8();
  if ((how & 1) != 0) {
    elem[0] = (how & 2) != 0 ? fuzz_u32() : 0;
    elem[1] = (how & 4) != 0 ? fuzz_u32() : 1u + (how >> 3);
    used[1] = (uint16_t)(used[1] + ((how & 8) != 0 ? fuzz_u16() : 1));
    memset(device.rng + VIRTQ_RING_BYTES(1u), fuzz_u8(), VIRTIO_RNG_BUFFER_BYTES);
  }
}

static uint32_t on_read(uint32_t offset, unsigned width)
{
  if (device.rng != NULL && offset == REG_STATUS) {
    answer_request();
  }
  uint32_t value = width == 4 ? fuzz_u32() : width == 2 ? fuzz_u16() : fuzz_u8();
  if (fuzz_left() == 0 && device.at_the_end != 0) {
    /* The same for ever, or never the same. */
    value = (device.at_the_end & 1) != 0 ? device.at_the_end : device.reads++ & 0xff;
  }
  if (offset < FUZZ_REG_CONFIG) {
    device.answered[offset / 4] = value;
  }
  if (offset == REG_DEVICE_FEATURES && device.features_sel < 2) {
    device.offered[device.features_sel] = value;
  } else if (offset == REG_QUEUE_SIZE_MAX && device.queue_sel < 2) {
    device.queue_max[device.queue_sel] = value;
  } else if (offset == REG_STATUS && device.features_ok_asked) {
    device.features_ok_asked = false;
    device.features_answer = value;
  }
  return value;
}

static void on_write(uint32_t offset, uint32_t value)
{
  switch (offset) {
  case REG_DEVICE_FEATURES_SEL:
    device.features_sel = value;
    break;
  case REG_DRIVER_FEATURES_SEL:
    device.driver_features_sel = value;
    break;
  case REG_DRIVER_FEATURES:
    FUZZ_CHECK(device.driver_features_sel < 2);
    device.accepted[device.driver_features_sel] = value;
    device.features_written = true;
    break;
  case REG_QUEUE_SEL:
    FUZZ_CHECK(value < 2);
    device.queue_sel = value;
    break;
  case REG_QUEUE_SIZE:
    device.queue_size[device.queue_sel] = value;
    break;
  case REG_STATUS:
    device.features_ok_asked = device.features_written;
    device.features_written = false;
    device.status = value;
    device.status_writes++;
    break;
  case REG_INTERRUPT_ACK:
    FUZZ_CHECK((value & ~device.answered[REG_INTERRUPT_STATUS / 4]) == 0 && value < 4);
    break;
  case REG_QUEUE_NOTIFY:
    FUZZ_CHECK(value < 2);
    device.notifications++;
    break;
  case REG_GUEST_PAGE_SIZE:
  case REG_QUEUE_ALIGN:
    FUZZ_CHECK(mmio.dev.legacy && value == 4096);
    break;
  case REG_QUEUE_PFN:
    FUZZ_CHECK(mmio.dev.legacy);
    break;
  default:
    FUZZ_CHECK(!mmio.dev.legacy &&
               (offset == REG_QUEUE_READY ||
                (offset >= REG_QUEUE_DESC_LOW && offset <= REG_QUEUE_DEVICE_HIGH)));
    break;
  }
}

static const struct fuzz_platform platform = {.read = on_read, .write = on_write};

/*
 * What holds after bring-up, whatever was answered
 */

static void check_features(void)
{
  uint64_t accepted = device.accepted[0] | (uint64_t)device.accepted[1] << 32;
  uint64_t offered = device.offered[0] | (uint64_t)device.offered[1] << 32;
  uint64_t f = mmio.dev.features;

  FUZZ_CHECK(f == accepted);
  FUZZ_CHECK((f & ~offered) == 0);
  FUZZ_CHECK((f & ~(params.features | VIRTIO_F_VERSION_1)) == 0);
  FUZZ_CHECK((f & ~VIRTIO_NET_FEATURES) == 0);
  FUZZ_CHECK(mmio.dev.legacy == ((f & VIRTIO_F_VERSION_1) == 0));
  FUZZ_CHECK(mmio.dev.legacy || (device.features_answer & VIRTIO_STATUS_FEATURES_OK) != 0);
  if ((f & VIRTIO_NET_F_GUEST_LARGE) != 0) {
    FUZZ_CHECK((f & VIRTIO_NET_F_GUEST_CSUM) != 0 && (f & VIRTIO_NET_F_MRG_RXBUF) != 0);
  }
  if ((f & (VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6)) != 0) {
    FUZZ_CHECK((f & VIRTIO_NET_F_CSUM) != 0);
  }
}

static void check_queue(const struct virtq *vq, unsigned index, uint32_t wanted)
{
  struct virtq_placement at = virtq_placement(vq);
  FUZZ_CHECK(vq->index == index && at.size >= 1 && (at.size & (at.size - 1u)) == 0);
  FUZZ_CHECK(at.size <= wanted && at.size <= device.queue_max[index]);
  FUZZ_CHECK(device.queue_size[index] == at.size);
  FUZZ_CHECK(fuzz_dma_at(at.desc_bus, 16u * at.size) != NULL);
  FUZZ_CHECK(fuzz_dma_at(at.avail_bus, 6u + 2u * at.size) != NULL);
  FUZZ_CHECK(fuzz_dma_at(at.used_bus, 6u + 8u * at.size) != NULL);
  FUZZ_CHECK(!net.header_apart || at.size >= 2);
}

static void check_config(void)
{
  static const uint8_t none[6];
  FUZZ_CHECK(net.mtu == 0 ||
             (net.mtu >= VIRTIO_NET_MTU_MIN && net.mtu + 28u <= params.rx_buf_bytes));
  FUZZ_CHECK(!net.has_mac || ((net.mac[0] & 1) == 0 && memcmp(net.mac, none, 6) != 0));
  FUZZ_CHECK(net.hdr_bytes == 10 || net.hdr_bytes == 12);
}

/*
 * One input
 */

static void prepare(void)
{
  memset(&device, 0, sizeof(device));
  memset(&net, 0, sizeof(net));
  params.rx_size = (uint16_t)(2u << fuzz_below(SIZE_SHIFTS));
  params.tx_size = (uint16_t)(2u << fuzz_below(SIZE_SHIFTS));
  params.features = ~(uint64_t)fuzz_u32();
  device.at_the_end = fuzz_u8();
  size_t shadows = (size_t)params.rx_size + params.tx_size;
  size_t ring_bytes = VIRTIO_NET_RING_BYTES((size_t)params.rx_size, (size_t)params.tx_size);
  dma_bytes = ring_bytes + BUFFERS * VIRTIO_NET_RX_BUF_BYTES;
  uint8_t *dma = fuzz_alloc(dma_bytes, VIRTQ_ALIGN);
  params.dev = &mmio.dev;
  params.ring = dma;
  params.rx_mem = dma + ring_bytes;
  params.rx_buf_bytes = VIRTIO_NET_RX_BUF_BYTES;
  params.shadow = fuzz_alloc(shadows * sizeof(struct virtq_shadow), 8);
  fuzz_platform(&platform, dma, dma_bytes);
}

static void check_live(void)
{
  for (uint16_t i = 0; i < BUFFERS && virtio_net_rx_post(&net, &i, 1) == 0; i++) {
  }
  fuzz_call();
  virtio_net_start(&net);
  FUZZ_CHECK((device.status & VIRTIO_STATUS_DRIVER_OK) != 0);
  while (fuzz_left() > 0) {
    fuzz_call();
    size_t left = fuzz_left();
    bool up = net.link_up;
    if (virtio_net_update_link(&net) != VIRTIO_OK) {
      FUZZ_CHECK(net.link_up == up);
    }
    (void)virtio_needs_reset(&mmio.dev);
    FUZZ_CHECK(mmio.dev.ops->isr_ack(&mmio.dev) < 4);
    FUZZ_CHECK(fuzz_left() < left);
  }
}

static void check_snapshot(void)
{
  uint32_t values[12];
  unsigned count = 1 + fuzz_below(12);
  unsigned width = 1u << fuzz_below(3);
  int err = virtio_config_read(&mmio.dev, fuzz_below(32) * width, width, count, values);
  FUZZ_CHECK(err == VIRTIO_OK || err == VIRTIO_ERR_TIMEOUT);
  for (unsigned i = 0; err == VIRTIO_OK && i < count; i++) {
    FUZZ_CHECK(width == 4 || values[i] >> (8 * width) == 0);
  }
}

static bool is_zero(const uint8_t *bytes, size_t count)
{
  size_t i = 0;
  while (i < count && bytes[i] == 0) {
    i++;
  }
  return i == count;
}

static void check_rng(void)
{
  size_t count = 1u + fuzz_u8();
  uint8_t *bytes = fuzz_alloc(count, 1);
  uint8_t *memory = fuzz_alloc(VIRTIO_RNG_MEMORY_BYTES, VIRTQ_ALIGN);

  fuzz_platform(&platform, memory, VIRTIO_RNG_MEMORY_BYTES);
  memset(memory, 0, VIRTIO_RNG_MEMORY_BYTES);
  device.rng = memory;
  fuzz_call();
  int err = virtio_rng_read(&mmio.dev, memory, bytes, count);
  FUZZ_CHECK(err <= VIRTIO_OK && err >= VIRTIO_ERR_DEVICE && err != VIRTIO_ERR_NODEV);
  FUZZ_CHECK(err == VIRTIO_OK || is_zero(bytes, count));
  FUZZ_CHECK(err != VIRTIO_OK || count < 16 || !is_zero(bytes, count));
  FUZZ_CHECK(err == VIRTIO_ERR_TIMEOUT || is_zero(memory, VIRTIO_RNG_MEMORY_BYTES));
  device.rng = NULL;
  free(memory);
  free(bytes);
}

static void bring_up(void)
{
  int err = virtio_mmio_probe(&mmio, FUZZ_BASE);
  FUZZ_CHECK(err == VIRTIO_OK || err == VIRTIO_ERR_NODEV);
  FUZZ_CHECK(device.status_writes == 0); /* looking changes nothing */
  if (err != VIRTIO_OK) {
    return;
  }
  if (mmio.dev.device_id == VIRTIO_ID_RNG) {
    check_rng();
    return;
  }
  fuzz_call();
  err = virtio_net_init(&net, &params);
  if (err == VIRTIO_ERR_ARG) {
    FUZZ_CHECK(mmio.dev.device_id != VIRTIO_ID_NET && device.status_writes == 0);
    return;
  }
  FUZZ_CHECK(device.notifications == 0);
  if (err != VIRTIO_OK) {
    FUZZ_CHECK(err <= VIRTIO_ERR_FEATURES && err >= VIRTIO_ERR_DEVICE);
    FUZZ_CHECK((device.status & VIRTIO_STATUS_FAILED) != 0);
    return;
  }
  check_features();
  check_queue(&net.rx, 0, params.rx_size);
  check_queue(&net.tx, 1, params.tx_size);
  check_config();
  check_snapshot();
  check_live();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
  fuzz_input(data, len);
  fuzz_limit = 3000; /* a reset of VIRTIO_WAIT_READS, three configurations that never settle */
  prepare();
  fuzz_call();
  bring_up();
  free(params.ring);
  free(params.shadow);
  return 0;
}
