#include "cli/manual.h"

#include "cli/arguments.h"

#include <ctype.h>
#include <string.h>

/* ---- roff ---- */

/* Text with everything escaped that means something to roff. */
static void put_text(const char *text, FILE *out) {
    bool line_starts = true;
    for (; *text; text++) {
        if (line_starts && (*text == '.' || *text == '\''))
            fputs("\\&", out);
        if (!line_starts && (*text == '[' || *text == '|'))
            fputs("\\:", out); /* a line may break here */
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '-')
            fputs("\\-", out);
        else if (*text == '\'')
            fputs("\\(aq", out);
        else
            putc(*text, out);
        line_starts = *text == '\n';
    }
}

static void put_capitals(const char *text, FILE *out) {
    for (; *text; text++)
        putc(toupper((unsigned char)*text), out);
}

static void put_title(const sn_command *command, FILE *out) {
    fputs(".\\\" Made by signet help --man.\n.TH SIGNET", out);
    if (command) {
        putc('-', out);
        put_capitals(command->name, out);
    }
    fprintf(out, " 1 \"\" \"signet %s\" \"User Commands\"\n.nh\n.ad l\n.SH NAME\nsignet",
            SN_VERSION);
    if (command) {
        fputs("\\-", out);
        put_text(command->name, out);
    }
    fputs(" \\- ", out);
}

/* "default: 1", or nothing where there is none. */
static void put_default(const sn_option *option, FILE *out) {
    const char *name;
    for (int i = 0; option->kind == SN_OPTION_CHOICE && (name = option->choice_name(i)); i++) {
        fputs(i ? ", " : "\nOne of: ", out);
        put_text(name, out);
    }
    if (option->kind == SN_OPTION_CHOICE)
        fputs(".", out);
    if (option->fallback && *option->fallback) {
        fputs("\nDefault: ", out);
        put_text(option->fallback, out);
        fputs(".", out);
    }
}

static void put_option(const sn_option *option, FILE *out) {
    fputs(".TP\n\\fB\\-\\-", out);
    put_text(option->name, out);
    fputs("\\fR", out);
    if (option->value_name) {
        fputs(" \\fI", out);
        put_text(option->value_name, out);
        fputs("\\fR", out);
    }
    putc('\n', out);
    putc(toupper((unsigned char)option->help[0]), out);
    put_text(option->help + 1, out);
    putc('.', out);
    put_default(option, out);
    putc('\n', out);
}

static void put_options(const sn_command *command, FILE *out) {
    sn_option table[SN_COMMAND_MOST_OPTIONS];
    const size_t count = command->options(table);
    fputs(".SH OPTIONS\n", out);
    for (size_t first = 0; first < count; first++) {
        if (sn_arguments_group_seen(table, first))
            continue;
        fprintf(out, ".SS %s\n", sn_arguments_group(&table[first]));
        for (size_t i = first; i < count; i++)
            if (strcmp(sn_arguments_group(&table[i]), sn_arguments_group(&table[first])) == 0)
                put_option(&table[i], out);
    }
    fputs(".SS Other\n.TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nPrint the options and their "
          "defaults.\n",
          out);
}

static void put_status(FILE *out) {
    fputs(".SH \"EXIT STATUS\"\n"
          ".TP\n0\nAll went well.\n"
          ".TP\n1\nMemory ran out, or signet has a bug.\n"
          ".TP\n2\nBad input, or something could not be read or written.\n"
          ".TP\n3\nTraining diverged.\n"
          ".TP\n129, 130, 143\nA hangup, Ctrl\\-C or SIGTERM ended training; last.h5 is saved.\n",
          out);
}

static void put_references(const sn_command *command, FILE *out) {
    const sn_command *other;
    const char *separator = "";
    fputs(".SH \"SEE ALSO\"\n", out);
    if (command) {
        fputs(".BR signet (1)", out);
        separator = ",\n";
    }
    for (size_t i = 0; (other = sn_command_at(i)) != NULL; i++) {
        if (other == command)
            continue;
        fprintf(out, "%s.BR signet\\-%s (1)", separator, other->name);
        separator = ",\n";
    }
    putc('\n', out);
}

static void put_overview(FILE *out) {
    const sn_command *command;
    fputs("train signed\\-binary networks and run them with the kernels of the device\n"
          ".SH SYNOPSIS\n.B signet\n\\fICOMMAND\\fR [\\fIARGUMENT\\fR...]\n"
          ".SH DESCRIPTION\nTrains networks whose filters have weights {0, +a} or {0, \\-a}, and "
          "runs them with the\ninference kernels of the device.\nResults go to standard output, "
          "messages to standard error.\n.SH COMMANDS\n",
          out);
    for (size_t i = 0; (command = sn_command_at(i)) != NULL; i++) {
        fprintf(out, ".TP\n.BR signet\\-%s (1)\n", command->name);
        putc(toupper((unsigned char)command->summary[0]), out);
        put_text(command->summary + 1, out);
        fputs(".\n", out);
    }
}

