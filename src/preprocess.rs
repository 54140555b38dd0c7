//! From the console's picture to what the agent sees: gray, maximum of two frames, 84 x 84, the last four.
//!
//! The arithmetic is that of ALE's `AtariVectorEnv`: palette indices become gray values first and the pixelwise maximum
//! is taken of those; the picture is then reduced as OpenCV reduces 8-bit data (`INTER_AREA`, or `INTER_LINEAR`),
//! bit for bit, so that an observation made here equals one made there.

use crate::screens::ScreenPair;
use atari_emulator::{Action, Environment, Screen, StateError};
use serde::{Deserialize, Serialize};

/// Rows and columns of an observation.
pub const SIDE: usize = 84;
/// Pixels of one observation frame.
pub const FRAME_PIXELS: usize = SIDE * SIDE;
/// Frames in the stack the network sees.
pub const STACK: usize = 4;
/// Pixels of a stack: [`STACK`] frames, oldest first.
pub const STACK_PIXELS: usize = STACK * FRAME_PIXELS;
/// Pixels in a row of the console's picture.
const SCREEN_WIDTH: usize = 160;

/// One observation frame: [`SIDE`] rows of [`SIDE`] gray values.
pub type Frame = [u8; FRAME_PIXELS];

/// How a picture is reduced to 84 x 84.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resize {
    /// Every output pixel is the average of the area it covers (OpenCV `INTER_AREA`).
    Area,
    /// Linear interpolation between the four nearest pixels (OpenCV `INTER_LINEAR`).
    Bilinear,
}

/// Reduces pictures of one height, 160 pixels wide, to 84 x 84; all weights are computed beforehand.
#[derive(Clone, Debug)]
pub struct Resizer {
    height: usize,
    method: Method,
}

#[derive(Clone, Debug)]
enum Method {
    Area { columns: Box<AreaColumns>, rows: Vec<AreaSpan> },
    Bilinear { columns: Vec<LinearTap>, rows: Vec<LinearTap> },
}

/// 160 columns become 84 as four times 40 become 21: a row is reduced in four strips of equal geometry, whose pixels lie
/// side by side in a vector.
const STRIPS: usize = 4;
const STRIP_PIXELS: usize = SCREEN_WIDTH / STRIPS;
const STRIP_OUTPUT: usize = SIDE / STRIPS;

/// A reduced row.
type Strips = [[f32; STRIPS]; STRIP_OUTPUT];
/// A row's gray values, and one element more so that three can always be read.
type StripPixels = [[f32; STRIPS]; STRIP_PIXELS + 1];

/// Weights of the three source pixels from `first[d]` on that output column `d` of a strip averages; unused ones are 0.
#[derive(Clone, Debug)]
struct AreaColumns {
    first: [usize; STRIP_OUTPUT],
    weights: [[[f32; STRIPS]; 3]; STRIP_OUTPUT],
}

/// The source pixels from `first` on that an output pixel averages on one axis.
#[derive(Clone, Debug)]
pub(crate) struct AreaSpan {
    pub(crate) first: usize,
    pub(crate) weights: Vec<f32>,
}

/// Two neighbouring source pixels and their weights in 1/2048.
#[derive(Clone, Copy, Debug, Default)]
struct LinearTap {
    first: usize,
    second: usize,
    weights: [i32; 2],
}

/// The weight of one source pixel in one output pixel of one axis.
pub(crate) struct AreaWeight {
    pub(crate) output: usize,
    pub(crate) source: usize,
    pub(crate) weight: f32,
}

/// OpenCV's table of area weights from `source` to `output` pixels: computed in `f64`, kept in `f32`.
pub(crate) fn area_weights(source: usize, output: usize) -> Vec<AreaWeight> {
    let scale = 1.0 / (output as f64 / source as f64);
    let mut table = Vec::new();
    for d in 0..output {
        let begin = d as f64 * scale;
        let end = begin + scale;
        let width = scale.min(source as f64 - begin);
        let last_whole = (end.floor() as usize).min(source - 1);
        let first_whole = (begin.ceil() as usize).min(last_whole);
        let mut add = |source: usize, weight: f64| table.push(AreaWeight { output: d, source, weight: weight as f32 });
        if first_whole as f64 - begin > 1e-3 {
            add(first_whole - 1, (first_whole as f64 - begin) / width);
        }
        for s in first_whole..last_whole {
            add(s, 1.0 / width);
        }
        if end - last_whole as f64 > 1e-3 {
            add(last_whole, (end - last_whole as f64).min(1.0).min(width) / width);
        }
    }
    table
}

