//! Frame buffers that are painted when somebody looks, and collisions that are found when somebody asks.
//!
//! Of four skipped frames an agent sees two, and a search may look at none. So drawing leaves a list of strokes - a stretch
//! of a line, or of several equal lines, the objects and the colours then in force - and painting them waits for
//! [`FrameBuffer::look`]. A frame that was drawn to its end covers whatever its buffer held before, painted or not; one that
//! was not is laid over it. Likewise most collisions are cleared before a game reads them, if it reads them at all.

use super::objects::{bit, Objects, Rows, BL, M0, M1, P0, P1, PF};
use super::row::{stretch_table, word_mask, Row, WIDTH, WORDS};
use super::BUFFER_ROWS;
use std::ops::Range;

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

/// For every set of active objects the pairs in it, as collision bits.
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

/// First pixel of the right half.
const MIDDLE: usize = WIDTH / 2;

/// The four colour registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Colours {
    /// COLUP0 and COLUP1.
    pub(super) player: [u8; 2],
    /// COLUPF: playfield and ball.
    pub(super) playfield: u8,
    /// COLUBK.
    pub(super) background: u8,
}

/// Which objects lie over which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Nothing but black.
    Blank,
    /// Players and missiles before playfield and ball.
    PlayersFirst,
    /// Playfield and ball before players and missiles (CTRLPF bit 2).
    PlayfieldFirst,
    /// Playfield halves in the players' colours (CTRLPF bit 1).
    Score,
}

/// The pixels `first..end` of the line whose pixel 0 is at `row_start`, and of the `lines - 1` lines below it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stroke {
    row_start: u32,
    lines: u32,
    /// Index into [`Strokes::objects`].
    objects: u32,
    first: u8,
    end: u8,
    order: Order,
    /// The set of objects that are switched on.
    active: u8,
    /// Whether up to three pixels behind the stroke's end are painted too, if no movable object is near them.
    pub(super) may_over_run: bool,
    colours: Colours,
}

/// Strokes not yet painted, in the order of drawing.
#[derive(Clone, Debug, Default)]
struct Strokes {
    strokes: Vec<Stroke>,
    objects: Vec<Objects>,
}

/// One of the TIA's two frame buffers.
#[derive(Clone, Debug)]
pub(super) struct FrameBuffer {
    pixels: Box<[u8]>,
    /// What the buffer would show if it had been painted before the frame under way.
    before: Strokes,
    /// The frame under way.
    strokes: Strokes,
    /// Strokes whose collisions were found or cleared.
    collided: usize,
    /// Rows of the last collisions found.
    rows: Rows,
}

impl FrameBuffer {
    /// A black buffer.
    pub(super) fn new() -> Self {
        Self {
            pixels: vec![0; WIDTH * BUFFER_ROWS].into_boxed_slice(),
            before: Strokes::default(),
            strokes: Strokes::default(),
            collided: 0,
            rows: Rows::new(),
        }
    }

    /// One that holds nothing, for the moment in which the real one is elsewhere.
    pub(super) fn without_pixels() -> Self {
        Self { pixels: Box::default(), ..Self::new() }
    }

    /// Makes the buffer black.
    pub(super) fn clear(&mut self) {
        self.pixels.fill(0);
        self.before.clear();
        self.strokes.clear();
        self.collided = 0;
    }

    /// Begins a frame over what the buffer holds. Collisions must have been taken.
    pub(super) fn begin(&mut self) {
        self.before.paint(&mut self.pixels);
        std::mem::swap(&mut self.before, &mut self.strokes);
        self.collided = 0;
    }

    /// Adds the collisions of the strokes since the last call to `latches`.
    pub(super) fn collide(&mut self, latches: &mut u16) {
        for stroke in &self.strokes.strokes[self.collided..] {
            let pairs = POSSIBLE_COLLISIONS[usize::from(stroke.active)] & !*latches;
            if pairs != 0 {
                *latches |= stroke.collisions(pairs, self.rows.of(&self.strokes.objects[stroke.objects as usize]));
            }
        }
        self.collided = self.strokes.strokes.len();
    }

    /// Forgets the collisions of the strokes since the last call.
    pub(super) fn clear_collisions(&mut self) {
        self.collided = self.strokes.strokes.len();
    }

    /// The frame has covered all it will ever cover: nothing of before is left to see.
    pub(super) fn complete(&mut self) {
        self.before.clear();
    }

    /// Black pixels, `width` of them from buffer position `start` on, and below them in as many lines as `lines` says.
    pub(super) fn blank(&mut self, start: usize, width: usize, lines: u32) {
        self.strokes.strokes.push(Stroke::new(Order::Blank, Colours::default(), start, 0..width, lines, 0));
    }

    /// The strokes to come are drawn with `objects`.
    #[inline]
    pub(super) fn set_objects(&mut self, objects: &Objects) {
        self.strokes.objects.push(*objects);
    }

    /// A stroke with the objects set last.
    #[inline]
    pub(super) fn stroke(&mut self, mut stroke: Stroke) {
        stroke.objects = self.strokes.objects.len() as u32 - 1;
        self.strokes.strokes.push(stroke);
    }

