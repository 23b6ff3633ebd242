/* Adds statements up.
 * Owner: a ledger owns its rows.
 * Why: what is kept is what was said; what holds now is computed, so that no update can lose a statement. */
#include "collector/trust/ledger.h"

#include <stdlib.h>
#include <string.h>

void ledger_free(struct ledger *ledger)
{
    free(ledger->probes);
    free(ledger->invitations);
    free(ledger->networks);
    *ledger = (struct ledger){.probes = NULL};
}

/* Where the name stands, or would. */
static size_t place_of(const struct ledger *ledger, const char *probe)
{
    size_t low = 0;
    size_t high = ledger->probe_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(ledger->probes[middle].name, probe) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct trust_probe *ledger_find(const struct ledger *ledger, const char *probe)
{
    size_t place = place_of(ledger, probe);
    bool is_there = place < ledger->probe_count && strcmp(ledger->probes[place].name, probe) == 0;
    return is_there ? &ledger->probes[place] : NULL;
}

struct trust_invitation *ledger_invitation(const struct ledger *ledger, const char *code_hash)
{
    for (size_t i = 0; i < ledger->invitation_count; i++) {
        if (strcmp(ledger->invitations[i].code_hash, code_hash) == 0) {
            return &ledger->invitations[i];
        }
    }
    return NULL;
}

/* The row of that name, made where it is missing. NULL without memory. */
static struct trust_probe *probe_row(struct ledger *ledger, const char *probe, const char *key)
{
    size_t place = place_of(ledger, probe);
    if (place == ledger->probe_count || strcmp(ledger->probes[place].name, probe) != 0) {
        if (ledger->probe_count == ledger->probe_room) {
            size_t room = ledger->probe_room * 2 + 64;
            struct trust_probe *probes = reallocarray(ledger->probes, room, sizeof *probes);
            if (!probes) {
                return NULL;
            }
            ledger->probes = probes;
            ledger->probe_room = room;
        }
        memmove(&ledger->probes[place + 1], &ledger->probes[place],
                (ledger->probe_count - place) * sizeof *ledger->probes);
        ledger->probes[place] = (struct trust_probe){.standing = TRUST_UNKNOWN, .weight = 1};
        memcpy(ledger->probes[place].name, probe, KEY_NAME_BYTES);
        ledger->probe_count++;
    }
    if (key[0]) {
        memcpy(ledger->probes[place].key, key, PUBLIC_KEY_TEXT_BYTES);
    }
    return &ledger->probes[place];
}

/* The row of that code, made where it is missing: on another machine's clock it may have been used before it was made. */
static struct trust_invitation *invitation_row(struct ledger *ledger, const char *code_hash)
{
    struct trust_invitation *known = ledger_invitation(ledger, code_hash);
    if (known) {
        return known;
    }
    if (ledger->invitation_count == ledger->invitation_room) {
        size_t room = ledger->invitation_room * 2 + 16;
        struct trust_invitation *rows = reallocarray(ledger->invitations, room, sizeof *rows);
        if (!rows) {
            return NULL;
        }
        ledger->invitations = rows;
        ledger->invitation_room = room;
    }
    struct trust_invitation *row = &ledger->invitations[ledger->invitation_count++];
    *row = (struct trust_invitation){.made_us = 0};
    memcpy(row->code_hash, code_hash, sizeof row->code_hash);
    return row;
}

/* Of those that were let in by an invitation before it was known how many it lets in, the last. */
static bool last_user_drop(struct ledger *ledger, const struct trust_invitation *invitation)
{
    struct trust_probe *last = NULL;
    for (size_t i = 0; i < ledger->probe_count; i++) {
        struct trust_probe *probe = &ledger->probes[i];
        if (strcmp(probe->invitation, invitation->code_hash) == 0 && (!last || probe->enrolled_us >= last->enrolled_us)) {
            last = probe;
        }
    }
    if (last) {
        last->standing = last->standing == TRUST_ENROLLED ? TRUST_UNKNOWN : last->standing;
        last->enrolled_us = 0;
        last->invitation[0] = '\0';
    }
    return last != NULL;
}

static enum status invite(struct ledger *ledger, const struct trust_statement *statement)
{
    struct trust_invitation *row = invitation_row(ledger, statement->invitation);
    if (!row) {
        return STATUS_NO_MEMORY;
    }
    row->made_us = statement->time_us;
    row->until_us = statement->until_us;
    row->use_count = statement->use_count;
    memcpy(row->label, statement->label, sizeof row->label);
    while (row->used_count > row->use_count && last_user_drop(ledger, row)) {
        row->used_count--;
    }
    for (size_t i = 0; row->used_count > 0 && i < ledger->probe_count; i++) {
        struct trust_probe *probe = &ledger->probes[i];
        if (strcmp(probe->invitation, row->code_hash) == 0 && probe->standing != TRUST_REVOKED) {
            memcpy(probe->label, row->label, sizeof probe->label);
        }
    }
    return STATUS_OK;
}

static enum status enrol(struct ledger *ledger, struct trust_probe *row, const struct trust_statement *statement)
{
    bool is_known = statement->invitation[0] && strcmp(row->invitation, statement->invitation) == 0;
    if (statement->invitation[0] && !is_known) {
        struct trust_invitation *invitation = invitation_row(ledger, statement->invitation);
        if (!invitation) {
            return STATUS_NO_MEMORY;
        }
        if (invitation->made_us != 0 && invitation->used_count >= invitation->use_count) {
            return STATUS_OK; /* at another collector somebody was quicker */
        }
        invitation->used_count++;
        memcpy(row->label, invitation->label, sizeof row->label);
        memcpy(row->invitation, invitation->code_hash, sizeof row->invitation);
    }
    row->standing = row->standing == TRUST_REVOKED ? TRUST_REVOKED : TRUST_ENROLLED;
    row->enrolled_us = row->enrolled_us ? row->enrolled_us : statement->time_us;
    return STATUS_OK;
}

static enum status rotate(struct ledger *ledger, const struct trust_statement *statement)
{
    struct trust_probe *new = probe_row(ledger, statement->successor, statement->successor_key);
    if (!new) {
        return STATUS_NO_MEMORY;
    }
    struct trust_probe *old = ledger_find(ledger, statement->probe); /* found anew: rows have moved */
    if (old && !new->before[0]) {
        memcpy(new->before, old->name, sizeof new->before);
        memcpy(old->after, new->name, sizeof old->after);
        if (new->standing == TRUST_UNKNOWN && old->standing == TRUST_ENROLLED) {
            new->standing = TRUST_ENROLLED;
            new->enrolled_us = old->enrolled_us;
            memcpy(new->label, old->label, sizeof new->label);
        }
    }
    return STATUS_OK;
}

static enum status network_weigh(struct ledger *ledger, const struct trust_statement *statement)
{
    size_t place = 0;
    while (place < ledger->network_count && ledger->networks[place].asn != statement->asn) {
        place++;
    }
    if (place == ledger->network_room) {
        size_t room = ledger->network_room * 2 + 16;
        struct trust_network *networks = reallocarray(ledger->networks, room, sizeof *networks);
        if (!networks) {
            return STATUS_NO_MEMORY;
        }
        ledger->networks = networks;
        ledger->network_room = room;
    }
    ledger->network_count += place == ledger->network_count;
    ledger->networks[place] = (struct trust_network){.asn = statement->asn, .weight = statement->weight_percent / 100.0};
    memcpy(ledger->networks[place].label, statement->label, sizeof ledger->networks[place].label);
    return STATUS_OK;
}

double ledger_weight(const struct ledger *ledger, const char *probe)
{
    const struct trust_probe *row = ledger_find(ledger, probe);
    size_t steps = 0;
    while (row && !row->is_weighed && row->before[0] && steps++ < ledger->probe_count) {
        row = ledger_find(ledger, row->before);
    }
    return row && row->is_weighed ? row->weight : 1;
}

double ledger_network_weight(const struct ledger *ledger, uint32_t asn)
{
    for (size_t i = 0; i < ledger->network_count; i++) {
        if (ledger->networks[i].asn == asn) {
            return ledger->networks[i].weight;
        }
    }
    return 1;
}

enum status ledger_add(struct ledger *ledger, const struct trust_statement *statement)
{
    ledger->statement_count++;
    ledger->newest_us = statement->time_us > ledger->newest_us ? statement->time_us : ledger->newest_us;
    if (statement->kind == STATEMENT_INVITE) {
        return invite(ledger, statement);
    }
    if (statement->kind == STATEMENT_WEIGH && statement->asn != 0) {
        return network_weigh(ledger, statement);
    }
    struct trust_probe *row = probe_row(ledger, statement->probe, statement->key);
    if (!row) {
        return STATUS_NO_MEMORY;
    }
    switch (statement->kind) {
    case STATEMENT_ENROL:
        return enrol(ledger, row, statement);
    case STATEMENT_REVOKE:
        row->standing = TRUST_REVOKED;
        row->revoked_us = statement->time_us;
        row->void_from_us = statement->from_us;
        memcpy(row->label, statement->label, sizeof row->label);
        break;
    case STATEMENT_RESTORE:
        row->standing = row->enrolled_us ? TRUST_ENROLLED : TRUST_UNKNOWN;
        row->revoked_us = 0;
        row->void_from_us = 0;
        row->label[0] = 0;
        break;
    case STATEMENT_ROTATE:
        return rotate(ledger, statement);
    case STATEMENT_WEIGH:
        row->is_weighed = true;
        row->weight = statement->weight_percent / 100.0;
        break;
    case STATEMENT_INVITE:
        break;
    }
    return STATUS_OK;
}
