//! Frame buffers painted only when they are looked at, and collisions found only when they are read.
//!
//! With a frame skip of four an agent sees two frames of four, and a search may see none. So drawing only records
//! strokes: a stroke is a part of a line, or several equal lines, with the objects and colors in force.
//! [`FrameBuffer::look`] paints them. A frame that was drawn to its end covers everything in its buffer; an unfinished
//! one is painted over the previous contents. Collisions are deferred because most are cleared before a game reads
//! them, if it reads them at all.

use super::canvas::{Canvas, Painted};
use super::objects::{bit, Objects, PixelRows, BL, M0, M1, P0, P1, PF};
use super::row::{stretch_table, word_mask, PixelRow, WIDTH, WORDS};
use super::{CTRLPF_PRIORITY, CTRLPF_SCORE};

/// The fifteen pairs of objects that can collide, in the order of the collision bits.
const COLLISION_PAIRS: [(usize, usize); 15] = [
    (M0, P1),
    (M0, P0),
    (M1, P0),
    (M1, P1),
    (P0, PF),
    (P0, BL),
    (P1, PF),
    (P1, BL),
    (M0, PF),
    (M0, BL),
    (M1, PF),
    (M1, BL),
    (BL, PF),
    (P0, P1),
    (M0, M1),
];

/// The pairs within every set of active objects, as collision bits.
static POSSIBLE_COLLISIONS: [u16; 64] = {
    let mut table = [0; 64];
    let mut active = 0;
    while active < table.len() {
        let mut i = 0;
        while i < COLLISION_PAIRS.len() {
            let (a, b) = COLLISION_PAIRS[i];
            if active >> a & active >> b & 1 == 1 {
                table[active] |= 1 << i;
            }
            i += 1;
        }
        active += 1;
    }
    table
};

/// Bit `set` is set if ALE draws in groups of four pixels when `set` is the set of active objects.
const OVER_RUNNING: u64 = {
    let sets = [
        bit(PF),
        bit(P0),
        bit(P1),
        bit(P0) | bit(P1),
        bit(M0),
        bit(M1),
        bit(M0) | bit(M1),
        bit(BL),
        bit(BL) | bit(M0),
        bit(BL) | bit(M1),
        bit(BL) | bit(P1),
        bit(PF) | bit(P0),
        bit(PF) | bit(P1),
        bit(PF) | bit(BL),
    ];
    let mut bits = 0;
    let mut i = 0;
    while i < sets.len() {
        bits |= 1 << sets[i];
        i += 1;
    }
    bits
};

/// First pixel of the right half.
const MIDDLE: usize = WIDTH / 2;

/// The four color registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Colors {
    /// COLUP0 and COLUP1.
    pub(super) player: [u8; 2],
    /// COLUPF: playfield and ball.
    pub(super) playfield: u8,
    /// COLUBK.
    pub(super) background: u8,
}

/// Which objects cover which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// Players and missiles before playfield and ball.
    PlayersFirst,
    /// Playfield and ball before players and missiles (CTRLPF bit 2).
    PlayfieldFirst,
    /// Playfield halves in the players' colors (CTRLPF bit 1).
    Score,
}

/// The pixels `first..end` of the line whose pixel 0 is at `row_start`, and of the `lines - 1` lines below it.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Stroke {
    pub(super) objects: Objects,
    pub(super) row_start: u16,
    pub(super) lines: u16,
    pub(super) first: u8,
    pub(super) end: u8,
    /// The pixels before this one are black because an HMOVE blanks them.
    pub(super) black_until: u8,
    pub(super) ctrlpf: u8,
    pub(super) colors: Colors,
    /// Nothing but black, and no collisions.
    pub(super) blank: bool,
    /// Whether up to three pixels after the stroke's end may be painted too: it is drawn in groups of four pixels, and
    /// no movable object is near them.
    pub(super) may_over_run: bool,
}

/// One of the TIA's two frame buffers.
#[derive(Clone, Debug)]
pub(super) struct FrameBuffer {
    canvas: Canvas,
    /// Unpainted strokes of the previous frame in this buffer.
    before: Vec<Stroke>,
    /// Strokes of the current frame since it was last looked at.
    strokes: Vec<Stroke>,
    /// The current frame has covered the window.
    complete: bool,
    /// The strokes of the complete frame that the pixels show; empty if other strokes are visible too.
    painted: Vec<Stroke>,
    /// Strokes whose collisions were found or cleared.
    collided: usize,
    /// Rows of the objects painted last.
    rows: PixelRows,
}

