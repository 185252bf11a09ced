/*
 * virtio.h: what all VirtIO devices share: status, feature bits, the initialization sequence, and
 * the interface between a device driver and its transport.
 *
 * The specification meant throughout is "Virtual I/O Device (VIRTIO) Version 1.4"; its section
 * titles are quoted, its numbers are not, since they move between versions.
 *
 * Calling context: the main loop, or the one thread that owns the device, unless said otherwise.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef VIRTIO_VIRTIO_H
#define VIRTIO_VIRTIO_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** 1: drive legacy devices too (VirtIO 0.9.5, QEMU's default on MMIO). 0: less code and RAM. */
#ifndef VIRTIO_LEGACY
#define VIRTIO_LEGACY 1
#endif

/** How often a status that has to settle is read before the device is given up. */
#ifndef VIRTIO_WAIT_READS
#define VIRTIO_WAIT_READS 1000000
#endif

/** Marks a function that no frame waits for: compiled for size, out of the way of the others. Not
 * in declarations that an application sees: a main() that brings a device up and goes on with its
 * loop would be taken for code that hardly ever runs, loop and all. */
#define VIRTIO_COLD __attribute__((cold))

/** Marks a function that every frame passes through: it is worth becoming a part of its callers
 * when an image is optimized as a whole. Clang decides by itself and objects to the keyword here.
 */
#ifdef __clang__
#define VIRTIO_HOT
#else
#define VIRTIO_HOT inline
#endif

/** Results of all calls in virtio/: 0 or a positive count is success, these are failures. */
enum virtio_err {
  VIRTIO_OK = 0,
  VIRTIO_ERR_FULL = -1,     /**< No room now: try again after the next completion. */
  VIRTIO_ERR_ARG = -2,      /**< The caller's mistake: memory too small, size not supported. */
  VIRTIO_ERR_NODEV = -3,    /**< Nothing to drive here: an empty slot or another device type. */
  VIRTIO_ERR_FEATURES = -4, /**< Driver and device do not agree on a set of features. */
  VIRTIO_ERR_TIMEOUT = -5,  /**< The device did not settle within the bound. */
  VIRTIO_ERR_DEVICE = -6,   /**< The device broke the rules; only a reset helps. */
};

/* Device status, "Device Status Field". */
#define VIRTIO_STATUS_ACKNOWLEDGE        0x01u
#define VIRTIO_STATUS_DRIVER             0x02u
#define VIRTIO_STATUS_DRIVER_OK          0x04u
#define VIRTIO_STATUS_FEATURES_OK        0x08u
#define VIRTIO_STATUS_DEVICE_NEEDS_RESET 0x40u
#define VIRTIO_STATUS_FAILED             0x80u

/* Feature bits of all device types, "Reserved Feature Bits", as masks. */
#define VIRTIO_F_ANY_LAYOUT              (UINT64_C(1) << 27) /**< Legacy devices only. */
#define VIRTIO_F_INDIRECT_DESC           (UINT64_C(1) << 28)
#define VIRTIO_F_EVENT_IDX               (UINT64_C(1) << 29)
#define VIRTIO_F_VERSION_1               (UINT64_C(1) << 32)
#define VIRTIO_F_ACCESS_PLATFORM         (UINT64_C(1) << 33)
#define VIRTIO_F_ORDER_PLATFORM          (UINT64_C(1) << 36)

/* Causes of an interrupt, as struct virtio_transport_ops::isr_ack returns them. */
#define VIRTIO_ISR_QUEUE                 0x1u /**< A virtqueue has used buffers. */
#define VIRTIO_ISR_CONFIG                0x2u /**< Configuration or status changed. */

/** Device types, "Device Types". */
#define VIRTIO_ID_NET                    1u
#define VIRTIO_ID_RNG                    4u /**< Entropy source. */

struct virtio_device;

/** Where the parts of one virtqueue lie, for the transport to tell the device. */
struct virtq_placement {
  uint16_t size;      /**< Number of descriptors, a power of two. */
  uint64_t desc_bus;  /**< Bus address of the descriptor table. */
  uint64_t avail_bus; /**< Bus address of the available ring ("driver area"). */
  uint64_t used_bus;  /**< Bus address of the used ring ("device area"). */
};

/**
 * What a transport (MMIO, PCI) does for a device driver. All calls belong to the context that owns
 * the device; isr_ack, and set_status with 0, may also be made from an interrupt handler.
 */