/// The same, by output pixel.
pub(crate) fn area_spans(source: usize, output: usize) -> Vec<AreaSpan> {
    let mut spans: Vec<AreaSpan> = Vec::with_capacity(output);
    for entry in area_weights(source, output) {
        if entry.output == spans.len() {
            spans.push(AreaSpan { first: entry.source, weights: Vec::new() });
        }
        spans[entry.output].weights.push(entry.weight);
    }
    spans
}

/// OpenCV's two taps an output pixel, in 11-bit fixed point.
fn linear_taps(source: usize) -> Vec<LinearTap> {
    let scale = source as f64 / SIDE as f64;
    let mut taps = vec![LinearTap::default(); SIDE];
    for (d, tap) in taps.iter_mut().enumerate() {
        let position = ((d as f64 + 0.5) * scale - 0.5) as f32;
        let first = position.floor().max(0.0);
        let fraction = (position - first).clamp(0.0, 1.0);
        let first = (first as usize).min(source - 1);
        *tap = LinearTap {
            first,
            second: (first + 1).min(source - 1),
            weights: [fixed_point(1.0 - fraction), fixed_point(fraction)],
        };
    }
    taps
}

/// `weight` in 1/2048, halves to even.
pub(crate) fn fixed_point(weight: f32) -> i32 {
    (weight * 2048.0).round_ties_even() as i32
}

impl AreaColumns {
    fn new() -> Self {
        let mut columns = Self { first: [usize::MAX; STRIP_OUTPUT], weights: [[[0.0; STRIPS]; 3]; STRIP_OUTPUT] };
        for AreaWeight { output, source, weight } in area_weights(SCREEN_WIDTH, SIDE) {
            let (strip, output) = (output / STRIP_OUTPUT, output % STRIP_OUTPUT);
            let source = source - strip * STRIP_PIXELS;
            // A weight of 0 behind the last entry leaves an f32 sum of non-negative terms as it is.
            if columns.first[output] == usize::MAX {
                columns.first[output] = source;
            }
            columns.weights[output][source - columns.first[output]][strip] = weight;
        }
        columns
    }

    fn apply(&self, pixels: &StripPixels, output: &mut Strips) {
        for ((output, &first), [left, middle, right]) in output.iter_mut().zip(&self.first).zip(&self.weights) {
            let source = &pixels[first..first + 3];
            for strip in 0..STRIPS {
                output[strip] =
                    source[0][strip] * left[strip] + source[1][strip] * middle[strip] + source[2][strip] * right[strip];
            }
        }
    }
}

/// The rows of a picture as gray values, from one screen or the maximum of two.
struct GrayRows<'a> {
    current: &'a [[u8; SCREEN_WIDTH]],
    previous: Option<&'a [[u8; SCREEN_WIDTH]]>,
    gray: [f32; 256],
}

impl<'a> GrayRows<'a> {
    fn new(current: &'a [u8], previous: Option<&'a [u8]>, gray: &[u8; 256]) -> Self {
        let rows = |screen: &'a [u8]| screen.as_chunks().0;
        Self { current: rows(current), previous: previous.map(rows), gray: gray.map(f32::from) }
    }

    /// The row in the current screen, and in the previous one if it differs.
    fn row(&self, row: usize) -> (&[u8; SCREEN_WIDTH], Option<&[u8; SCREEN_WIDTH]>) {
        let current = &self.current[row];
        (current, self.previous.map(|previous| &previous[row]).filter(|previous| *previous != current))
    }

    fn value(&self, index: u8) -> f32 {
        self.gray[usize::from(index)]
    }

    /// The row in strips.
    fn fill_strips(&self, row: usize, output: &mut StripPixels) {
        let (current, previous) = self.row(row);
        for (i, output) in output[..STRIP_PIXELS].iter_mut().enumerate() {
            *output = std::array::from_fn(|strip| self.value(current[strip * STRIP_PIXELS + i]));
        }
        if let Some(previous) = previous {
            for (i, output) in output[..STRIP_PIXELS].iter_mut().enumerate() {
                *output = std::array::from_fn(|strip| {
                    let other = self.value(previous[strip * STRIP_PIXELS + i]);
                    if other > output[strip] {
                        other
                    } else {
                        output[strip]
                    }
                });
            }
        }
    }