/// Finds collisions, and caches them: nine rows in ten are equal to the previous frame's, and games that never clear the latches
/// would make it search for the same ones again and again (up to a quarter of their time).
#[derive(Clone, Debug)]
pub(super) struct Collider {
    remembered: Box<[Collided; REMEMBERED]>,
    /// Rows of the last collisions found.
    rows: PixelRows,
}

/// Entries of the cache; a power of two.
const REMEMBERED: usize = 1024;

/// A cache entry: the collisions between pixels `first..end` of a line that shows `objects`.
#[derive(Clone, Copy, Debug)]
struct Collided {
    objects: Objects,
    first: u8,
    end: u8,
    found: u16,
}

impl Collider {
    /// A collider with an empty cache.
    pub(super) fn new() -> Self {
        let nothing = Collided { objects: Objects::OFF, first: 0, end: 0, found: 0 };
        Self { remembered: Box::new([nothing; REMEMBERED]), rows: PixelRows::new() }
    }

    /// The pairs that collide in `stroke`; `possible` are the pairs of objects that are switched on.
    fn collisions(&mut self, stroke: &Stroke, possible: u16) -> u16 {
        // Four cache entries for a line.
        let place = usize::from(stroke.row_start) / WIDTH * 4 + usize::from(stroke.first) / (WIDTH / 4);
        let last = &mut self.remembered[place % REMEMBERED];
        if (last.first, last.end) != (stroke.first, stroke.end) || last.objects != stroke.objects {
            let Stroke { objects, first, end, .. } = *stroke;
            let found = stroke.collisions(possible, self.rows.of(&objects));
            *last = Collided { objects, first, end, found };
        }
        last.found
    }
}

impl FrameBuffer {
    /// A black buffer.
    pub(super) fn new() -> Self {
        Self::with_canvas(Canvas::new())
    }

    /// A buffer without pixels, a placeholder while the real one is moved.
    pub(super) fn without_pixels() -> Self {
        Self::with_canvas(Canvas::without_pixels())
    }

    fn with_canvas(canvas: Canvas) -> Self {
        Self {
            canvas,
            before: Vec::new(),
            strokes: Vec::new(),
            complete: false,
            painted: Vec::new(),
            collided: 0,
            rows: PixelRows::new(),
        }
    }

    /// Makes the buffer black.
    pub(super) fn clear(&mut self) {
        self.canvas.all_pixels_mut().fill(0);
        self.before.clear();
        self.strokes.clear();
        self.painted.clear();
        self.complete = false;
        self.collided = 0;
    }

    /// Begins a frame on top of the buffer's contents. Collisions must have been taken.
    pub(super) fn begin(&mut self) {
        self.paint_before();
        std::mem::swap(&mut self.before, &mut self.strokes);
        self.complete = false;
        self.collided = 0;
    }

    /// Paints the unpainted strokes of the frames before the current one.
    fn paint_before(&mut self) {
        if !self.before.is_empty() {
            paint(&self.before, false, &mut self.rows, &mut self.canvas);
            self.before.clear();
            self.painted.clear();
        }
    }

    /// Adds the collisions of the strokes since the last call to `latches`.
    pub(super) fn collide(&mut self, latches: &mut u16, collider: &mut Collider) {
        for stroke in &self.strokes[self.collided..] {
            if stroke.blank {
                continue;
            }
            let possible = POSSIBLE_COLLISIONS[usize::from(stroke.objects.active())];
            if possible & !*latches != 0 {
                *latches |= collider.collisions(stroke, possible);
            }
        }
        self.collided = self.strokes.len();
    }

    /// Forgets the collisions of the strokes since the last call.
    pub(super) fn clear_collisions(&mut self) {
        self.collided = self.strokes.len();
    }

    /// The frame has covered the whole window: nothing drawn before it stays visible.
    pub(super) fn complete(&mut self) {
        self.before.clear();
        self.complete = true;
    }

    /// Adds a stroke.
    #[inline]
    pub(super) fn stroke(&mut self, stroke: Stroke) {
        self.strokes.push(stroke);
    }

    /// The number of strokes of the current frame since it was looked at.
    pub(super) fn strokes(&self) -> usize {
        self.strokes.len()
    }

    /// Inserts a stroke after the first `place` strokes, so that the ones drawn since then cover it.
    pub(super) fn insert_stroke(&mut self, place: usize, stroke: Stroke) {
        let place = place.min(self.strokes.len());
        self.strokes.insert(place, stroke);
        self.collided += usize::from(self.collided > place);
    }