struct virtio_transport_ops {
  /** Read 32 offered feature bits: word 0 holds bits 0-31, word 1 bits 32-63. */
  uint32_t (*get_features)(struct virtio_device *dev, unsigned word);
  /** Write 32 accepted feature bits. */
  void (*set_features)(struct virtio_device *dev, unsigned word, uint32_t bits);
  /** Read the device status. */
  uint32_t (*get_status)(struct virtio_device *dev);
  /** Write the device status; 0 asks for a reset. */
  void (*set_status)(struct virtio_device *dev, uint32_t status);
  /** The largest size of queue index; 0 if the device has no such queue or it is in use. */
  uint32_t (*queue_max)(struct virtio_device *dev, uint16_t index);
  /** Give the device a zeroed queue. VIRTIO_OK; VIRTIO_ERR_DEVICE if it does not take it;
   * VIRTIO_ERR_ARG if it lies where this transport cannot point at. */
  int (*queue_enable)(struct virtio_device *dev, uint16_t index, const struct virtq_placement *at);
  /** Tell the device that queue index has new available buffers: "Available Buffer Notifications".
   */
  void (*notify)(struct virtio_device *dev, uint16_t index);
  /** Acknowledge a pending interrupt and return its VIRTIO_ISR_... causes, 0 if there was none. */
  uint32_t (*isr_ack)(struct virtio_device *dev);
  /** Read a configuration field of width 1, 2 or 4 bytes, aligned to its width. */
  uint32_t (*config_read)(struct virtio_device *dev, unsigned offset, unsigned width);
  /** A number that changes when the configuration changes; always 0 on a legacy device. */
  uint32_t (*config_generation)(struct virtio_device *dev);
};

/** A probed device. Filled by a transport's probe; the memory is the caller's and must not move. */
struct virtio_device {
  const struct virtio_transport_ops *ops; /**< The transport. */
  uint32_t device_id;                     /**< VIRTIO_ID_... */
  bool legacy;       /**< Legacy interface: guest byte order, no FEATURES_OK. */
  uint64_t features; /**< What virtio_negotiate() agreed on. */
};

/** One rule of feature prerequisites: the bits of feature are useless without one bit of needs. */
struct virtio_feature_rule {
  uint64_t feature; /**< Feature bits that depend on others. */
  uint64_t needs;   /**< At least one of these must have been accepted. */
};

/**
 * Reset the device and wait until it says so: "Device Reset".
 *
 * Afterwards the device owns no memory of the driver's any more.
 *
 * @param dev a probed device
 * @return VIRTIO_OK, or VIRTIO_ERR_TIMEOUT if the status never read back as 0: then the device may
 *         still write to every buffer it was ever given.
 */
int virtio_reset(struct virtio_device *dev);

/**
 * First half of "Device Initialization": reset, ACKNOWLEDGE, DRIVER.
 *
 * @param dev a probed device, in whatever state somebody left it
 * @return VIRTIO_OK, or VIRTIO_ERR_TIMEOUT if the reset never ended
 */
int virtio_begin(struct virtio_device *dev);

/** The feature bits 0 to 63 that the device offers (0 to 31 on a legacy device). */
uint64_t virtio_offered(struct virtio_device *dev);

/**
 * Second half of "Device Initialization" up to FEATURES_OK: accept the offered features that the
 * driver wants and whose prerequisites are met, and read FEATURES_OK back.
 *
 * Bits outside wanted are never accepted, whatever the device offers. VIRTIO_F_VERSION_1 is always
 * accepted from a modern device, and a modern device without it is refused.
 *
 * @param dev    a device for which virtio_begin() succeeded
 * @param wanted mask of all features the driver can use
 * @param rules  prerequisites, each rule after the rules for its own needs
 * @param count  number of rules
 * @return VIRTIO_OK with dev->features set, or VIRTIO_ERR_FEATURES
 */
int virtio_negotiate(struct virtio_device *dev, uint64_t wanted,
                     const struct virtio_feature_rule *rules, unsigned count);

/** True if the device is driven by the legacy interface. A constant where that is left out. */
static inline bool virtio_is_legacy(const struct virtio_device *dev)
{
  return VIRTIO_LEGACY && dev->legacy;
}

/** True if all bits of mask were negotiated. */
static inline bool virtio_has(const struct virtio_device *dev, uint64_t mask)
{
  return (dev->features & mask) == mask;
}

/** Set DRIVER_OK: the device is live and may be notified from here on. */
void virtio_driver_ok(struct virtio_device *dev);

/** Set FAILED: the driver has given up on this device until the next reset. */
void virtio_fail(struct virtio_device *dev);

/** True if the device reports DEVICE_NEEDS_RESET, or has fallen back to status 0 by itself. */
bool virtio_needs_reset(struct virtio_device *dev);

/**
 * Read configuration fields in a row as one consistent snapshot: "Device Configuration Space".
 *
 * A modern device is read until its generation stays the same, a legacy device until two reads in
 * a row agree; both with a bound.
 *
 * @param dev    a device for which virtio_begin() succeeded; the feature that guards the fields
 *               must have been offered
 * @param offset bytes from the start of the device configuration, a multiple of width
 * @param width  bytes of each field: 1, 2 or 4
 * @param count  number of fields
 * @param values count results, in CPU byte order, zero-extended
 * @return VIRTIO_OK, or VIRTIO_ERR_TIMEOUT if the configuration never held still (values undefined)
 */
int virtio_config_read(struct virtio_device *dev, unsigned offset, unsigned width, unsigned count,
                       uint32_t *values);

#ifdef __cplusplus
}
#endif

#endif /* VIRTIO_VIRTIO_H */
