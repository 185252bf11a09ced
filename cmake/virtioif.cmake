# virtioif.cmake: functions that build the driver, lwIP, lwIP's applications and the port.
#
#   virtioif_add_virtio(<name>)
#   virtioif_add_lwip(<name> DIR <lwip tree> [OPTS <folder with lwipopts.h>])
#   virtioif_add_lwip_app(<name> LWIP <lwip target> APPS <app>... [DIR <lwip tree>])
#   virtioif_add_port(<name> LWIP <lwip target> [VIRTIO <virtio target>])
#
# lwIP's types depend on lwipopts.h, so lwIP, its applications and the port are compiled once per
# configuration; the driver knows no lwIP and is compiled once. Each function makes one static
# library <name> and the alias virtioif::<name>. Nothing outside that library is set. The file is
# the same in the source tree and in an installed package: it looks only at its own place.
#
# With CMAKE_UNITY_BUILD, or the property UNITY_BUILD of their targets, driver and port are compiled
# as one file each, so that functions are inlined across files without link-time optimization.
#
# SPDX-License-Identifier: BSD-3-Clause

include_guard(GLOBAL)

# The one list of the driver's sources. virtioif_sources(<variable for virtio/> <... for port/>)
function(virtioif_sources out_virtio out_port)
  set(${out_virtio}
    virtio.c
    virtio_mmio.c
    virtio_net.c
    virtio_rng.c
    virtq_split.c
    PARENT_SCOPE)
  set(${out_port}
    virtioif.c
    virtioif_chksum.c
    virtioif_csum.c
    virtioif_hooks.c
    virtioif_loop.c
    virtioif_recover.c
    virtioif_rx.c
    virtioif_tso.c
    virtioif_tx.c
    PARENT_SCOPE)
endfunction()

# The one list of lwIP's sources, relative to lwIP's src/. lwIP's own Filelists.cmake cannot serve:
# it writes into the lwIP tree, so a read-only tree fails and two configurations race.
function(virtioif_lwip_sources out_var lwip_dir)
  set(sources
    core/altcp.c core/altcp_alloc.c core/altcp_tcp.c core/def.c core/dns.c core/inet_chksum.c
    core/init.c core/ip.c core/mem.c core/memp.c core/netif.c core/pbuf.c core/raw.c core/stats.c
    core/sys.c core/tcp.c core/tcp_in.c core/tcp_out.c core/timeouts.c core/udp.c
    core/ipv4/autoip.c core/ipv4/dhcp.c core/ipv4/etharp.c core/ipv4/icmp.c core/ipv4/igmp.c
    core/ipv4/ip4.c core/ipv4/ip4_addr.c core/ipv4/ip4_frag.c
    core/ipv6/dhcp6.c core/ipv6/ethip6.c core/ipv6/icmp6.c core/ipv6/inet6.c core/ipv6/ip6.c
    core/ipv6/ip6_addr.c core/ipv6/ip6_frag.c core/ipv6/mld6.c core/ipv6/nd6.c
    api/api_lib.c api/api_msg.c api/err.c api/if_api.c api/netbuf.c api/netdb.c api/netifapi.c
    api/sockets.c api/tcpip.c
    netif/ethernet.c)
  # Address conflict detection became a file of its own in lwIP 2.2.
  if(EXISTS "${lwip_dir}/src/core/ipv4/acd.c")
    list(APPEND sources core/ipv4/acd.c)
  endif()
  set(${out_var} ${sources} PARENT_SCOPE)
endfunction()

# The sources of one of lwIP's applications, relative to lwIP's src/; empty for an unknown name.
function(virtioif_lwip_app_sources out_var app)
  set(http apps/http/altcp_proxyconnect.c apps/http/fs.c apps/http/http_client.c apps/http/httpd.c)
  set(iperf apps/lwiperf/lwiperf.c)
  set(mdns apps/mdns/mdns.c apps/mdns/mdns_domain.c apps/mdns/mdns_out.c)
  set(mqtt apps/mqtt/mqtt.c)
  set(netbios apps/netbiosns/netbiosns.c)
  set(smtp apps/smtp/smtp.c)
  set(sntp apps/sntp/sntp.c)
  set(tftp apps/tftp/tftp.c)
  if(app MATCHES "^(http|iperf|mdns|mqtt|netbios|smtp|sntp|tftp)$")
    set(${out_var} ${${app}} PARENT_SCOPE)
  else()
    set(${out_var} "" PARENT_SCOPE)
  endif()
endfunction()