    /// Paints the unpainted strokes and returns the view. Collisions must have been taken.
    pub(super) fn look(&mut self) -> Painted<'_> {
        self.paint_before();
        if !self.strokes.is_empty() {
            if self.complete {
                paint_changes(&self.strokes, &self.painted, &mut self.rows, &mut self.canvas);
                std::mem::swap(&mut self.painted, &mut self.strokes);
            } else {
                paint(&self.strokes, false, &mut self.rows, &mut self.canvas);
                self.painted.clear();
            }
            self.strokes.clear();
            self.collided = 0;
        }
        self.canvas.painted()
    }

    /// Paints the unpainted strokes; the current frame does not continue. Collisions must have been taken.
    pub(super) fn paint_and_interrupt(&mut self) {
        self.look();
        self.complete = false;
    }

    /// As [`FrameBuffer::look`], but returns the pixels mutably.
    pub(super) fn look_and_change(&mut self) -> &mut [u8] {
        self.look();
        self.painted.clear();
        self.canvas.all_pixels_mut()
    }
}

/// Paints a complete frame over the complete frame `painted`, which the pixels show. Equal lines, eight of ten, are
/// skipped.
fn paint_changes(strokes: &[Stroke], painted: &[Stroke], rows: &mut PixelRows, canvas: &mut Canvas) {
    let mut painted = painted.chunk_by(|a, b| a.row_start == b.row_start).peekable();
    let mut changed = strokes.len()..strokes.len();
    let mut place = 0;
    for line in strokes.chunk_by(|a, b| a.row_start == b.row_start) {
        while painted.next_if(|before| before[0].row_start < line[0].row_start).is_some() {}
        if painted.peek() == Some(&line) {
            paint(&strokes[changed], true, rows, canvas);
            changed = strokes.len()..strokes.len();
        } else if changed.is_empty() {
            changed = place..place + line.len();
        } else {
            changed.end = place + line.len();
        }
        place += line.len();
    }
    paint(&strokes[changed], true, rows, canvas);
}

/// Paints strokes. `rows` are the rows of the objects painted last. `all` means that every line is painted to its end
/// or left as it is; then no over-run stays visible.
fn paint(strokes: &[Stroke], all: bool, rows: &mut PixelRows, canvas: &mut Canvas) {
    canvas.begin_painting();
    for stroke in strokes {
        let (first, end) = (usize::from(stroke.first), usize::from(stroke.end));
        let start = usize::from(stroke.row_start);
        let pixels = canvas.rows_mut(start, usize::from(stroke.lines));
        let line = &mut pixels[start..];
        if stroke.blank {
            line[first..end].fill(0);
        } else {
            let rows = rows.of(&stroke.objects);
            let order = stroke.order();
            for word in first / 32..=(end - 1) / 32 {
                stroke.paint(word, order, rows, &mut line[word * 32..]);
            }
            if stroke.may_over_run && !all {
                stroke.over_run(rows, line);
            }
        }
        if first < usize::from(stroke.black_until) {
            line[first..usize::from(stroke.black_until)].fill(0);
        }
        for below in 1..usize::from(stroke.lines) {
            pixels.copy_within(start + first..start + end, start + below * WIDTH + first);
        }
    }
}

impl PartialEq for Stroke {
    fn eq(&self, other: &Self) -> bool {
        // Most compared strokes are equal, so all fields are compared at once, as words.
        self.place() == other.place() && self.look() == other.look() && self.objects == other.objects
    }
}

impl Eq for Stroke {}

impl Stroke {
    /// The stroke's place.
    #[inline]
    fn place(&self) -> u64 {
        let Self { row_start, lines, first, end, black_until, ctrlpf, .. } = *self;
        u64::from(row_start)
            | u64::from(lines) << 16
            | u64::from(first) << 32
            | u64::from(end) << 40
            | u64::from(black_until) << 48
            | u64::from(ctrlpf) << 56
    }

    /// All other fields except the objects.
    #[inline]
    fn look(&self) -> u64 {
        let Self { colors: Colors { player: [player0, player1], playfield, background }, blank, may_over_run, .. } =
            *self;
        u64::from(u32::from_le_bytes([player0, player1, playfield, background]))
            | u64::from(blank) << 32
            | u64::from(may_over_run) << 40
    }

    /// Black pixels at `first..end` of the line whose pixel 0 is at `row_start`.
    pub(super) fn black(row_start: u16, first: u8, end: u8) -> Self {
        Self {
            objects: Objects::OFF,
            colors: Colors::default(),
            row_start,
            lines: 1,
            first,
            end,
            black_until: 0,
            ctrlpf: 0,
            blank: true,
            may_over_run: false,
        }
    }