    /// The row as it is.
    fn fill(&self, row: usize, output: &mut [i32; SCREEN_WIDTH]) {
        let (current, previous) = self.row(row);
        let previous = previous.unwrap_or(current);
        for ((output, &current), &previous) in output.iter_mut().zip(current).zip(previous) {
            *output = self.value(current).max(self.value(previous)) as i32;
        }
    }

    /// Whether the row shows the same as the one above it: two rows of three do on the average Atari picture, and
    /// comparing costs a tenth of reducing.
    fn repeats(&self, row: usize) -> bool {
        let same = |screen: &[[u8; SCREEN_WIDTH]]| screen[row] == screen[row - 1];
        row > 0 && same(self.current) && self.previous.is_none_or(same)
    }
}

impl Resizer {
    /// A resizer for pictures of `height` rows (at least 84; ALE's are 210 to 250 high).
    pub fn new(method: Resize, height: usize) -> Self {
        assert!(height >= SIDE, "a picture of {height} rows cannot be reduced to {SIDE}");
        let method = match method {
            Resize::Area => Method::Area { columns: Box::new(AreaColumns::new()), rows: area_spans(height, SIDE) },
            Resize::Bilinear => Method::Bilinear { columns: linear_taps(SCREEN_WIDTH), rows: linear_taps(height) },
        };
        Self { height, method }
    }

    /// Rows of the pictures this resizer takes.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Gray values of the palette indices `current` through the table `gray`, pixelwise maximum with those of
    /// `previous` if there is one, reduced to 84 x 84 into `output`. Both screens are `height * 160` indices.
    pub fn pool_and_resize(&self, previous: Option<&[u8]>, current: &[u8], gray: &[u8; 256], output: &mut Frame) {
        self.pool_and_resize_changes(previous, current, &vec![1; self.height], gray, output);
    }

    /// The same where `output` holds the frame of screens that differ from these only in the rows whose byte in `changes` is
    /// not 0.
    pub(crate) fn pool_and_resize_changes(
        &self,
        previous: Option<&[u8]>,
        current: &[u8],
        changes: &[u8],
        gray: &[u8; 256],
        output: &mut Frame,
    ) {
        let rows = GrayRows::new(current, previous, gray);
        match &self.method {
            Method::Area { columns, rows: spans } => average(&rows, columns, spans, changes, output),
            Method::Bilinear { columns, rows: taps } => interpolate(&rows, columns, taps, output),
        }
    }
}

fn average(picture: &GrayRows, columns: &AreaColumns, spans: &[AreaSpan], changes: &[u8], output: &mut Frame) {
    let mut pixels = [[0.0; STRIPS]; STRIP_PIXELS + 1];
    let mut reduced = [[0.0; STRIPS]; STRIP_OUTPUT];
    let mut reduced_row = usize::MAX;
    for (span, output) in spans.iter().zip(output.as_chunks_mut::<SIDE>().0) {
        let sources = span.first..span.first + span.weights.len();
        if changes[sources.clone()].iter().all(|&change| change == 0) {
            continue;
        }
        let mut sums = [[0.0; STRIPS]; STRIP_OUTPUT];
        for (source, &weight) in sources.zip(&span.weights) {
            // Neighbouring output rows share at most one source row.
            if source != reduced_row {
                let above_is_reduced = reduced_row.wrapping_add(1) == source;
                if !(above_is_reduced && picture.repeats(source)) {
                    picture.fill_strips(source, &mut pixels);
                    columns.apply(&pixels, &mut reduced);
                }
                reduced_row = source;
            }
            for (sums, values) in sums.iter_mut().zip(&reduced) {
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum += value * weight;
                }
            }
        }
        for (strip, output) in output.chunks_exact_mut(STRIP_OUTPUT).enumerate() {
            for (pixel, sums) in output.iter_mut().zip(&sums) {
                *pixel = round_half_even(sums[strip]);
            }
        }
    }
}

/// `value` in 0..=255 rounded, halves to even: adding 1.5 * 2^23 leaves the integer in the low bits. (Without SSE 4.1
/// `f32::round_ties_even` is a function call a pixel.)
pub(crate) fn round_half_even(value: f32) -> u8 {
    (value + 12_582_912.0).to_bits() as u8
}

