/*
 * test_hooks.c: routes to an interface's own addresses, which lwIP then loops back.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "host.h"

#include "netif/virtioif_hooks.h"

static ip4_addr_t ip4_of(const struct host *host)
{
  return *netif_ip4_addr(&host->netif);
}

static ip6_addr_t ip6_of(const struct host *host)
{
  return *netif_ip6_addr(&host->netif, 1);
}

static void an_own_address_is_routed_to_its_interface(void **state)
{
  (void)state;
  struct host *hosts[] = {host_live(HOST_MODERN), host_live(HOST_MODERN), host_live(HOST_MODERN)};
  for (unsigned link = 0; link < 2; link++) {
    for (size_t i = 0; i < COUNT(hosts); i++) {
      ip4_addr_t ip4 = ip4_of(hosts[i]);
      ip6_addr_t ip6 = ip6_of(hosts[i]);
      assert_ptr_equal(virtioif_ip4_route(&ip4), &hosts[i]->netif);
      assert_ptr_equal(virtioif_ip6_route(NULL, &ip6), &hosts[i]->netif);
      netif_set_link_down(&hosts[i]->netif); /* matters to nobody but the peer */
    }
  }
}

static void addresses_of_others_are_lwips_affair(void **state)
{
  (void)state;
  struct host *host = host_live(HOST_MODERN);
  ip4_addr_t ip4 = ip4_of(host);
  ip6_addr_t ip6 = ip6_of(host);
  ip4.addr ^= PP_HTONL(2);
  ip6.addr[3] ^= PP_HTONL(2);
  assert_null(virtioif_ip4_route(&ip4));
  assert_null(virtioif_ip6_route(NULL, &ip6));
}

/* An interface that waits for DHCP has the address 0.0.0.0, which is nobody's. */
static void no_address_is_not_an_own_address(void **state)
{
  (void)state;
  struct host *host = host_live(HOST_MODERN);
  netif_set_addr(&host->netif, IP4_ADDR_ANY4, IP4_ADDR_ANY4, IP4_ADDR_ANY4);
  ip4_addr_t none = *IP4_ADDR_ANY4;
  assert_null(virtioif_ip4_route(&none));
}

static void an_interface_that_is_down_has_no_address(void **state)
{
  (void)state;
  struct host *host = host_live(HOST_MODERN);
  ip4_addr_t ip4 = ip4_of(host);
  ip6_addr_t ip6 = ip6_of(host);
  netif_set_down(&host->netif);
  assert_null(virtioif_ip4_route(&ip4));
  assert_null(virtioif_ip6_route(NULL, &ip6));
}

/* Until no neighbour has objected an IPv6 address is not to be used. */
static void a_tentative_address_is_not_an_own_address(void **state)
{
  (void)state;
  static const struct {
    u8_t value;
    bool own;
  } states[] = {{IP6_ADDR_TENTATIVE, false},
                {IP6_ADDR_DUPLICATED, false},
                {IP6_ADDR_DEPRECATED, true},
                {IP6_ADDR_PREFERRED, true}};
  struct host *host = host_live(HOST_MODERN);
  ip6_addr_t ip6 = ip6_of(host);
  for (size_t i = 0; i < COUNT(states); i++) {
    netif_ip6_addr_set_state(&host->netif, 1, states[i].value);
    assert_ptr_equal(virtioif_ip6_route(NULL, &ip6), states[i].own ? &host->netif : NULL);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      HOST_TEST(an_own_address_is_routed_to_its_interface),
      HOST_TEST(addresses_of_others_are_lwips_affair),
      HOST_TEST(no_address_is_not_an_own_address),
      HOST_TEST(an_interface_that_is_down_has_no_address),
      HOST_TEST(a_tentative_address_is_not_an_own_address),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