    /// Which of `pairs` collide in the stroke.
    fn collisions(&self, pairs: u16, rows: &[PixelRow; 6]) -> u16 {
        let masks = PixelRow::range(usize::from(self.first), usize::from(self.end)).0;
        let mut left = pairs;
        let mut found = 0;
        while left != 0 {
            let pair = left.trailing_zeros();
            left &= left - 1;
            let (a, b) = COLLISION_PAIRS[pair as usize];
            let common = (0..WORDS).fold(0, |all, word| all | (rows[a].0[word] & rows[b].0[word] & masks[word]));
            found |= u16::from(common != 0) << pair;
        }
        found
    }

    fn order(&self) -> Order {
        let score = self.ctrlpf & CTRLPF_SCORE != 0;
        // A playfield that is the only active object has score colors even when it also has priority.
        if self.ctrlpf & CTRLPF_PRIORITY != 0 && !(score && self.objects.active() == bit(PF)) {
            Order::PlayfieldFirst
        } else if score {
            Order::Score
        } else {
            Order::PlayersFirst
        }
    }

    /// Continues past the stroke's end to the next multiple of four pixels, if ALE draws the stroke in groups of four
    /// and no movable object is in the last group.
    fn over_run(&self, rows: &[PixelRow; 6], line: &mut [u8]) {
        let active = self.objects.active();
        let with_playfield = active & bit(PF) != 0 && active != bit(PF);
        if OVER_RUNNING >> active & 1 == 0 || (with_playfield && self.ctrlpf & CTRLPF_SCORE != 0) {
            return;
        }
        let end = usize::from(self.end);
        let group = end & !3;
        let covers = |object: usize| match object {
            P0 | P1 => self.objects.solid_player_row(object).any_in(group, group + 4),
            _ => rows[object].any_in(group, group + 4),
        };
        if !(P0..=BL).any(|object| active & bit(object) != 0 && covers(object)) {
            let behind = Self { first: self.end, end: group as u8 + 4, ..*self };
            behind.paint(end / 32, self.order(), rows, &mut line[end / 32 * 32..]);
        }
    }

    /// Paints word `word` of the stroke into `pixels`, which begin at the word's first pixel.
    #[inline]
    fn paint(&self, word: usize, order: Order, rows: &[PixelRow; 6], pixels: &mut [u8]) {
        let row = |object: usize| rows[object].0[word];
        let [color0, color1] = self.colors.player;
        let color_playfield = self.colors.playfield;
        let layer0 = (row(P0) | row(M0), color0);
        let layer1 = (row(P1) | row(M1), color1);
        let layer_playfield = (row(PF) | row(BL), color_playfield);
        // Lowest priority first.
        match order {
            Order::PlayersFirst => self.blend(word, pixels, [layer_playfield, layer1, layer0]),
            Order::PlayfieldFirst => self.blend(word, pixels, [layer1, layer0, layer_playfield]),
            Order::Score => {
                let left = row(PF) & word_mask(word, 0, MIDDLE);
                let right = row(PF) & word_mask(word, MIDDLE, WIDTH);
                // The left half of the playfield hides player and missile 1.
                let ball = (row(BL), color_playfield);
                self.blend(word, pixels, [ball, (right, color1), layer1, (left, color0), layer0]);
            }
        }
    }

    /// Writes the background and over it `layers`, each a word of pixels and a color, eight pixels at a time.
    #[inline(always)]
    fn blend<const N: usize>(&self, word: usize, pixels: &mut [u8], layers: [(u32, u8); N]) {
        let mask = word_mask(word, usize::from(self.first), usize::from(self.end));
        if mask == u32::MAX && layers.iter().all(|&(bits, _)| bits == 0) {
            pixels[..32].fill(self.colors.background);
            return;
        }
        let background = splat(self.colors.background);
        for (byte, eight) in pixels[..32].as_chunks_mut::<8>().0.iter_mut().enumerate() {
            let range = (mask >> (8 * byte)) as u8;
            if range == 0 {
                continue;
            }
            let mut value = background;
            for (bits, color) in layers {
                let lit = BYTE_MASKS[usize::from((bits >> (8 * byte)) as u8)];
                value = (value & !lit) | (splat(color) & lit);
            }
            let inside = BYTE_MASKS[usize::from(range)];
            *eight = ((u64::from_le_bytes(*eight) & !inside) | (value & inside)).to_le_bytes();
        }
    }
}

/// Eight pixels of one color.
fn splat(color: u8) -> u64 {
    u64::from(color) * 0x0101_0101_0101_0101
}

/// For every byte the u64 whose byte `i` is $FF where bit `i` is set.
static BYTE_MASKS: [u64; 256] = stretch_table(8);