static void put_command(const sn_command *command, FILE *out) {
    put_text(command->summary, out);
    fputs("\n.SH SYNOPSIS\n", out);
    for (size_t i = 0; command->forms[i]; i++) {
        fprintf(out, "%s.B signet %s\n", i ? ".br\n" : "", command->name);
        put_text(command->forms[i], out);
        putc('\n', out);
    }
    fputs(".SH DESCRIPTION\n", out);
    put_text(command->description, out);
    putc('\n', out);
    put_options(command, out);
}

void sn_manual_page(const sn_command *command, FILE *out) {
    put_title(command, out);
    if (command)
        put_command(command, out);
    else
        put_overview(out);
    put_status(out);
    put_references(command, out);
}

/* ---- completion ---- */

static void put_command_names(FILE *out) {
    const sn_command *command;
    for (size_t i = 0; (command = sn_command_at(i)) != NULL; i++)
        fprintf(out, "%s%s", i ? " " : "", command->name);
}

/* What may follow an option, where that is a choice. */
static void put_values(const sn_command *command, const sn_option *table, size_t count, FILE *out) {
    const char *name;
    for (size_t i = 0; i < count; i++) {
        if (table[i].kind != SN_OPTION_CHOICE)
            continue;
        fprintf(out, "    %s:--%s) words='", command->name, table[i].name);
        for (int index = 0; (name = table[i].choice_name(index)) != NULL; index++)
            fprintf(out, "%s%s", index ? " " : "", name);
        fputs("' ;;\n", out);
    }
}

/* Values that are not chosen from a list: bash offers files. */
static void put_others(const sn_command *command, const sn_option *table, size_t count, FILE *out) {
    const char *separator = "    ";
    for (size_t i = 0; i < count; i++) {
        if (table[i].kind == SN_OPTION_CHOICE || table[i].kind == SN_OPTION_FLAG)
            continue;
        fprintf(out, "%s%s:--%s", separator, command->name, table[i].name);
        separator = " | ";
    }
    if (separator[1] == '|')
        fputs(") return ;;\n", out);
}

static void put_options_of(const sn_command *command, const sn_option *table, size_t count,
                           FILE *out) {
    fprintf(out, "    %s:-*) words='", command->name);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "--%s ", table[i].name);
    fputs("--help' ;;\n", out);
}

static void put_words(const sn_command *command, FILE *out) {
    if (command != &sn_cmd_help && !command->words)
        return;
    fprintf(out, "    %s:*) ((COMP_CWORD > 2)) || words='", command->name);
    if (command == &sn_cmd_help)
        put_command_names(out);
    for (size_t i = 0; command->words && command->words[i]; i++)
        fprintf(out, "%s%s", i ? " " : "", command->words[i]);
    fputs("' ;;\n", out);
}

void sn_manual_completion(FILE *out) {
    const sn_command *command;
    sn_option table[SN_COMMAND_MOST_OPTIONS];
    fputs("# bash completion for signet, made by signet help --completion\n"
          "_signet() {\n"
          "    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} "
          "words=''\n"
          "    local command=${COMP_WORDS[1]}\n"
          "    COMPREPLY=()\n"
          "    if ((COMP_CWORD == 1)); then\n"
          "        mapfile -t COMPREPLY < <(compgen -W '",
          out);
    put_command_names(out);
    fputs("' -- \"$current\")\n"
          "        return\n"
          "    fi\n"
          "    # bash makes three words of --option=value.\n"
          "    if [[ $current == '=' ]]; then\n"
          "        current=''\n"
          "    elif [[ $before == '=' ]]; then\n"
          "        before=${COMP_WORDS[COMP_CWORD - 2]}\n"
          "    fi\n"
          "    case $command:$before in\n",
          out);
    for (size_t i = 0; (command = sn_command_at(i)) != NULL; i++) {
        const size_t count = command->options(table);
        put_values(command, table, count, out);
        put_others(command, table, count, out);
    }
    fputs("    *)\n"
          "        case $command:$current in\n",
          out);
    for (size_t i = 0; (command = sn_command_at(i)) != NULL; i++) {
        const size_t count = command->options(table);
        fputs("    ", out);
        put_options_of(command, table, count, out);
        if (command == &sn_cmd_help || command->words)
            fputs("    ", out);
        put_words(command, out);
    }
    fputs("        esac\n"
          "        ;;\n"
          "    esac\n"
          "    [[ ! $words ]] || mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
          "}\n"
          "complete -o default -F _signet signet\n",
          out);
}
