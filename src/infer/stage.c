#include "infer/stage.h"
#include "infer/layer.h"

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

bool sn_infer_stage_plan(const sn_infer_layer *layer, uint32_t lanes, uint32_t band,
                         sn_infer_stage *stage) {
    const uint32_t s = layer->stride;
    *stage = (sn_infer_stage){
        .from = sn_infer_tiles_choose(layer->in.height, layer->in.width, lanes),
        .to = sn_infer_tiles_choose(layer->out.height, layer->out.width, lanes),
        .stride = s,
        .row_phases = smaller(s, layer->kernel_height),
        .column_phases = smaller(s, layer->kernel_width),
    };
    stage->rows = (stage->to.rows - 1) * s + layer->kernel_height;
    stage->columns = (stage->to.columns - 1) * s + layer->kernel_width;
    stage->phase_rows = band + (layer->kernel_height - 1) / s;
    stage->phase_columns = stage->to.columns + (layer->kernel_width - 1) / s;
    const uint64_t pitch = (uint64_t)stage->row_phases * stage->phase_rows;
    const uint64_t channel = pitch * stage->column_phases * stage->phase_columns;
    if (channel * layer->in.channels * lanes > SN_INFER_MAX_ELEMENTS)
        return false;
    stage->pitch = (uint32_t)pitch;
    stage->channel = (uint32_t)channel;
    return true;
}

uint32_t sn_infer_stage_window(const sn_infer_layer *layer, const sn_infer_stage *stage) {
    return smaller(layer->kernel_width, stage->column_phases * stage->phase_columns) * stage->pitch;
}

uint64_t sn_infer_stage_bytes(const sn_infer_stage *stage) {
    const uint64_t lines = (uint64_t)stage->rows + stage->columns;
    return sn_infer_align_up(lines * stage->to.lanes * sizeof(int32_t)) +
           sn_infer_align_up(lines * sizeof(sn_infer_stage_line));
}

/* One direction: `tiles_in` tiles of `in` pixels, likewise out, the picture has `side` pixels. */
typedef struct direction {
    uint32_t in, out, side, stride, padding;
    uint32_t lanes_per_tile; /* from one tile to the next in this direction */
} direction;

/* The pixel of tile `tile` on a line, or -1. */
static int64_t pixel_of(const direction *d, uint32_t tile, uint32_t line) {
    const int64_t at = (int64_t)tile * d->out * d->stride + line - d->padding;
    return at >= 0 && at < (int64_t)d->side ? at : -1;
}

/* Whether one place and shift serve all tiles of the line; describes it. */
static bool describe_line(const direction *d, uint32_t tiles, uint32_t line,
                          sn_infer_stage_line *entry) {
    *entry = (sn_infer_stage_line){.place = -1, .whole = 1};
    for (uint32_t tile = 0; tile < tiles; tile++) {
        const int64_t pixel = pixel_of(d, tile, line);
        if (pixel < 0) {
            entry->whole = 0;
            continue;
        }
        const int32_t place = (int32_t)(pixel % d->in);
        const int32_t shift =
            ((int32_t)(pixel / d->in) - (int32_t)tile) * (int32_t)d->lanes_per_tile;
        if (entry->place >= 0 && (entry->place != place || entry->shift != shift))
            return false;
        entry->place = place;
        entry->shift = shift;
    }
    return true;
}

static bool describe(const direction *d, uint32_t tiles, uint32_t lines,
                     sn_infer_stage_line *entries) {
    bool matches = true;
    for (uint32_t i = 0; i < lines; i++)
        matches &= describe_line(d, tiles, i, &entries[i]);
    return matches;
}

/* The tile in this direction to which a lane belongs. */
static uint32_t tile_of(const sn_infer_tiles *tiles, uint32_t lane, bool vertical) {
    return vertical ? lane / tiles->across : lane % tiles->across;
}

/* In gather mode: what the line adds to a lane's offset into a channel of the input. */
static int32_t gather_offset(const sn_infer_stage *stage, int64_t pixel, bool vertical) {
    const sn_infer_tiles *from = &stage->from;
    if (pixel < 0)
        return -1;
    return (int32_t)(vertical ? sn_infer_tiles_offset(from, (uint32_t)pixel, 0)
                              : sn_infer_tiles_offset(from, 0, (uint32_t)pixel));
}

static void fill_masks(const sn_infer_stage *stage, const direction *d, uint32_t lines,
                       bool vertical, int32_t *masks) {
    for (uint32_t i = 0; i < lines; i++)
        for (uint32_t lane = 0; lane < stage->to.lanes; lane++) {
            const int64_t pixel = pixel_of(d, tile_of(&stage->to, lane, vertical), i);
            *masks++ = stage->gather ? gather_offset(stage, pixel, vertical) : pixel >= 0 ? -1 : 0;
        }
}

/* Rows whose every lane has a pixel of its own tile; they begin with the tile's first. */
static void find_inner_rows(sn_infer_stage *stage, const sn_infer_stage_line *lines) {
    uint32_t row = 0;
    while (row < stage->rows && (lines[row].place != 0 || lines[row].shift || !lines[row].whole))
        row++;
    stage->inner_rows = row;
    while (row < stage->rows && lines[row].whole && !lines[row].shift &&
           lines[row].place == (int32_t)(row - stage->inner_rows))
        row++;
    stage->inner_end = row;
}

void sn_infer_stage_prepare(const sn_infer_layer *layer, sn_infer_stage *stage, void *memory) {
    const uint32_t lanes = stage->to.lanes;
    const uint64_t lines = (uint64_t)stage->rows + stage->columns;
    int32_t *row_masks = memory;
    int32_t *column_masks = row_masks + (size_t)stage->rows * lanes;
    sn_infer_stage_line *row_lines =
        (void *)((char *)memory + sn_infer_align_up(lines * lanes * sizeof(int32_t)));
    sn_infer_stage_line *column_lines = row_lines + stage->rows;
    const direction down = {stage->from.rows, stage->to.rows, layer->in.height,
                            stage->stride,    layer->padding, stage->to.across};
    const direction right = {stage->from.columns, stage->to.columns, layer->in.width,
                             stage->stride,       layer->padding,    1};
    stage->gather = !describe(&down, lanes / stage->to.across, stage->rows, row_lines);
    stage->gather |= !describe(&right, stage->to.across, stage->columns, column_lines);
    stage->gather |= stage->from.across != stage->to.across;
    find_inner_rows(stage, row_lines);
    fill_masks(stage, &down, stage->rows, true, row_masks);
    fill_masks(stage, &right, stage->columns, false, column_masks);
    stage->row_lines = row_lines;
    stage->column_lines = column_lines;
    stage->row_masks = row_masks;
    stage->column_masks = column_masks;
}