fn interpolate(picture: &GrayRows, columns: &[LinearTap], rows: &[LinearTap], output: &mut Frame) {
    let horizontal = |source: usize, sums: &mut [i32; SIDE]| {
        let mut pixels = [0; SCREEN_WIDTH];
        picture.fill(source, &mut pixels);
        for (sum, tap) in sums.iter_mut().zip(columns) {
            *sum = pixels[tap.first] * tap.weights[0] + pixels[tap.second] * tap.weights[1];
        }
    };
    let mut sums = [[0i32; SIDE]; 2];
    for (tap, row) in rows.iter().zip(output.chunks_exact_mut(SIDE)) {
        horizontal(tap.first, &mut sums[0]);
        horizontal(tap.second, &mut sums[1]);
        for ((pixel, &above), &below) in row.iter_mut().zip(&sums[0]).zip(&sums[1]) {
            let weighted = |sum: i32, weight: i32| (weight * (sum >> 4)) >> 16;
            *pixel = ((weighted(above, tap.weights[0]) + weighted(below, tap.weights[1]) + 2) >> 2) as u8;
        }
    }
}

/// Makes 84 x 84 frames of the screens of one environment: keep the last repetition but one with
/// [`remember`](Observer::remember), then [`observe`](Observer::observe) the last.
#[derive(Clone, Debug)]
pub struct Observer {
    resizer: Resizer,
    screens: ScreenPair,
    has_remembered: bool,
    /// The frame was made of two screens.
    pooled: bool,
    frame: Box<Frame>,
}

impl Observer {
    /// An observer of screens with `height` rows; its frame is black until the first [`observe`](Self::observe).
    pub fn new(method: Resize, height: usize) -> Self {
        Self {
            resizer: Resizer::new(method, height),
            screens: ScreenPair::new(height),
            has_remembered: false,
            pooled: false,
            frame: Box::new([0; FRAME_PIXELS]),
        }
    }

    /// Keeps `screen` for the maximum with the next one observed.
    pub fn remember(&mut self, screen: Screen<'_>) {
        self.screens.set_before_last(&screen);
        self.has_remembered = true;
    }

    /// Forgets the remembered screen, so that the next one is observed alone.
    pub fn forget(&mut self) {
        self.has_remembered = false;
    }

    /// Pools `screen` with the remembered one, if any, and forgets that one; `gray` is the palette's gray table, always the
    /// same.
    pub fn observe(&mut self, screen: Screen<'_>, gray: &[u8; 256]) -> &Frame {
        self.screens.set_last(&screen);
        if self.pooled != self.has_remembered {
            self.screens.change_all();
        }
        self.pooled = std::mem::take(&mut self.has_remembered);
        let previous = self.pooled.then_some(self.screens.before_last());
        let changes = self.screens.changes();
        self.resizer.pool_and_resize_changes(previous, self.screens.last(), changes, gray, &mut self.frame);
        self.screens.forget_changes();
        &self.frame
    }

    /// The newest frame.
    pub fn frame(&self) -> &Frame {
        &self.frame
    }
}

/// The frames the network sees: the last [`STACK`] of an episode, oldest first, black before the first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FrameStack {
    pixels: Vec<u8>,
}

impl Default for FrameStack {
    fn default() -> Self {
        Self { pixels: vec![0; STACK_PIXELS] }
    }
}

impl FrameStack {
    /// Starts an episode with its first frame.
    pub fn begin(&mut self, first: &Frame) {
        self.pixels.fill(0);
        self.pixels[STACK_PIXELS - FRAME_PIXELS..].copy_from_slice(first);
    }

    /// Adds the newest frame; the oldest leaves.
    pub fn push(&mut self, newest: &Frame) {
        self.pixels.copy_within(FRAME_PIXELS.., 0);
        self.pixels[STACK_PIXELS - FRAME_PIXELS..].copy_from_slice(newest);
    }

    /// [`STACK`] x 84 x 84 gray values, oldest frame first.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }
}

/// What one agent step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Sum of the game's rewards over the repeated frames, as the game gives them.
    pub reward: i32,
    /// A life was lost in these frames (also with the end of the game).
    pub life_lost: bool,
    /// The game is over.
    pub terminal: bool,
    /// The episode was cut off by a limit, and is not over by itself.
    pub truncated: bool,
}

