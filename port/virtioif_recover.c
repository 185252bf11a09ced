/*
 * virtioif_recover.c: a device that broke the rules, asked for a reset or fell silent.
 *
 *   LIVE --failed--> BROKEN --next poll: reset--> STOPPED --when due: start--> LIVE
 *                                                    |  ^ did not work: later again
 *                                                    v
 *                                                 GIVEN_UP
 *
 * Each attempt waits twice as long as the one before; a device that has run for a while starts over
 * without a wait. Only the watchdog's attempts have no last one: a device that is merely stuck, or
 * a host that was asleep, may come back at any time.
 *
 * For lwIP the link is down meanwhile: connections stay and repeat what was lost, received pbufs
 * that it holds stay as they are.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "lwip/sys.h"
#include "virtio/virtio_hal.h"
#include "virtioif_priv.h"

/* A suspended host makes the clock jump, but no polls happen meanwhile. */
#define WATCH_POLLS_MIN 3u

static void tell(struct virtioif *vif, enum virtioif_event event)
{
  LWIP_DEBUGF(VIRTIOIF_DEBUG, ("virtioif: %s\n", virtioif_event_text(event)));
  if (vif->event != NULL) {
    vif->event(vif->netif, event);
  }
}

static bool time_has_come(u32_t when_ms)
{
  return (s32_t)(sys_now() - when_ms) >= 0;
}

static bool is_hopeless(const struct virtioif_recovery *recovery)
{
  return recovery->may_give_up && recovery->attempts == VIRTIOIF_RESET_ATTEMPTS;
}

/* The first attempt is made at once, the others after 100, 200, 400 ms, ... */
static void schedule(struct virtioif_recovery *recovery)
{
  bool at_once = recovery->attempts == 0 || is_hopeless(recovery);
  u32_t wait_ms = at_once ? 0 : (u32_t)VIRTIOIF_RESET_WAIT_MS << (recovery->attempts - 1);
  recovery->retry_at_ms = sys_now() + wait_ms;
}

void virtioif_device_failed(struct virtioif *vif, enum virtioif_event why)
{
  struct virtioif_recovery *recovery = &vif->recovery;

  if (!virtioif_is_live(vif)) {
    return;
  }
  vif->state = VIRTIOIF_BROKEN;
  vif->stats.device_errors++;
  recovery->may_give_up = why != VIRTIOIF_EVENT_TX_TIMEOUT;
  schedule(recovery);
  tell(vif, why);
}

/* Reset the device and take back what it was given. lwIP neither repeats nor times out a segment
 * that is still referenced, so those are released even if the reset does not end: the device could
 * then read memory that is somebody else's by now, but a connection that hangs for ever would be
 * worse. Receive buffers, which it could still write, stay the device's. */
static bool take_back(struct virtioif *vif)
{
  bool done = virtio_reset(vif->net.dev) == VIRTIO_OK;

  vif->corked = false;
  virtioif_rx_abandon(vif);
  if (VIRTIOIF_TSO) {
    virtioif_tso_abandon(vif);
  }
  virtioif_tx_reclaim(vif);
  if (done) {
    virtioif_rx_reclaim(vif);
  }
  return done;
}

static bool start_again(struct virtioif *vif)
{
  bool reset_is_open = virtq_in_flight(&vif->net.rx) > 0;

  if (reset_is_open && !take_back(vif)) {
    vif->start_error = VIRTIO_ERR_TIMEOUT;
    return false;
  }
  return virtioif_start(vif) == VIRTIO_OK;
}

static void give_up(struct virtioif *vif)
{
  virtio_fail(vif->net.dev);
  vif->state = VIRTIOIF_GIVEN_UP;
  tell(vif, VIRTIOIF_EVENT_GIVEN_UP);
}

static void attempt(struct virtioif *vif)
{
  struct virtioif_recovery *recovery = &vif->recovery;

  if (is_hopeless(recovery)) {
    give_up(vif);
    return;
  }
  if (recovery->attempts < VIRTIOIF_RESET_ATTEMPTS) {
    recovery->attempts++;
  }
  if (!start_again(vif)) {
    vif->stats.start_errors++;
    schedule(recovery);
    tell(vif, VIRTIOIF_EVENT_START_FAILED);
    return;
  }
  recovery->started_at_ms = sys_now();
  vif->tx_watch = (struct virtioif_tx_watch){0}; /* nothing is in flight */
  vif->state = VIRTIOIF_LIVE;
  vif->stats.recoveries++;
  vif->tx_reaped = true; /* whoever was refused may try again */
  tell(vif, VIRTIOIF_EVENT_RECOVERED);
  virtioif_link_changed(vif, vif->net.link_up);
}

bool virtioif_recovery_is_due(const struct virtioif *vif)
{
  return vif->state == VIRTIOIF_BROKEN ||
         (vif->state == VIRTIOIF_STOPPED && time_has_come(vif->recovery.retry_at_ms));
}

