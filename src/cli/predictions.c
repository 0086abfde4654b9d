#define _POSIX_C_SOURCE 200809L
#include "cli/predictions.h"

#include "base/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEMPORARY_SIZE = SN_OPTION_TEXT_SIZE + 8 };

/* Predictions go to a new file beside the wanted one, which it replaces when it is complete. */
static sn_status open_predictions(const char *path, char temporary[TEMPORARY_SIZE], FILE **file,
                                  sn_error *error) {
    struct stat info;
    SN_RETURN_IF(stat(path, &info) == 0 && !S_ISREG(info.st_mode), error, SN_ERROR_IO,
                 "--predictions: %s is no regular file; give another name", path);
    snprintf(temporary, TEMPORARY_SIZE, "%s.XXXXXX", path);
    const int descriptor = mkstemp(temporary);
    *file = descriptor < 0 ? NULL : fdopen(descriptor, "w");
    if (!*file) {
        const int code = errno;
        if (descriptor >= 0) {
            close(descriptor);
            unlink(temporary);
        }
        return sn_error_set(error, SN_ERROR_IO, "--predictions: cannot write %s: %s", path,
                            strerror(code));
    }
    /* mkstemp makes a file for its owner alone. */
    const mode_t mask = umask(0);
    umask(mask);
    fchmod(descriptor, 0666 & ~mask);
    return SN_OK;
}

sn_status sn_evaluate_with_predictions(const sn_subject *subject, const sn_dataset *dataset,
                                       const char *path, sn_evaluate_options *options,
                                       sn_evaluate_result *result, sn_error *error) {
    char temporary[TEMPORARY_SIZE];
    SN_TRY(open_predictions(path, temporary, &options->predictions, error));
    sn_status status = sn_evaluate(subject, dataset, options, result, error);
    const bool failed = ferror(options->predictions) != 0;
    if ((fclose(options->predictions) != 0 || failed) && status == SN_OK)
        status = sn_error_set(error, SN_ERROR_IO, "--predictions: cannot write %s: %s", path,
                              strerror(errno));
    if (status == SN_OK)
        return sn_file_replace(temporary, path, error);
    unlink(temporary);
    return status;
}
