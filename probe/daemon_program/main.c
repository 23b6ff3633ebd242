/* dialtone-probe-daemon: the inside of `dialtone-probe run`.
 * Owner: nothing.
 * Why: a program of its own, so that it links little and stays small for months. */
#include "probe/daemon/daemon.h"

int main(int argc, char **argv)
{
    return (int)daemon_main(argc, argv);
}