# Make a path absolute as CMake's own commands do, and check that it holds an lwIP tree.
function(virtioif_find_lwip out_var dir)
  get_filename_component(lwip_dir "${dir}" ABSOLUTE BASE_DIR "${CMAKE_CURRENT_SOURCE_DIR}")
  if(NOT EXISTS "${lwip_dir}/src/core/init.c")
    message(FATAL_ERROR
      "virtioif: there is no lwIP in ${lwip_dir} (no src/core/init.c). Either\n"
      "  git submodule update --init lwip    in the virtioif tree fetches the tested version, or\n"
      "  -DVIRTIOIF_LWIP_DIR=<lwip tree>     names a tree of your own, or\n"
      "  -DVIRTIOIF_DEFAULT_TARGETS=OFF      leaves lwIP to your calls of virtioif_add_lwip().\n")
  endif()
  set(${out_var} "${lwip_dir}" PARENT_SCOPE)
endfunction()

# Check what cmake_parse_arguments() left over and that the named ones are there.
macro(virtioif_check_arguments function)
  if(DEFINED ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "${function}: unknown argument: ${ARG_UNPARSED_ARGUMENTS}")
  endif()
  foreach(required ${ARGN})
    if(NOT ARG_${required})
      message(FATAL_ERROR "${function}: ${required} is missing")
    endif()
  endforeach()
endmacro()

# The driver: no lwIP include folder, by design.
#
# A platform that replaces a part of virtio_hal.h adds its header to the library and to all that
# links it:
#   target_compile_definitions(virtio PUBLIC VIRTIO_HAL_HEADER="my_hal.h")
#   target_include_directories(virtio PUBLIC <its folder>)
function(virtioif_add_virtio name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "")
  virtioif_check_arguments(virtioif_add_virtio)
  get_filename_component(dir "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../virtio" ABSOLUTE)
  if(NOT EXISTS "${dir}/virtio.c")
    message(FATAL_ERROR
      "virtioif_add_virtio: an installed package holds the driver as the library virtioif::virtio; "
      "to compile it once more, take the source tree")
  endif()
  virtioif_sources(sources unused)
  list(TRANSFORM sources PREPEND "${dir}/")
  add_library(${name} STATIC ${sources})
  add_library(virtioif::${name} ALIAS ${name})
  set_target_properties(${name} PROPERTIES UNITY_BUILD_BATCH_SIZE 0)
  target_compile_features(${name} PUBLIC c_std_11)
  target_include_directories(${name} PUBLIC "$<BUILD_INTERFACE:${dir}/include>")
endfunction()

# lwIP for one configuration.
#
# DIR   the lwIP tree, 2.1 or later
# OPTS  the folder of lwipopts.h, default the port's; an arch/cc.h there replaces the port's. Of
#       several folders the first is searched first.
function(virtioif_add_lwip name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "DIR" "OPTS")
  virtioif_check_arguments(virtioif_add_lwip DIR)
  virtioif_find_lwip(lwip_dir "${ARG_DIR}")
  get_filename_component(port_dir "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../port" ABSOLUTE)
  if(NOT ARG_OPTS)
    set(ARG_OPTS "${port_dir}/lwipopts")
  endif()
  set(opts "")
  set(found FALSE)
  foreach(dir IN LISTS ARG_OPTS)
    get_filename_component(dir "${dir}" ABSOLUTE BASE_DIR "${CMAKE_CURRENT_SOURCE_DIR}")
    list(APPEND opts "${dir}")
    if(EXISTS "${dir}/lwipopts.h")
      set(found TRUE)
    endif()
  endforeach()
  if(NOT found)
    message(FATAL_ERROR "virtioif_add_lwip: there is no lwipopts.h in ${opts}")
  endif()

  virtioif_lwip_sources(sources "${lwip_dir}")
  list(TRANSFORM sources PREPEND "${lwip_dir}/src/")
  add_library(${name} STATIC ${sources})
  add_library(virtioif::${name} ALIAS ${name})
  # lwIP's files have local names in common.
  set_target_properties(${name} PROPERTIES VIRTIOIF_LWIP_DIR "${lwip_dir}" UNITY_BUILD OFF)
  target_compile_features(${name} PUBLIC c_std_11)
  # The configuration comes first. lwIP's headers are system headers, so that an application's
  # warnings stop at its own code; so are the port's, which puts its arch/cc.h behind any other.
  target_include_directories(${name} PUBLIC ${opts})
  target_include_directories(${name} SYSTEM PUBLIC
    "${lwip_dir}/src/include" "${port_dir}/include")
endfunction()

# Let target use the headers of an lwIP target, and link it unless that would compile lwIP again.
function(virtioif_use_lwip target lwip)
  if(NOT TARGET ${lwip})
    message(FATAL_ERROR "virtioif: LWIP ${lwip} is not a target")
  endif()
  virtioif_carries_sources(carries ${lwip})
  if(carries)
    # An INTERFACE library that holds lwIP's sources puts them into each target that links it.
    # The application does that once; here only headers and definitions are taken.
    target_include_directories(${target} SYSTEM PUBLIC
      "$<TARGET_PROPERTY:${lwip},INTERFACE_INCLUDE_DIRECTORIES>")
    target_compile_definitions(${target} PUBLIC
      "$<TARGET_PROPERTY:${lwip},INTERFACE_COMPILE_DEFINITIONS>")
    target_compile_options(${target} PUBLIC
      "$<TARGET_PROPERTY:${lwip},INTERFACE_COMPILE_OPTIONS>")
  else()
    target_link_libraries(${target} PUBLIC ${lwip})
  endif()