impl Step {
    /// Whether the environment wants a reset.
    pub fn episode_over(&self) -> bool {
        self.terminal || self.truncated
    }
}

/// How an agent meets a game.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preprocessing {
    /// Frames an action is held for, at least 1.
    pub frame_skip: u32,
    /// Reduction to 84 x 84.
    pub resize: Resize,
    /// FIRE is pressed for one frame at the start of an episode, if the game has it.
    pub fire_reset: bool,
    /// Frames in the stack; always [`STACK`].
    pub stack: u32,
    /// Rows and columns of a frame; always [`SIDE`].
    pub side: u32,
}

impl Preprocessing {
    /// With this program's stack and size.
    pub fn new(frame_skip: u32, resize: Resize, fire_reset: bool) -> Self {
        Self { frame_skip, resize, fire_reset, stack: STACK as u32, side: SIDE as u32 }
    }
}

/// An [`AgentEnvironment`] between two steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentState {
    /// [What the emulator saves](Environment::save).
    pub emulator: Vec<u8>,
    /// The newest 84 x 84 frame.
    pub frame: Box<Frame>,
}

/// An environment as the agent meets it: steps of several frames, 84 x 84 observations, actions by index.
#[derive(Clone, Debug)]
pub struct AgentEnvironment {
    environment: Environment,
    observer: Observer,
    preprocessing: Preprocessing,
    stop_at_life_loss: bool,
    actions: Vec<Action>,
}

impl AgentEnvironment {
    /// Wraps `environment`, which an agent plays with `actions`. The frame skip of `environment`'s own settings is not
    /// used. With `stop_at_life_loss` a step ends with the frame that costs a life, and the game goes on at the next.
    pub fn new(
        environment: Environment,
        preprocessing: Preprocessing,
        actions: Vec<Action>,
        stop_at_life_loss: bool,
    ) -> Self {
        let observer = Observer::new(preprocessing.resize, environment.screen_height());
        Self { environment, observer, preprocessing, stop_at_life_loss, actions }
    }

    /// Starts an episode: reset, FIRE if wanted, then `noop_frames` frames without touching the stick (starting anew
    /// should the game end meanwhile). The first observation is the screen that is then shown, alone.
    pub fn reset(&mut self, noop_frames: u32) {
        self.environment.reset();
        if self.preprocessing.fire_reset && self.actions.contains(&Action::Fire) {
            self.environment.act_once(Action::Fire);
        }
        for _ in 0..noop_frames {
            self.environment.act_once(Action::Noop);
            if self.environment.game_over() {
                self.environment.reset();
            }
        }
        self.observer.forget();
        self.observe();
    }

    /// Holds the action with index `action` for the frame skip, stopping at the end of the game, and at a lost life
    /// when so configured; observes the maximum of the last two frames. A step cut short shows its last frame alone (after
    /// the end of the game the frames left out would show the same).
    pub fn step(&mut self, action: usize) -> Step {
        self.step_watched(action, |_| ())
    }

    /// As [`step`](Self::step), and calls `watch` after every frame emulated, e.g. to record it.
    pub fn step_watched(&mut self, action: usize, mut watch: impl FnMut(&mut Environment)) -> Step {
        let action = self.actions[action];
        let lives = self.environment.lives();
        let mut step = Step::default();
        for remaining in (0..self.preprocessing.frame_skip).rev() {
            step.reward += self.environment.act_once(action);
            watch(&mut self.environment);
            step.life_lost = self.environment.lives() < lives;
            if self.environment.game_over() || (self.stop_at_life_loss && step.life_lost) {
                break;
            }
            // Only what is looked at is painted, so the frames before are not.
            if remaining == 1 {
                self.observer.remember(self.environment.screen());
            }
        }
        self.observe();
        step.terminal = self.environment.terminal();
        step.truncated = self.environment.truncated() && !step.terminal;
        step
    }

    fn observe(&mut self) {
        let gray = self.environment.palette().gray();
        self.observer.observe(self.environment.screen(), gray);
    }

    /// The newest 84 x 84 frame.
    pub fn frame(&self) -> &Frame {
        self.observer.frame()
    }

    /// Everything the future depends on.
    pub fn state(&self) -> EnvironmentState {
        EnvironmentState { emulator: self.environment.save(), frame: Box::new(*self.frame()) }
    }

