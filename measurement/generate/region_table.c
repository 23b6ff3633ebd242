/* Build-time program: iso-codes' JSON in, a sorted table of region codes and English names out, as C.
 * Rows borrow their text from the two JSON trees, which main frees.
 * The names of places are Debian's to maintain, not ours to copy. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row {
    const char *code;
    const char *name;
};

struct table {
    struct row *rows;
    size_t count;
};

static int row_compare(const void *left, const void *right)
{
    return strcmp(((const struct row *)left)->code, ((const struct row *)right)->code);
}

/* Adds every element of root[key]: its code under `code_key`; the common name ("Bolivia") before the formal
 * one. */
static int table_add(struct table *table, json_t *root, const char *key, const char *code_key,
                     const char *path)
{
    json_t *list = json_object_get(root, key);
    if (!json_is_array(list) || json_array_size(list) == 0) {
        fprintf(stderr, "region_table: %s holds no list \"%s\": install Debian's iso-codes\n", path, key);
        return -1;
    }
    struct row *grown = reallocarray(table->rows, table->count + json_array_size(list), sizeof *grown);
    if (!grown)
        return -1;
    table->rows = grown;
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *entry = json_array_get(list, i);
        const char *code = json_string_value(json_object_get(entry, code_key));
        const char *common = json_string_value(json_object_get(entry, "common_name"));
        const char *name = common ? common : json_string_value(json_object_get(entry, "name"));
        if (!code || !name || strlen(code) > 6) {
            fprintf(stderr, "region_table: %s: entry %zu lacks a code or a name\n", path, i);
            return -1;
        }
        table->rows[table->count++] = (struct row){.code = code, .name = name};
    }
    return 0;
}

static int table_sort(struct table *table)
{
    qsort(table->rows, table->count, sizeof *table->rows, row_compare);
    for (size_t i = 1; i < table->count; i++) {
        if (strcmp(table->rows[i - 1].code, table->rows[i].code) == 0) {
            fprintf(stderr, "region_table: %s stands twice in iso-codes\n", table->rows[i].code);
            return -1;
        }
    }
    return 0;
}

static void text_write(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static int table_write(const struct table *table, const char *path)
{
    FILE *out = fopen(path, "w");
    if (!out) {
        perror(path);
        return -1;
    }
    fputs("/* Made by region_table from iso-codes. */\n#include \"measurement/region.h\"\n\n"
          "const struct region_row region_rows[] = {\n",
          out);
    for (size_t i = 0; i < table->count; i++) {
        fputs("    {", out);
        text_write(out, table->rows[i].code);
        fputs(", ", out);
        text_write(out, table->rows[i].name);
        fputs("},\n", out);
    }
    fputs("};\nconst size_t region_row_count = sizeof region_rows / sizeof region_rows[0];\n", out);
    int failed = ferror(out);
    if (fclose(out) != 0 || failed) {
        perror(path);
        remove(path);
        return -1;
    }
    return 0;
}

static json_t *tree_load(const char *path)
{
    json_error_t error;
    json_t *tree = json_load_file(path, 0, &error);
    if (!tree)
        fprintf(stderr, "region_table: %s: %s: install Debian's iso-codes\n", path, error.text);
    return tree;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: region_table ISO_3166_1.json ISO_3166_2.json OUT.c\n");
        return 2;
    }
    int result = 1;
    struct table table = {0};
    json_t *countries = tree_load(argv[1]);
    json_t *subdivisions = tree_load(argv[2]);
    if (!countries || !subdivisions)
        goto done;
    if (table_add(&table, countries, "3166-1", "alpha_2", argv[1]) < 0 ||
        table_add(&table, subdivisions, "3166-2", "code", argv[2]) < 0 || table_sort(&table) < 0)
        goto done;
    if (table_write(&table, argv[3]) == 0)
        result = 0;
done:
    free(table.rows);
    json_decref(subdivisions);
    json_decref(countries);
    return result;
}