endfunction()

# Whether linking target compiles sources: its own INTERFACE_SOURCES or those of what it links.
function(virtioif_carries_sources out_var target)
  set(todo ${target})
  set(done "")
  set(carries FALSE)
  while(todo)
    list(POP_FRONT todo next)
    if(NOT TARGET "${next}" OR next IN_LIST done)
      continue()
    endif()
    list(APPEND done ${next})
    get_target_property(sources ${next} INTERFACE_SOURCES)
    if(sources)
      set(carries TRUE)
      break()
    endif()
    get_target_property(links ${next} INTERFACE_LINK_LIBRARIES)
    if(links)
      list(APPEND todo ${links})
    endif()
  endwhile()
  set(${out_var} ${carries} PARENT_SCOPE)
endfunction()

# lwIP calls the port's hooks (netif/virtioif_hooks.h), so each needs the other: the one cycle that
# CMake allows is between static libraries.
function(virtioif_link_hooks lwip port)
  get_target_property(aliased ${lwip} ALIASED_TARGET)
  if(aliased)
    set(lwip ${aliased})
  endif()
  get_target_property(type ${lwip} TYPE)
  if(type STREQUAL "STATIC_LIBRARY")
    target_link_libraries(${lwip} INTERFACE ${port})
  endif()
endfunction()

# Some of lwIP's applications, for one lwIP.
#
# LWIP  the lwIP target to build for
# APPS  of http (server and client), iperf, mdns, mqtt, netbios, smtp, sntp, tftp
# DIR   the lwIP tree; not needed for a target of virtioif_add_lwip()
function(virtioif_add_lwip_app name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "LWIP;DIR" "APPS")
  virtioif_check_arguments(virtioif_add_lwip_app LWIP APPS)
  if(NOT ARG_DIR AND TARGET ${ARG_LWIP})
    get_target_property(ARG_DIR ${ARG_LWIP} VIRTIOIF_LWIP_DIR)
  endif()
  if(NOT ARG_DIR)
    message(FATAL_ERROR
      "virtioif_add_lwip_app: ${ARG_LWIP} is not of virtioif_add_lwip(), so name its tree with DIR")
  endif()
  virtioif_find_lwip(lwip_dir "${ARG_DIR}")
  set(sources "")
  foreach(app IN LISTS ARG_APPS)
    virtioif_lwip_app_sources(app_sources ${app})
    if(NOT app_sources)
      message(FATAL_ERROR "virtioif_add_lwip_app: unknown application ${app}")
    endif()
    foreach(source IN LISTS app_sources)
      # lwIP 2.1 has some of them in fewer files.
      if(EXISTS "${lwip_dir}/src/${source}")
        list(APPEND sources "${lwip_dir}/src/${source}")
      endif()
    endforeach()
  endforeach()
  add_library(${name} STATIC ${sources})
  add_library(virtioif::${name} ALIAS ${name})
  set_target_properties(${name} PROPERTIES UNITY_BUILD OFF)
  virtioif_use_lwip(${name} ${ARG_LWIP})
endfunction()

# The port: the lwIP netif on top of the driver.
#
# LWIP    the lwIP target to build for, of virtioif_add_lwip() or your own. A target of your own
#         has to pass on the include folders of lwIP, lwipopts.h and arch/cc.h; one that is an
#         INTERFACE library of sources has to be complete before this call.
# VIRTIO  the driver; default virtioif::virtio
function(virtioif_add_port name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "LWIP;VIRTIO" "")
  virtioif_check_arguments(virtioif_add_port LWIP)
  if(NOT ARG_VIRTIO)
    set(ARG_VIRTIO virtioif::virtio)
  endif()
  get_filename_component(dir "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../port" ABSOLUTE)
  virtioif_sources(unused sources)
  list(TRANSFORM sources PREPEND "${dir}/")
  add_library(${name} STATIC ${sources})
  add_library(virtioif::${name} ALIAS ${name})
  set_target_properties(${name} PROPERTIES UNITY_BUILD_BATCH_SIZE 0)
  virtioif_use_lwip(${name} ${ARG_LWIP})
  virtioif_link_hooks(${ARG_LWIP} ${name})
  target_link_libraries(${name} PUBLIC ${ARG_VIRTIO})
  # Behind lwIP's folders: a target of your own brings an arch/cc.h, and that is the one to use.
  target_include_directories(${name} SYSTEM PUBLIC "${dir}/include")
endfunction()