    /// Goes back, or on, to a state of such an environment with the same settings.
    ///
    /// # Errors
    /// When it is not one; nothing has changed then.
    pub fn set_state(&mut self, state: &EnvironmentState) -> Result<(), StateError> {
        self.environment.restore(&state.emulator)?;
        self.observer = Observer::new(self.preprocessing.resize, self.environment.screen_height());
        *self.observer.frame = *state.frame;
        Ok(())
    }

    /// The actions, by index.
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// The environment inside.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The environment inside, whose screen is only painted when somebody looks.
    pub fn environment_mut(&mut self) -> &mut Environment {
        &mut self.environment
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environments::cartridges;
    use crate::random::{Generator, Purpose};
    use atari_emulator::Settings;
    use std::io::Read;
    use std::path::PathBuf;

    fn gray_table(folder: &std::path::Path) -> [u8; 256] {
        let mut gray = [0; 256];
        let csv = std::fs::read_to_string(folder.join("palette_ntsc_seen.csv")).unwrap();
        for line in csv.lines().skip(1) {
            let fields: Vec<usize> = line.split(',').map(|field| field.trim().parse().unwrap()).collect();
            gray[fields[0]] = fields[4] as u8;
        }
        gray
    }

    /// 16 pairs of consecutive screens with what OpenCV 5.0.0 made of them.
    #[test]
    fn pooling_and_both_resizes_equal_opencv() {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/testdata/preprocess");
        let Ok(packed) = std::fs::read(folder.join("pairs.bin.gz")) else {
            eprintln!("skipped: no test data in {}", folder.display());
            return;
        };
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut bytes).unwrap();
        const SCREEN: usize = 210 * SCREEN_WIDTH;
        let gray = gray_table(&folder);
        let mut identity = [0; 256];
        (0..=255u8).for_each(|value| identity[usize::from(value)] = value);
        let records = bytes.chunks_exact(3 * SCREEN + 2 * FRAME_PIXELS);
        assert_eq!(records.len(), 16);
        for (i, record) in records.enumerate() {
            let (previous, rest) = record.split_at(SCREEN);
            let (current, rest) = rest.split_at(SCREEN);
            let (maximum, rest) = rest.split_at(SCREEN);
            let (area, linear) = rest.split_at(FRAME_PIXELS);
            for (name, method, expected) in [("area", Resize::Area, area), ("bilinear", Resize::Bilinear, linear)] {
                let resizer = Resizer::new(method, 210);
                let mut pooled = [0; FRAME_PIXELS];
                resizer.pool_and_resize(Some(previous), current, &gray, &mut pooled);
                assert_eq!(first_difference(&pooled, expected), None, "{name}, record {i}");
                let mut alone = [0; FRAME_PIXELS];
                resizer.pool_and_resize(None, maximum, &identity, &mut alone);
                assert_eq!(first_difference(&alone, expected), None, "{name} of the given maximum, record {i}");
            }
        }
    }

    /// (row, column, got, want) of the first wrong pixel.
    fn first_difference(got: &[u8], want: &[u8]) -> Option<(usize, usize, u8, u8)> {
        (0..FRAME_PIXELS).find(|&i| got[i] != want[i]).map(|i| (i / SIDE, i % SIDE, got[i], want[i]))
    }

