/* dialtone-bench [NAME...]: runs benches and prints one table.
 * Owner: the table is main's. Why: figures of one run on one machine can be compared; those of two cannot. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "tests/bench/bench.h"

struct bench_table {
    const char *bench;
    int missed_count;
};

int64_t bench_cpu_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t bench_peak_bytes(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (int64_t)usage.ru_maxrss * 1024;
}

void bench_row(struct bench_table *table, const char *what, double figure, const char *unit, enum bench_sense sense,
               double bar)
{
    char bar_text[40] = "-";
    const char *judgement = "";
    if (sense != BENCH_NO_BAR) {
        bool met = sense == BENCH_AT_LEAST ? figure >= bar : figure <= bar;
        snprintf(bar_text, sizeof bar_text, "%s %.6g", sense == BENCH_AT_LEAST ? ">=" : "<=", bar);
        judgement = met ? "ok" : "MISS";
        table->missed_count += !met;
    }
    printf("%-10s %-52s %14.6g %-18s %-14s %s\n", table->bench, what, figure, unit, bar_text, judgement);
    fflush(stdout);
}

static bool is_wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            return true;
        }
    }
    return argc == 1;
}

static bool is_known(const char *name)
{
    for (size_t i = 0; bench_registry[i] != NULL; i++) {
        if (strcmp(bench_registry[i]->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static int list_benches(void)
{
    for (size_t i = 0; bench_registry[i] != NULL; i++) {
        printf("%-10s %s\n", bench_registry[i]->name, bench_registry[i]->summary);
    }
    return EXIT_NOTHING_WRONG;
}

int main(int argc, char **argv)
{
    struct bench_table table = {0};
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        return list_benches();
    }
    for (int i = 1; i < argc; i++) {
        if (!is_known(argv[i])) {
            fprintf(stderr, "dialtone-bench: there is no bench '%s'; --list names them\n", argv[i]);
            return EXIT_USAGE;
        }
    }
    printf("%-10s %-52s %14s %-18s %-14s\n", "bench", "what", "figure", "unit", "bar");
    for (size_t i = 0; bench_registry[i] != NULL; i++) {
        struct why why = {{0}};
        table.bench = bench_registry[i]->name;
        if (is_wanted(table.bench, argc, argv) && bench_registry[i]->run(&table, &why) != STATUS_OK) {
            fprintf(stderr, "dialtone-bench: %s: %s\n", table.bench, why.text);
            return EXIT_OWN_FAILURE;
        }
    }
    printf("%d figure(s) miss their bar\n", table.missed_count);
    return EXIT_NOTHING_WRONG;
}
