/*
 * app.cpp: the application of ../app.c, as C++: the headers' functions have C linkage, and the
 * memory macro makes valid C++.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include <cstdint>
#include <cstdio>

#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/sys.h"
#include "netif/ethernet.h"
#include "netif/virtioif.h"
#include "virtio/virtio_mmio.h"

namespace {

VIRTIOIF_MEMORY(nic_memory, 4, 4, 4);

class Interface {
public:
  bool add()
  {
    virtioif_params params{};
    params.vif = &nic_;
    params.memory = &nic_memory;
    return netif_add_noaddr(&netif_, &params, virtioif_init, ethernet_input) != nullptr;
  }

private:
  virtioif nic_{};
  netif netif_{};
};

const std::uint32_t empty_slot[64] = {0x74726976, 2, 0};

} // namespace

extern "C" u32_t sys_now(void)
{
  return 0;
}

int main()
{
  static Interface interface;
  virtio_mmio mmio;

  lwip_init();
  if (virtio_mmio_probe(&mmio, reinterpret_cast<std::uintptr_t>(empty_slot)) != VIRTIO_ERR_NODEV ||
      interface.add()) {
    std::puts("there is no device, yet one was found");
    return 1;
  }
  std::printf("cxx: lwIP %s\n", LWIP_VERSION_STRING);
  return 0;
}
