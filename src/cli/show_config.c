#include "cli/show_config.h"

#include "cli/report.h"

typedef struct line {
    const sn_train_config *config;
    const sn_option *option;
    size_t index;
} line;

enum { OPTION, VALUE, DEFAULT, GIVEN, SHOWN_VALUE, SHOWN_DEFAULT };

/* As in config.json: numbers and flags as such, the rest as text, also a 0 that is only valid by
 * its name. The value points into `config` where that is a text. */
static sn_value value_of(const sn_option *option, const sn_train_config *config) {
    const void *field = (const char *)config + option->offset;
    char text[SN_OPTION_TEXT_SIZE];
    switch (option->kind) {
    case SN_OPTION_FLAG:
        return sn_value_flag(*(const bool *)field);
    case SN_OPTION_COUNT:
        if (*(const uint64_t *)field == 0 && option->minimum > 0)
            return sn_value_text(option->zero_name);
        return sn_value_count(*(const uint64_t *)field);
    case SN_OPTION_REAL:
        return sn_value_real(*(const double *)field);
    case SN_OPTION_TEXT:
    case SN_OPTION_LIST:
        return sn_value_text(field);
    case SN_OPTION_CHOICE:
        break;
    }
    sn_option_format(option, config, text);
    return sn_value_text_of("%s", text);
}

static sn_value shown(const sn_option *option, const sn_train_config *config) {
    char text[SN_OPTION_TEXT_SIZE];
    sn_option_format(option, config, text);
    return sn_value_text_of("%.80s", text);
}

static sn_value get(const void *of, int part) {
    const line *l = of;
    sn_train_config other;
    switch (part) {
    case OPTION:
        return sn_value_text(l->option->name);
    case GIVEN:
        return sn_value_flag(l->config->given[l->index]);
    case VALUE:
        return value_of(l->option, l->config);
    case SHOWN_VALUE:
        return shown(l->option, l->config);
    default:
        break;
    }
    sn_config_default(l->config, l->index, &other);
    if (part == SHOWN_DEFAULT)
        return shown(l->option, &other);
    if (l->option->kind == SN_OPTION_TEXT || l->option->kind == SN_OPTION_LIST)
        return sn_value_text(""); /* and `other` is gone when it is printed */
    return value_of(l->option, &other);
}

static const sn_field fields[] = {
    {"option", "option", get, OPTION, .left = true},
    SN_DATA("value", get, VALUE),
    SN_DATA("default", get, DEFAULT),
    {NULL, "value", get, SHOWN_VALUE, .left = true},
    {NULL, "default", get, SHOWN_DEFAULT, .left = true},
    {"given", "given", get, .part = GIVEN},
};

sn_status sn_show_config(const sn_subject *subject, sn_output format, sn_error *error) {
    line lines[SN_CONFIG_MOST_OPTIONS];
    size_t count, used = 0;
    const sn_option *table = sn_config_table(&count);
    SN_RETURN_IF(!subject->checkpoint, error, SN_ERROR_ARGUMENT,
                 "%s is a model file and does not say how it was trained; give its checkpoint "
                 "instead",
                 subject->path);
    for (size_t i = 0; i < count; i++)
        if (table[i].tag != SN_CONFIG_TRANSIENT)
            lines[used++] = (line){sn_checkpoint_config(subject->checkpoint), &table[i], i};
    const sn_rows rows = {fields, sizeof fields / sizeof *fields, lines, sizeof *lines, used,
                          false};
    if (format == SN_OUTPUT_JSON)
        return sn_report_object(subject, json_pack("{s:o}", "options", sn_rows_json(&rows)), error);
    if (format == SN_OUTPUT_TEXT)
        return sn_rows_text(&rows, stdout, error);
    sn_rows_csv(&rows, stdout);
    return SN_OK;
}
