/*
 * sim_internal.h: what the files of the simulated device share.
 *
 *   sim_report.c  breaches, and the test as a whole
 *   sim_hal.c     the platform: bus addresses, barriers, caches
 *   sim_mmio.c    the bus and the registers
 *   sim_status.c  device status, features, what has to be true at DRIVER_OK
 *   sim_config.c  configuration space
 *   sim_ring.c    the device side of a split virtqueue
 *   sim_net.c     frames
 *   sim_rng.c     random bytes
 *   sim_lie.c     a device that lies
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef SIM_INTERNAL_H
#define SIM_INTERNAL_H

#include "sim_device.h"

/* Device status bits. */
#define SIM_S_ACKNOWLEDGE 0x01u
#define SIM_S_DRIVER      0x02u
#define SIM_S_DRIVER_OK   0x04u
#define SIM_S_FEATURES_OK 0x08u
#define SIM_S_SUSPEND     0x10u
#define SIM_S_NEEDS_RESET 0x40u
#define SIM_S_FAILED      0x80u

#define SIM_CONFIG_BYTES  28u

/** What a register holds that nobody wrote yet. */
#define SIM_POISON        0xdeadbeefu

/*
 * sim_report.c
 */

/** The driver broke rule id. */
void sim_breach(const char *id, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** The test itself is wrong, or going on makes no sense. */
void sim_fatal(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Memory or the end of the test. */
void *sim_alloc(size_t bytes);

/*
 * Little-endian, or the CPU's own order on the legacy interface
 */

uint16_t sim_get16(const uint8_t *at, bool native);
uint32_t sim_get32(const uint8_t *at, bool native);
uint64_t sim_get64(const uint8_t *at, bool native);
void sim_put16(uint8_t *at, uint16_t value, bool native);
void sim_put32(uint8_t *at, uint32_t value, bool native);

/*
 * sim_hal.c
 */

void sim_hal_begin(void);
void sim_hal_end(void);

/** A device that snoops no caches writes to memory. */
void sim_cache_write(uint8_t *mem, const uint8_t *bytes, size_t len);

/** Memory is given to such a device: check it, then forget what was done for it until now. */
void sim_cache_check(const uint8_t *mem, size_t len, bool device_writes);
void sim_cache_posted(const uint8_t *mem, size_t len);

/*
 * sim_ring.c
 */

enum { SIM_DESC_BYTES = 16 };

/** One buffer that the device has, or had. Indexed by its head. */
struct sim_chain {
  bool in_flight;           /* made available, not returned */
  bool taken;               /* the device works on it */
  uint16_t slot;            /* where in the available ring it stood */
  struct sim_piece *pieces; /* nothing here is read from driver memory again */
  unsigned count;
  uint64_t out_bytes;
  uint64_t in_bytes;
  uint8_t *table;           /* copy of the indirect table, NULL if there is none */
  const uint8_t *table_mem; /* where it stands */
  size_t table_bytes;
  uint8_t *sent; /* copy of all readable bytes when they were read, NULL before */
};

struct sim_ring {
  struct sim_device *dev; /* NULL if the ring is alone */
  uint16_t index;
  uint16_t size; /* 0: not set up */
  bool event_idx;
  bool indirect;
  bool native;
  bool noncoherent;
  bool dead;      /* a breach made it senseless to go on */
  bool scribbled; /* the device itself spoilt driver memory: nothing is compared any more */
  uint8_t *desc;
  uint8_t *avail;
  uint8_t *used;

  struct sim_chain *chains;
  uint16_t *owner;    /* for each descriptor: head of its buffer + 1, 0 if not in flight */
  uint8_t *desc_copy; /* descriptors of buffers in flight */
  uint16_t *fifo;     /* heads made available and not yet taken */
  unsigned fifo_count;
  unsigned in_flight;
  uint16_t seen_idx;   /* available index so far */
  uint16_t flags_seen; /* available flags at the last look */

  uint16_t used_idx;    /* honest used index */
  uint16_t used_lie;    /* added to it in what the driver sees */
  uint16_t signalled;   /* used index at the last decision about an interrupt */
  uint16_t avail_event; /* what the device asked for */
  bool suppress;        /* the device asked for no notifications */
  bool kick_due;        /* new buffers, and the device has to be told */
  bool kick_news;       /* new buffers since the last notification */

  uint8_t *barrier_desc; /* descriptors and available ring as of the last write barrier */
  uint8_t *barrier_avail;
  uint16_t idx_at_mb;   /* available index as of the last full barrier */
  uint16_t flags_at_mb; /* the same of available flags and used_event */
  uint16_t event_at_mb;
  uint32_t clock;       /* counts barriers and completions */
  uint32_t rmb_clock;   /* clock at the last read barrier */
  uint32_t *done_clock; /* for each descriptor: clock when the device was done with it */

  struct sim_ring *next; /* all rings */
};

enum sim_barrier { SIM_MB, SIM_RMB, SIM_WMB };

void sim_ring_init(struct sim_ring *ring, const struct sim_ring_params *params);
void sim_ring_clear(struct sim_ring *ring);
void sim_rings_begin(void);
void sim_rings_end(void);
void sim_rings_barrier(enum sim_barrier kind);

/** See what was made available since the last look. */
void sim_ring_scan(struct sim_ring *ring);

/** Check that no descriptor in flight was altered. id: the rule that says so. */
void sim_ring_verify(struct sim_ring *ring, const char *id);

/** Take the nth of the available buffers. */
bool sim_ring_take_nth(struct sim_ring *ring, unsigned n, struct sim_buffer *buffer);

/** Keep what the device read of a buffer, to see whether it changes before completion. */
void sim_ring_sent(struct sim_ring *ring, uint16_t head, const uint8_t *bytes, size_t len);

/** Write one element of the used ring and move the index, whatever it says. */
void sim_ring_raw_used(struct sim_ring *ring, uint32_t id, uint32_t len);

/** Release a buffer without telling the driver. */
void sim_ring_release(struct sim_ring *ring, uint16_t head);

/** Show the used index to the driver. */
void sim_ring_show_idx(struct sim_ring *ring);

/*
 * The device
 */

enum sim_probe {
  SIM_PROBE_MAGIC,   /* nothing read yet */
  SIM_PROBE_VERSION, /* MagicValue was read */
  SIM_PROBE_ID,      /* Version was read */
  SIM_PROBE_DONE,    /* all three were read and are good */
  SIM_PROBE_BAD,     /* one of them says: leave me alone */
};

/** What the driver wrote for one queue. */
struct sim_queue_setup {
  uint32_t size;
  uint32_t align;
  uint32_t addr[6];    /* desc, avail, used: low and high words */
  unsigned addr_mask;  /* which of these were written */
  bool max_read;       /* QueueSizeMax was read */
  bool free_read;      /* QueueReady or QueuePFN was read as 0 */
  bool ready;          /* QueueReady is 1 or QueuePFN is not 0 */
  uint32_t pfn;        /* legacy */
  bool stop_unchecked; /* QueueReady was written 0 and not read back */
};

struct sim_device {
  struct sim_device *next;
  struct sim_net_params params;
  struct sim_net_params params_next; /* from the next reset on */
  bool becoming;                     /* there are such */
  struct sim_faults faults;
  struct sim_counters count;
  uintptr_t base;
  uint32_t magic;
  uint32_t version;
  uint32_t device_id;
  bool whole; /* it has more than the three registers that say what it is */
  enum sim_probe probe;
  const char *bad_probe_rule; /* why it is to be left alone */

  uint32_t status;
  bool reset_asked; /* the driver asked for a reset at least once */
  bool resetting;   /* and the last one is not over */
  uint32_t reset_left;
  bool reset_seen;    /* the driver has read status 0 since */
  bool features_read; /* FEATURES_OK was read back */
  bool features_refused;
  bool live;
  bool dead; /* stopped working, says nothing any more */

  uint32_t device_sel;
  uint32_t driver_sel;
  bool device_sel_fresh;
  bool driver_sel_fresh;
  uint64_t accepted;
  uint32_t page_size;
  uint32_t queue_sel;
  bool queue_sel_known;
  struct sim_queue_setup setup[SIM_QUEUES];
  struct sim_ring ring[SIM_QUEUES];

  uint8_t config[SIM_CONFIG_BYTES];
  uint8_t mac_next[6];
  unsigned mac_next_after; /* configuration reads until mac_next takes over; 0: never */
  uint8_t noise;           /* of a configuration that never settles */
  uint32_t generation;
  uint32_t generation_read; /* what the driver read last */
  bool generation_known;    /* it read one since the configuration was last confirmed */
  bool config_open;         /* it read fields since then */
  bool config_stale;        /* what it read was not all of one generation */
  unsigned mac_reads[6];    /* how often each byte was read since reset */

  uint32_t isr;
  uint32_t isr_read; /* causes that the driver has seen */

  enum sim_pace pace;
  enum sim_order order;
  unsigned burst;
  bool burst_used;
  uint32_t random;
  uint16_t *held; /* heads of frames that were sent and not completed */
  unsigned held_count;
  struct sim_frame *frames;
  unsigned frame_count;
  unsigned frame_room;
  unsigned rng_given; /* random bytes given so far */
  unsigned rng_most;  /* most of them in one answer */

  sim_hook_fn *hook[SIM_POINTS];
  void *hook_arg[SIM_POINTS];
  bool in_hook;
};

/** All devices, for what concerns each of them. */
extern struct sim_device *sim_devices;

struct sim_device *sim_device_create(const struct sim_net_params *params, uint32_t device_id);
void sim_device_free(struct sim_device *dev);
bool sim_legacy(const struct sim_device *dev);
bool sim_offered(const struct sim_device *dev, uint64_t feature);
void sim_hook(struct sim_device *dev, enum sim_point point);
void sim_raise(struct sim_device *dev, uint32_t causes);

/* sim_mmio.c, for the platform */
uint32_t sim_mmio_read(uintptr_t addr, unsigned width);
void sim_mmio_write(uintptr_t addr, unsigned width, uint32_t value);
void sim_mmio_end(void);

/* sim_status.c */
uint32_t sim_status_read(struct sim_device *dev);
void sim_status_write(struct sim_device *dev, uint32_t value);
void sim_device_reset(struct sim_device *dev);
void sim_features_write(struct sim_device *dev, unsigned word, uint32_t bits);

/* sim_config.c */
void sim_config_fill(struct sim_device *dev);
uint32_t sim_config_read(struct sim_device *dev, unsigned offset, unsigned width);
uint32_t sim_config_generation(struct sim_device *dev);
void sim_config_settled(struct sim_device *dev);

/* sim_rng.c */
void sim_rng_answer(struct sim_device *dev);

/* sim_net.c */
bool sim_is_net(const struct sim_device *dev);
void sim_net_made_available(struct sim_device *dev, struct sim_ring *ring, uint16_t head);
/** Write into one buffer what fits, from its start; returns how much. */
size_t sim_net_fill(struct sim_device *dev, const struct sim_buffer *buffer, const uint8_t *bytes,
                    size_t len);
void sim_net_notified(struct sim_device *dev, unsigned queue);
void sim_net_signal(struct sim_device *dev, struct sim_ring *ring);
void sim_net_use(struct sim_device *dev, struct sim_ring *ring, uint16_t head, uint32_t len);

/* sim_frame.c */
/** Check a frame as the device was given it and fill in what it left to the device. */
void sim_frame_check(const struct sim_device *dev, struct sim_frame *frame, const uint8_t *hdr,
                     size_t hdr_len);

#endif /* SIM_INTERNAL_H */
