#include "infer/prologue.h"
#include "infer/kernel.h"

uint64_t sn_infer_prologue_bytes(const sn_infer_band_layout *layout) {
    const uint64_t lines = (uint64_t)layout->rows + layout->columns;
    return sn_infer_align_up(lines * layout->to.lanes * sizeof(int32_t)) +
           sn_infer_align_up(lines * sizeof(sn_infer_prologue_line));
}

/* One direction: patches of the input have `in` pixels, those of the output `out`, the picture
 * `side`. */
typedef struct direction {
    uint32_t in, out, side, stride, padding;
    uint32_t lanes_per_patch; /* from one patch to the next in this direction */
} direction;

/* The pixel of patch `patch` on a line, or -1. */
static int64_t pixel_of(const direction *d, uint32_t patch, uint32_t line) {
    const int64_t at = (int64_t)patch * d->out * d->stride + line - d->padding;
    return at >= 0 && at < (int64_t)d->side ? at : -1;
}

/* Whether one place and shift serve all patches of the line; describes it. */
static bool describe_line(const direction *d, uint32_t patches, uint32_t line,
                          sn_infer_prologue_line *entry) {
    *entry = (sn_infer_prologue_line){.place = -1, .whole = 1};
    for (uint32_t patch = 0; patch < patches; patch++) {
        const int64_t pixel = pixel_of(d, patch, line);
        if (pixel < 0) {
            entry->whole = 0;
            continue;
        }
        const int32_t place = (int32_t)(pixel % d->in);
        const int32_t shift =
            ((int32_t)(pixel / d->in) - (int32_t)patch) * (int32_t)d->lanes_per_patch;
        if (entry->place >= 0 && (entry->place != place || entry->shift != shift))
            return false;
        entry->place = place;
        entry->shift = shift;
    }
    return true;
}

static bool describe(const direction *d, uint32_t patches, uint32_t lines,
                     sn_infer_prologue_line *entries) {
    bool matches = true;
    for (uint32_t i = 0; i < lines; i++)
        matches &= describe_line(d, patches, i, &entries[i]);
    return matches;
}

/* The patch in this direction to which a lane belongs. */
static uint32_t patch_of(const sn_infer_lane_layout *layout, uint32_t lane, bool vertical) {
    return vertical ? lane / layout->across : lane % layout->across;
}

/* In gather mode: what the line adds to a lane's offset into a channel of the input. */
static int32_t gather_offset(const sn_infer_lane_layout *from, int64_t pixel, bool vertical) {
    if (pixel < 0)
        return -1;
    return (int32_t)(vertical ? sn_infer_lane_layout_offset(from, (uint32_t)pixel, 0)
                              : sn_infer_lane_layout_offset(from, 0, (uint32_t)pixel));
}

static void fill_masks(const sn_infer_prologue *prologue, const direction *d, uint32_t lines,
                       bool vertical, int32_t *masks) {
    const sn_infer_band_layout *layout = &prologue->layout;
    for (uint32_t i = 0; i < lines; i++)
        for (uint32_t lane = 0; lane < layout->to.lanes; lane++) {
            const int64_t pixel = pixel_of(d, patch_of(&layout->to, lane, vertical), i);
            *masks++ = prologue->gather ? gather_offset(&layout->from, pixel, vertical)
                       : pixel >= 0     ? -1
                                        : 0;
        }
}

/* Rows whose every lane has a pixel of its own patch; they begin with the patch's first. */
static void find_inner_rows(sn_infer_prologue *prologue, const sn_infer_prologue_line *lines) {
    const uint32_t rows = prologue->layout.rows;
    uint32_t row = 0;
    while (row < rows && (lines[row].place != 0 || lines[row].shift || !lines[row].whole))
        row++;
    prologue->inner_rows = row;
    while (row < rows && lines[row].whole && !lines[row].shift &&
           lines[row].place == (int32_t)(row - prologue->inner_rows))
        row++;
    prologue->inner_end = row;
}

void sn_infer_prologue_prepare(const sn_infer_layer *layer, const sn_infer_band_layout *layout,
                               float fill, void *memory, sn_infer_prologue *prologue) {
    const uint32_t lanes = layout->to.lanes, across = layout->to.across;
    const uint64_t lines = (uint64_t)layout->rows + layout->columns;
    int32_t *row_masks = memory;
    int32_t *column_masks = row_masks + (size_t)layout->rows * lanes;
    sn_infer_prologue_line *row_lines =
        (void *)((char *)memory + sn_infer_align_up(lines * lanes * sizeof(int32_t)));
    sn_infer_prologue_line *column_lines = row_lines + layout->rows;
    const direction down = {layout->from.rows, layout->to.rows, layer->in.height,
                            layout->stride,    layer->padding,  across};
    const direction right = {layout->from.columns, layout->to.columns, layer->in.width,
                             layout->stride,       layer->padding,     1};
    *prologue = (sn_infer_prologue){.layout = *layout,
                                    .fill = fill,
                                    .row_lines = row_lines,
                                    .column_lines = column_lines,
                                    .row_masks = row_masks,
                                    .column_masks = column_masks};
    const bool rows_match = describe(&down, lanes / across, layout->rows, row_lines);
    const bool columns_match = describe(&right, across, layout->columns, column_lines);
    prologue->gather = !rows_match || !columns_match || layout->from.across != across;
    find_inner_rows(prologue, row_lines);
    fill_masks(prologue, &down, layout->rows, true, row_masks);
    fill_masks(prologue, &right, layout->columns, false, column_masks);
}