bool virtioif_recover(struct virtioif *vif)
{
  if (vif->state == VIRTIOIF_BROKEN) {
    vif->state = VIRTIOIF_STOPPED;
    (void)take_back(vif); /* or start_again() does */
    virtioif_link_changed(vif, false);
  }
  if (virtioif_recovery_is_due(vif)) {
    attempt(vif);
  }
  return virtioif_is_live(vif);
}

/* Frames on their way to the device or back, one that is still being joined included. */
static u16_t frames_under_way(const struct virtioif *vif)
{
  bool open = VIRTIOIF_TSO && virtioif_tso_is_open(vif);
  return (u16_t)(virtq_in_flight(&vif->net.tx) + (open ? 1u : 0u));
}

/* What is under way grows old together: when the last old frame is back, those that are under way
 * by then are the old ones. So a frame that is kept while others come and go is noticed as well. */
static void watch_tx(struct virtioif *vif)
{
  struct virtioif_tx_watch *watch = &vif->tx_watch;

  if (watch->old == 0) {
    watch->old = frames_under_way(vif);
    watch->generation++;
    watch->polls = 0;
    return;
  }
  u32_t now = sys_now();
  if (watch->polls == 0) {
    watch->kicked_again = false;
    watch->since_ms = now;
  }
  if (watch->polls < WATCH_POLLS_MIN) {
    watch->polls++;
    return;
  }
  if (now - watch->since_ms < VIRTIOIF_TX_TIMEOUT_MS) {
    return;
  }
  if (watch->kicked_again) {
    virtioif_device_failed(vif, VIRTIOIF_EVENT_TX_TIMEOUT);
    return;
  }
  watch->kicked_again = true;
  watch->since_ms = now;
  watch->polls = 1;
  vif->stats.tx_stalls++;
  vif->net.dev->ops->notify(vif->net.dev, vif->net.tx.index);
  tell(vif, VIRTIOIF_EVENT_TX_STALLED);
}

void virtioif_watch(struct virtioif *vif)
{
  struct virtioif_recovery *recovery = &vif->recovery;

  if (recovery->attempts > 0 && time_has_come(recovery->started_at_ms + VIRTIOIF_STABLE_MS)) {
    recovery->attempts = 0;
  }
  watch_tx(vif);
}

/*
 * For the user
 */

VIRTIO_COLD void virtioif_reset(struct netif *netif)
{
  struct virtioif *vif = virtioif_of(netif);

  LWIP_ASSERT_CORE_LOCKED();
  vif->recovery.attempts = 0;
  vif->recovery.retry_at_ms = sys_now();
  vif->recovery.may_give_up = true;
  if (virtioif_is_live(vif)) {
    vif->state = VIRTIOIF_BROKEN;
  } else if (vif->state == VIRTIOIF_GIVEN_UP) {
    vif->state = VIRTIOIF_STOPPED;
  }
  tell(vif, VIRTIOIF_EVENT_RESET_WANTED);
}

/* A last farewell of some protocol should still go out. */
static void drain(struct virtioif *vif)
{
  for (u32_t laps = 0; virtioif_is_live(vif) && virtq_in_flight(&vif->net.tx) > 0; laps++) {
    if (laps == VIRTIO_WAIT_READS) {
      return;
    }
    virtioif_tx_reap(vif);
    virtio_hal_relax();
  }
}

VIRTIO_COLD err_t virtioif_remove(struct netif *netif)
{
  struct virtioif *vif = virtioif_of(netif);

  LWIP_ASSERT_CORE_LOCKED();
  netif_remove(netif);
  virtioif_loop_drop(netif); /* netif_remove() forgets them */
  virtioif_flush(netif);
  drain(vif);
  vif->state = VIRTIOIF_REMOVED;
  if (!take_back(vif)) {
    return ERR_TIMEOUT;
  }
  return vif->rx_held > 0 ? ERR_INPROGRESS : ERR_OK;
}

VIRTIO_COLD const char *virtioif_event_text(enum virtioif_event event)
{
  switch (event) {
  case VIRTIOIF_EVENT_QUEUE_BROKEN:
    return "the device broke the rules of a queue";
  case VIRTIOIF_EVENT_NEEDS_RESET:
    return "the device needs a reset";
  case VIRTIOIF_EVENT_TX_STALLED:
    return "no frame gets sent, the device is notified once more";
  case VIRTIOIF_EVENT_TX_TIMEOUT:
    return "no frame gets sent, the device is reset";
  case VIRTIOIF_EVENT_RESET_WANTED:
    return "a reset was asked for";
  case VIRTIOIF_EVENT_RECOVERED:
    return "the device works again";
  case VIRTIOIF_EVENT_START_FAILED:
    return "the device did not come back";
  case VIRTIOIF_EVENT_GIVEN_UP:
    return "the device is given up";
  default:
    return "an unknown event";
  }
}
