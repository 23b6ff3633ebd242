# Every library that Dialtone links. The Debian packages that bring them are listed in ./dev.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
foreach(pair
    PCAP:libpcap CARES:libcares CURL:libcurl MAXMINDDB:libmaxminddb OPENSSL:openssl
    EVENT:libevent EVENT_OPENSSL:libevent_openssl ZSTD:libzstd ZLIB:zlib SQLITE:sqlite3
    JANSSON:jansson SIMDJSON:simdjson PCRE2:libpcre2-8 INIH:inih SECCOMP:libseccomp CMOCKA:cmocka)
  string(REPLACE ":" ";" parts ${pair})
  list(GET parts 0 name)
  list(GET parts 1 module)
  pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${module})
endforeach()
