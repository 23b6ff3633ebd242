/* dialtone-collector simulate: a fleet with known truth.
 * Owner: plan, world, truth and findings live for the length of the command.
 * Why: error rates can be published only against a truth, and anyone can run the same seed again. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "collector/commands/commands.h"
#include "collector/simulate/fleet.h"
#include "collector/simulate/fleet_bundles.h"

static const struct cli_option options[] = {
    {"probes", "N", "probes of the whole fleet, spread evenly over the regions (360)"},
    {"regions", "R", "regions (30)"},
    {"days", "D", "days, from 2026-01-01 on (90)"},
    {"seed", "S", "the same seed gives the same world (1)"},
    {"scenario", "FILE", "JSON that changes the world: incidents, clocks, liars, journals that never arrive"},
    {"truth", "FILE", "write what really happened, as JSON, or as CSV where the name ends in .csv"},
    {"events", "FILE", "run the detector over the fleet and write what it finds, as JSON"},
    {"bundles", "DIR", "write the signed bundles that the fleet would upload"},
    {0},
};

static enum status plan_of(const struct cli_arguments *arguments, struct plan *plan, struct why *why)
{
    const char *scenario = cli_value(arguments, "scenario");
    enum status status = STATUS_OK;
    if (scenario != NULL && (status = scenario_read(scenario, plan, why)) != STATUS_OK)
        return status;
    if ((status = cli_number(arguments, "probes", 1, WORLD_PROBES_MOST, &plan->probe_count)) != STATUS_OK ||
        (status = cli_number(arguments, "regions", 1, WORLD_REGIONS_MOST, &plan->region_count)) != STATUS_OK ||
        (status = cli_number(arguments, "days", 1, WORLD_DAYS_MOST, &plan->day_count)) != STATUS_OK ||
        (status = cli_number(arguments, "seed", 0, INT64_MAX, &plan->seed)) != STATUS_OK)
        return status;
    for (size_t i = 0; i < plan->extra_count; i++)
        if (plan->extra[i].region >= plan->region_count) {
            why_set(why, "The scenario speaks of region %u, and there are %lld; ask for more with --regions.",
                    plan->extra[i].region, (long long)plan->region_count);
            return STATUS_USAGE;
        }
    return STATUS_OK;
}

static enum status truth_publish(const struct world *world, const char *path, struct why *why)
{
    struct truth truth;
    enum status status = truth_of_world(world, &truth);
    if (status == STATUS_OK)
        status = truth_write(&truth, path, why);
    if (status == STATUS_OK)
        printf("truth: %zu incidents in %s\n", truth.count, path);
    truth_free(&truth);
    return status;
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static enum status events_publish(struct world *world, const char *path, struct why *why)
{
    struct fleet_options fleet = fleet_options_default();
    struct findings findings;
    double start_s = cpu_seconds();
    enum status status = fleet_run(world, &fleet, &findings, why);
    double seconds = cpu_seconds() - start_s;
    if (status != STATUS_OK)
        return status;
    if (path != NULL)
        status = findings_write(&findings, path, why);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("detector: %zu events from %llu rows of two views in %.2f s of CPU, %.1f million rows/s with the simulation of them,"
           " %.0f MB\n",
           findings.count, (unsigned long long)findings.row_count, seconds,
           seconds > 0 ? (double)findings.row_count / seconds / 1e6 : 0.0, (double)usage.ru_maxrss / 1024);
    findings_free(&findings);
    return status;
}

static enum status bundles_publish(struct plan *plan, const char *folder, struct why *why)
{
    struct world world;
    size_t count;
    enum status status = world_make(plan, &world, why);
    if (status != STATUS_OK)
        return status;
    status = fleet_bundles_write(&world, folder, &count, why);
    if (status == STATUS_OK)
        printf("bundles: %zu, signed, under %s; the keys stand in %s/probes.csv\n", count, folder, folder);
    /* The plan goes back to its owner, incidents and all. */
    *plan = world.plan;
    world.plan = (struct plan){0};
    world_free(&world);
    return status;
}

static enum status simulate(const struct cli_arguments *arguments, struct plan *plan, struct why *why)
{
    const char *bundles = cli_value(arguments, "bundles"), *truth = cli_value(arguments, "truth");
    struct world world;
    enum status status = bundles != NULL ? bundles_publish(plan, bundles, why) : STATUS_OK;
    if (status == STATUS_OK)
        status = world_make(plan, &world, why);
    if (status != STATUS_OK)
        return status;
    if (truth != NULL)
        status = truth_publish(&world, truth, why);
    if (status == STATUS_OK && (cli_value(arguments, "events") != NULL || (bundles == NULL && truth == NULL)))
        status = events_publish(&world, cli_value(arguments, "events"), why);
    world_free(&world);
    return status;
}

static enum exit_status run(int argc, char **argv)
{
    struct cli_arguments *arguments = NULL;
    struct plan plan = plan_default();
    struct why why = {""};
    enum status status = cli_parse(&command_simulate, options, argc, argv, &arguments);
    if (status != STATUS_OK)
        return status == STATUS_REFUSED ? EXIT_NOTHING_WRONG : exit_of_status(status);
    if (cli_operand_count(arguments) > 0) {
        cli_fail(EXIT_USAGE, "simulate: it takes no file; give a scenario with --scenario FILE");
        status = STATUS_USAGE;
    } else if ((status = plan_of(arguments, &plan, &why)) == STATUS_OK) {
        status = simulate(arguments, &plan, &why);
    }
    if (status != STATUS_OK && why.text[0] != '\0')
        cli_fail(EXIT_USAGE, "simulate: %s", why.text);
    else if (status == STATUS_NO_MEMORY)
        cli_fail(EXIT_OWN_FAILURE, "simulate: out of memory; simulate fewer probes");
    plan_free(&plan);
    cli_free(arguments);
    return exit_of_status(status);
}

const struct cli_command command_simulate = {
    .name = "simulate",
    .summary = "simulate a fleet of probes with known shutdowns, and run the detector over it",
    .help = "usage: dialtone-collector simulate [--probes N] [--regions R] [--days D] [--seed S] [--scenario FILE]\n"
            "                                  [--truth FILE] [--events FILE] [--bundles DIR]\n"
            "\n"
            "Routers, desktops and phones with their habits, in regions (XS-000, ...) of three networks; shutdowns, power\n"
            "cuts, operator outages, faults of single lines and of the collector; journals that arrive late or never.\n"
            "The events file holds two views: \"live\" judges with what had arrived, \"final\" with all that ever arrives.\n"
            "\n"
            "A scenario is a JSON object. All members are optional: probes, regions, days, seed, random (false: only\n"
            "what is listed), never_share, late_share, wrong_clock_share, wrong_clock_s, liar_share, liar_patience (share\n"
            "of the lies that are held back until they are over), replaced (false: nobody takes the place of probes that\n"
            "leave), exams (daily, two weeks), long_days, and incidents: [{\"region\": 0, \"kind\": \"full_shutdown\", \"from\": 120, \"until\": 126}],\n"
            "times in hours from the start or as UTC text; kinds full_shutdown, mobile_shutdown, international_cut,\n"
            "dns_failure, power_cut, operator_outage (with \"network\" 0 to 2), collector_fault, lie.\n"
            "\n"
            "Exit status: 0 done; 1 a scenario is malformed; 2 usage; 3 a file cannot be written.\n"
            "\n"
            "Examples:\n"
            "  dialtone-collector simulate --seed 7 --truth truth.json --events events.json\n"
            "  dialtone-collector evaluate --truth truth.json --events events.json\n",
    .run = run,
};