    #[test]
    fn area_weights_of_every_output_pixel_add_up_to_one_at_every_height() {
        for height in [160, 210, 214, 220, 230, 250] {
            let mut sums = [0.0f32; SIDE];
            for entry in area_weights(height, SIDE) {
                sums[entry.output] += entry.weight;
                assert!(entry.source < height);
            }
            assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-5), "height {height}: {sums:?}");
        }
    }

    #[test]
    fn a_uniform_picture_stays_uniform_at_every_height() {
        let mut identity = [0; 256];
        (0..=255u8).for_each(|value| identity[usize::from(value)] = value);
        for height in [210, 214, 220, 230, 250] {
            for method in [Resize::Area, Resize::Bilinear] {
                for value in [0, 1, 127, 254, 255] {
                    let mut output = [7; FRAME_PIXELS];
                    Resizer::new(method, height).pool_and_resize(
                        None,
                        &vec![value; height * 160],
                        &identity,
                        &mut output,
                    );
                    assert!(output.iter().all(|&pixel| pixel == value), "{method:?} {height} {value}");
                }
            }
        }
    }

    #[test]
    fn rounding_goes_to_even() {
        for (value, rounded) in
            [(0.5, 0), (1.5, 2), (2.5, 2), (2.500_001, 3), (254.5, 254), (255.000_02, 255), (0.0, 0)]
        {
            assert_eq!(round_half_even(value), rounded, "{value}");
        }
    }

    fn bricks(fire_reset: bool, stop_at_life_loss: bool) -> AgentEnvironment {
        let environment = Environment::new(&cartridges::built_in().image, Settings::default());
        let actions = environment.minimal_actions();
        AgentEnvironment::new(environment, Preprocessing::new(4, Resize::Area, fire_reset), actions, stop_at_life_loss)
    }

    #[test]
    fn an_episode_begins_with_fire_if_wanted_and_then_the_no_ops() {
        let beginning = |fire_reset: bool, by_hand: &[Action]| {
            let mut game = bricks(fire_reset, false);
            game.reset(5);
            let mut expected = bricks(false, false);
            expected.reset(0);
            for &action in by_hand {
                expected.environment.act_once(action);
            }
            expected.observe();
            assert_eq!(game.environment().episode_frame_number() as usize, by_hand.len());
            assert_eq!(game.environment_mut().ram().to_vec(), expected.environment_mut().ram().to_vec());
            assert_eq!(first_difference(game.frame(), expected.frame()), None);
        };
        let fire_first = [Action::Fire, Action::Noop, Action::Noop, Action::Noop, Action::Noop, Action::Noop];
        beginning(false, &fire_first[1..]);
        beginning(true, &fire_first);
    }

    /// A plain game beside it, frame by frame.
    #[test]
    fn a_step_repeats_its_action_sums_the_rewards_and_ends_with_a_lost_life_if_that_is_wanted() {
        for stop_at_life_loss in [false, true] {
            let mut game = bricks(false, stop_at_life_loss);
            let mut random = Generator::new(1, Purpose::Synthetic);
            let (mut cut_short, mut lost, mut earned) = (0, 0, 0);
            game.reset(0);
            for _ in 0..1000 {
                let action = random.below(4);
                let mut plain = game.environment().clone();
                let (lives, begun) = (plain.lives(), plain.episode_frame_number());
                let (mut reward, mut screens) = (0, Vec::new());
                while screens.len() < 4 && !plain.game_over() && !(stop_at_life_loss && plain.lives() < lives) {
                    reward += plain.act_once(game.actions()[action]);
                    screens.push(plain.screen().pixels.to_vec());
                }
                let step = game.step(action);
                let frames = (game.environment().episode_frame_number() - begun) as usize;
                assert_eq!((step.reward, frames, step.terminal), (reward, screens.len(), plain.terminal()));
                assert_eq!(step.life_lost, plain.lives() < lives);
                let mut expected = [0; FRAME_PIXELS];
                let previous = (frames == 4).then(|| screens[2].as_slice());
                let (resizer, gray) = (Resizer::new(Resize::Area, plain.screen_height()), plain.palette().gray());
                resizer.pool_and_resize(previous, &screens[frames - 1], gray, &mut expected);
                assert_eq!(first_difference(game.frame(), &expected), None);
                cut_short += usize::from(frames < 4 && !step.terminal);
                (lost, earned) = (lost + usize::from(step.life_lost), earned + reward);
                if step.episode_over() {
                    game.reset(0);
                }
            }
            assert!(lost > 5 && earned > 5 && (cut_short > 0) == stop_at_life_loss, "{lost} {earned} {cut_short}");
        }
    }

    #[test]
    fn the_stack_starts_black_and_keeps_the_last_four_oldest_first() {
        let mut stack = FrameStack::default();
        stack.push(&[9; FRAME_PIXELS]);
        stack.begin(&[1; FRAME_PIXELS]);
        let firsts = |stack: &FrameStack| -> Vec<u8> { stack.pixels().iter().step_by(FRAME_PIXELS).copied().collect() };
        assert_eq!(firsts(&stack), [0, 0, 0, 1]);
        for value in 2..=5 {
            stack.push(&[value; FRAME_PIXELS]);
        }
        assert_eq!(firsts(&stack), [2, 3, 4, 5]);
    }
}
