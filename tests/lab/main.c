/* dialtone-lab: an emulated Internet on one machine.
 * Owner: each command frees what it makes.
 * Why: verdicts are only worth what the lab, whose truth is known, says about them. */
#include <stdio.h>

int main(int argc, char **argv)
{
    (void)argv;
    fprintf(stderr, "dialtone-lab: %s: see --help\n", argc < 2 ? "no command" : "unknown command");
    return 2;
}