    /// Paints what is left to paint and shows the pixels: rows of 160 palette indices. Collisions must have been taken.
    pub(super) fn look(&mut self) -> &mut [u8] {
        self.before.paint(&mut self.pixels);
        self.strokes.paint(&mut self.pixels);
        self.collided = 0;
        &mut self.pixels
    }
}

impl Strokes {
    fn clear(&mut self) {
        self.strokes.clear();
        self.objects.clear();
    }

    /// Paints and forgets all strokes.
    fn paint(&mut self, pixels: &mut [u8]) {
        let mut rows = Rows::new();
        for stroke in &self.strokes {
            let (first, end) = (usize::from(stroke.first), usize::from(stroke.end));
            let start = stroke.row_start as usize;
            let line = &mut pixels[start..];
            if stroke.order == Order::Blank {
                line[first..end].fill(0);
            } else {
                let rows = rows.of(&self.objects[stroke.objects as usize]);
                for word in first / 32..=(end - 1) / 32 {
                    stroke.paint(word, rows, &mut line[word * 32..]);
                }
                if stroke.may_over_run {
                    stroke.over_run(&self.objects[stroke.objects as usize], rows, line);
                }
            }
            for below in 1..stroke.lines as usize {
                pixels.copy_within(start + first..start + end, start + below * WIDTH + first);
            }
        }
        self.clear();
    }
}

impl Stroke {
    /// The pixels `x` of the line whose pixel 0 is at `row_start`, and of the lines below up to `lines` in all.
    pub(super) fn new(
        order: Order,
        colours: Colours,
        row_start: usize,
        x: Range<usize>,
        lines: u32,
        active: u8,
    ) -> Self {
        let (first, end) = (x.start as u8, x.end as u8);
        Self { row_start: row_start as u32, lines, objects: 0, first, end, order, active, may_over_run: false, colours }
    }

    /// Which of `pairs` meet in the stroke.
    fn collisions(&self, pairs: u16, rows: &[Row; 6]) -> u16 {
        let (first, end) = (usize::from(self.first), usize::from(self.end));
        let masks: [u32; WORDS] = std::array::from_fn(|word| word_mask(word, first, end));
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

    /// Paints the pixels behind the stroke's end up to the next multiple of four, if no movable object is in that group.
    fn over_run(&self, objects: &Objects, rows: &[Row; 6], line: &mut [u8]) {
        let end = usize::from(self.end);
        let group = end & !3;
        let covers = |object: usize| match object {
            P0 | P1 => objects.player_row(object, 0xFF).any_in(group, group + 4),
            _ => rows[object].any_in(group, group + 4),
        };
        if !(P0..=BL).any(|object| self.active & bit(object) != 0 && covers(object)) {
            let behind = Self { first: self.end, end: group as u8 + 4, ..*self };
            behind.paint(end / 32, rows, &mut line[end / 32 * 32..]);
        }
    }

    /// Paints word `word` of the stroke into `pixels`, which begin at the word's first pixel.
    #[inline]
    fn paint(&self, word: usize, rows: &[Row; 6], pixels: &mut [u8]) {
        let row = |object: usize| rows[object].0[word];
        let [colour0, colour1] = self.colours.player;
        let colour_playfield = self.colours.playfield;
        let layer0 = (row(P0) | row(M0), colour0);
        let layer1 = (row(P1) | row(M1), colour1);
        let layer_playfield = (row(PF) | row(BL), colour_playfield);
        // Lowest priority first.
        match self.order {
            Order::Blank => {}
            Order::PlayersFirst => self.blend(word, pixels, [layer_playfield, layer1, layer0]),
            Order::PlayfieldFirst => self.blend(word, pixels, [layer1, layer0, layer_playfield]),
            Order::Score => {
                let left = row(PF) & word_mask(word, 0, MIDDLE);
                let right = row(PF) & word_mask(word, MIDDLE, WIDTH);
                // The left half of the playfield hides player and missile 1.
                let ball = (row(BL), colour_playfield);
                self.blend(word, pixels, [ball, (right, colour1), layer1, (left, colour0), layer0]);
            }
        }
    }

    /// Writes the background and over it `layers`, each a word of pixels and a colour, eight pixels at a time.
    #[inline(always)]
    fn blend<const N: usize>(&self, word: usize, pixels: &mut [u8], layers: [(u32, u8); N]) {
        let mask = word_mask(word, usize::from(self.first), usize::from(self.end));
        let background = splat(self.colours.background);
        for (byte, eight) in pixels[..32].as_chunks_mut::<8>().0.iter_mut().enumerate() {
            let range = (mask >> (8 * byte)) as u8;
            if range == 0 {
                continue;
            }
            let mut value = background;
            for (bits, colour) in layers {
                let lit = BYTE_MASKS[usize::from((bits >> (8 * byte)) as u8)];
                value = (value & !lit) | (splat(colour) & lit);
            }
            let inside = BYTE_MASKS[usize::from(range)];
            *eight = ((u64::from_le_bytes(*eight) & !inside) | (value & inside)).to_le_bytes();
        }
    }
}

/// Eight pixels of one colour.
fn splat(colour: u8) -> u64 {
    u64::from(colour) * 0x0101_0101_0101_0101
}

/// For every byte the u64 whose byte `i` is $FF where bit `i` is set.
static BYTE_MASKS: [u64; 256] = stretch_table(8);
