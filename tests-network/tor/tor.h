/* The test of one service as data and two pure functions, for whoever judges evidence without a network. */
#ifndef TESTS_NETWORK_TOR_TOR_H
#define TESTS_NETWORK_TOR_TOR_H

#include "tests-network/steps/service.h"

extern const struct service service_tor;

#endif
