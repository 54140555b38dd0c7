//! The real TIA against the plain one: random programs of register accesses, run on both as the console runs them.
//!
//! The programs do only what a 6507 can do: instructions are at least three cycles apart, and the pushes of one
//! instruction come at the same time. A frame left unfinished has hung for longer than a frame takes, or it is never
//! continued. Frames resemble the frame before, as in a game; otherwise the real chip would never find a line that it
//! has painted already.

use super::Plain;
use crate::random::MersenneTwister;
use crate::saved_state::{Archive, Scope};
use crate::tia::objects::{BL, M0, M1, P0, P1, PF};
use crate::tia::{InputPins, PictureLayout, ScreenVersion, Tia, LINE_CYCLES, WIDTH};
use std::collections::VecDeque;

const VSYNC: u8 = 0x00;
const VBLANK: u8 = 0x01;
const WSYNC: u8 = 0x02;
const CTRLPF: u8 = 0x0A;
const HMM0: u8 = 0x22;
const HMOVE: u8 = 0x2A;
const CXCLR: u8 = 0x2C;

/// The registers of each object. A register that is written often appears several times.
const REGISTERS_OF: [&[u8]; 6] = [
    &[0x1B, 0x1B, 0x1B, 0x1B, 0x1B, 0x04, 0x04, 0x0B, 0x10, 0x10, 0x25, 0x06, 0x06, 0x20],
    &[0x1C, 0x1C, 0x1C, 0x1C, 0x1C, 0x05, 0x05, 0x0C, 0x11, 0x11, 0x26, 0x07, 0x07, 0x21],
    &[0x1D, 0x1D, 0x1D, 0x1D, 0x04, 0x04, 0x12, 0x12, 0x28, 0x06, HMM0],
    &[0x1E, 0x1E, 0x1E, 0x1E, 0x05, 0x05, 0x13, 0x13, 0x29, 0x07, 0x23],
    &[0x1F, 0x1F, 0x1F, 0x1F, CTRLPF, CTRLPF, 0x14, 0x14, 0x27, 0x08, 0x24],
    &[0x0D, 0x0D, 0x0D, 0x0E, 0x0E, 0x0E, 0x0F, 0x0F, 0x0F, CTRLPF, CTRLPF, 0x08],
];
/// Registers of no single object: the background, HMCLR, RSYNC, sound, and an address without a register.
const REGISTERS_OF_NONE: [u8; 6] = [0x09, 0x09, 0x2B, 0x03, 0x17, 0x30];

/// The shortest time between the accesses of two instructions, one of which writes.
const LEAST_GAP: u32 = 3;
/// The least number of cycles that 25,000 instructions take.
const HANGING: u32 = 50_000;

#[derive(Clone, Copy, Debug)]
enum Access {
    Write {
        address: u16,
        value: u8,
    },
    /// A write directly after another one of the same instruction.
    Push {
        address: u16,
        value: u8,
    },
    Read {
        address: u16,
        data_bus: u8,
    },
}

/// An access and the cycles since the one before; 0 cycles if it belongs to the same instruction.
type Timed = (u32, Access);

/// Events at the console between two updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Nothing,
    Reset,
    /// The console's state is saved and restored.
    Restore,
}

/// Which pictures are looked at after an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Away,
    AtTheLast,
    AtBoth,
}

struct Update {
    before: Before,
    accesses: Vec<Timed>,
    /// Cycles that pass after the last access.
    idle: u32,
    look: Look,
}

struct Program {
    picture: PictureLayout,
    pins: InputPins,
    overheard: bool,
    updates: Vec<Update>,
}

struct Dice(MersenneTwister);

impl Dice {
    fn below(&mut self, end: u32) -> u32 {
        self.0.draw() % end
    }

    fn percent(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    fn byte(&mut self) -> u8 {
        self.0.draw() as u8
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u32) as usize]
    }
}

/// The properties of a random program, and the dice that write it.
struct Author {
    dice: Dice,
    picture: PictureLayout,
    /// Registers to write; a register is chosen in proportion to how often it appears.
    registers: Vec<u8>,
    colors: [u8; 4],
    /// Accesses on a line.
    per_line: u32,
    /// Percentages of lines that end with a WSYNC, that repeat the line before, and that begin with an HMOVE;
    /// percentage of accesses that read.
    waits: u32,
    repeats: u32,
    hmoves: u32,
    reads: u32,
    /// Percentages of frames that end somewhere in the window, that hang, and in which the CPU jams.
    early_ends: u32,
    hangs: u32,
    jams: u32,
}

impl Author {
    fn new(seed: u32, picture: impl FnOnce(&mut Dice) -> PictureLayout) -> Self {
        let mut dice = Dice(MersenneTwister::new(seed));
        let picture = picture(&mut dice);
        // Few objects are drawn by other rules than many.
        let mut registers = REGISTERS_OF_NONE.to_vec();
        let many = dice.percent(40);
        for object in [P0, P1, M0, M1, BL, PF] {
            if dice.percent(if many { 90 } else { 30 }) {
                registers.extend(REGISTERS_OF[object]);
            }
        }
        let clears = dice.pick(&[0, 0, 1, 8]);
        registers.extend(vec![CXCLR; clears]);
        let blanks = dice.pick(&[0, 0, 0, 1]);
        registers.extend(vec![VBLANK; blanks]);
        let stray_hmoves = dice.pick(&[0, 0, 1, 3]);
        registers.extend(vec![HMOVE; stray_hmoves]);
        Self {
            picture,
            registers,
            colors: [dice.byte(), dice.byte(), dice.byte(), dice.byte()],
            per_line: dice.pick(&[1, 2, 4, 8]),
            waits: dice.pick(&[0, 50, 100, 100]),
            repeats: dice.pick(&[0, 30, 70]),
            hmoves: dice.pick(&[0, 0, 5, 50]),
            reads: dice.pick(&[0, 0, 1, 5, 20]),
            early_ends: dice.pick(&[0, 10, 60]),
            hangs: dice.pick(&[0, 5, 15]),
            jams: dice.pick(&[0, 3, 10]),
            dice,
        }
    }

    fn program(mut self) -> Program {
        let dice = &mut self.dice;
        let resistances = [InputPins::OPEN, 0, 27_450, 408_823];
        let pins = InputPins {
            resistance: std::array::from_fn(|_| dice.pick(&resistances)),
            grounded: [dice.percent(50), dice.percent(50)],
        };
        let overheard = dice.percent(10);
        // Look at every update, at every second one, or at random.
        let look_every = dice.pick(&[1, 1, 2, 0]);
        let both = dice.percent(30);
        let mut updates: Vec<Update> = Vec::new();
        let mut frame = self.frame();
        let mut jammed = false;
        for number in 1..=8 {
            let before = match self.dice.below(100) {
                _ if jammed => self.dice.pick(&[Before::Nothing, Before::Reset]),
                0..4 => Before::Reset,
                4..10 => Before::Restore,
                _ => Before::Nothing,
            };
            jammed &= before != Before::Reset;
            if self.dice.percent(10) {
                frame = self.frame();
            } else {
                self.change(&mut frame);
            }
            let mut accesses = frame.clone();
            let mut idle = 0;
            if jammed {
                accesses.clear();
            } else if self.dice.percent(self.jams) {
                self.cut(&mut accesses);
                idle = self.dice.below(300);
                jammed = true;
            } else if self.dice.percent(self.hangs) {
                if self.dice.percent(80) {
                    self.cut(&mut accesses);
                } else {
                    accesses.clear();
                }
                if self.dice.percent(30) {
                    let gap = self.dice.below(HANGING);
                    accesses.push((LEAST_GAP + gap, self.read()));
                }
                idle = HANGING + self.dice.below(1000);
            } else if self.dice.percent(self.early_ends) {
                self.end_early(&mut accesses);
            }
            let looks = if look_every == 0 { self.dice.percent(40) } else { number % look_every == 0 };
            let look = match looks {
                false => Look::Away,
                true if both => Look::AtBoth,
                true => Look::AtTheLast,
            };
            updates.push(Update { before, accesses, idle, look });
        }
        if let Some(last) = updates.last_mut() {
            last.look = Look::AtBoth;
        }
        Program { picture: self.picture, pins, overheard, updates }
    }

    /// A frame. A WSYNC in each of 400 lines ends it even if the VSYNC is too short.
    fn frame(&mut self) -> Vec<Timed> {
        let mut frame = Vec::new();
        let window_end = self.picture.first_scanline + self.picture.height;
        let lines = match self.dice.below(10) {
            0 => 400,
            1..3 => self.dice.below(window_end),
            _ => window_end - 2 + self.dice.below(8),
        };
        for _ in 0..self.dice.pick(&[0, 5, 20]) {
            self.instruction(&mut frame);
        }
        let mut cycles = 0;
        let mut last_line = Vec::new();
        while cycles < lines * LINE_CYCLES {
            if last_line.is_empty() || !self.dice.percent(self.repeats) {
                last_line = self.line();
            }
            for &(gap, access) in &last_line {
                cycles += gap;
                if matches!(access, Access::Write { address, .. } if address as u8 & 0x3F == WSYNC) {
                    cycles = cycles.next_multiple_of(LINE_CYCLES);
                }
            }
            frame.extend(&last_line);
        }
        let held = if self.dice.percent(5) { 70 } else { LINE_CYCLES };
        frame.push((LEAST_GAP, write(VSYNC, 2)));
        for _ in 0..self.dice.pick(&[0, 0, 3]) {
            self.instruction(&mut frame);
        }
        let late = self.dice.below(60);
        frame.push((held + late, write(VSYNC, 0)));
        frame.extend(vec![(LEAST_GAP, write(WSYNC, 0)); 400]);
        frame
    }

    /// About one line, longer or shorter if it does not end with a WSYNC.
    fn line(&mut self) -> Vec<Timed> {
        let mut line = Vec::new();
        if self.dice.percent(self.hmoves) {
            // Strobes just after an HMOVE at the start of a line are special; HMM0 is the star field.
            let object = self.dice.pick(&[HMM0, HMM0, 0x12, 0x13, 0x14]);
            let value = if object == HMM0 { 0x60 } else { 0 };
            line.push((LEAST_GAP, write(HMM0, 0x70)));
            line.push((LEAST_GAP, write(WSYNC, 0)));
            line.push((self.dice.pick(&[3, 3, 3, 5, 20, 21, 74, 75, 76]), write(HMOVE, 0)));
            line.push((self.dice.pick(&[3, 6, 7, 18, 20, 21, 21, 21]), write(object, value)));
        }
        for _ in 0..self.dice.below(2 * self.per_line + 1) {
            self.instruction(&mut line);
        }
        if self.dice.percent(self.waits) {
            line.push((LEAST_GAP, write(WSYNC, 0)));
        } else if self.dice.percent(10) {
            // No access for some lines.
            line.push((self.dice.below(10 * LINE_CYCLES) + LEAST_GAP, self.write()));
        }
        line
    }

    /// The accesses of an instruction.
    fn instruction(&mut self, to: &mut Vec<Timed>) {
        let gap = match self.dice.below(20) {
            0..12 => LEAST_GAP + self.dice.below(4),
            12..18 => LEAST_GAP + self.dice.below(20),
            _ => LEAST_GAP + self.dice.below(LINE_CYCLES),
        };
        if self.dice.percent(self.reads) {
            to.push((gap, self.read()));
        } else if self.dice.percent(1) {
            // JSR or BRK into the registers; both push downwards.
            let last = self.dice.below(0x40) as u16;
            let value = self.dice.byte();
            let jsr = self.dice.percent(50);
            if jsr {
                to.push((gap, Access::Read { address: 0x100 | last, data_bus: value }));
            }
            to.push((if jsr { 0 } else { gap }, Access::Write { address: 0x100 | last, value }));
            for further in 1..if jsr { 2 } else { 3 } {
                to.push((0, Access::Push { address: 0x100 | (last.wrapping_sub(further) & 0x3F), value }));
            }
        } else if self.dice.percent(1) {
            // INC and similar instructions read first.
            let write = self.write();
            if let Access::Write { address, value } = write {
                to.push((gap, Access::Read { address, data_bus: value }));
                to.push((0, write));
            }
        } else {
            to.push((gap, self.write()));
        }
    }

    fn read(&mut self) -> Access {
        let register = if self.dice.percent(80) { self.dice.below(8) } else { self.dice.below(16) };
        Access::Read { address: register as u16 | self.dice.pick(&[0, 0x30, 0x170]), data_bus: self.dice.byte() }
    }

    fn write(&mut self) -> Access {
        let register = self.dice.pick(&self.registers);
        Access::Write {
            address: u16::from(register) | self.dice.pick(&[0, 0, 0x40, 0x100]),
            value: self.value(register),
        }
    }

    /// A value for a register; often the one that it has already.
    fn value(&mut self, register: u8) -> u8 {
        let any = self.dice.byte();
        let dice = &mut self.dice;
        match register {
            VBLANK => dice.pick(&[0, 0, 0, 2, 0x80]),
            0x04 | 0x05 => dice.pick(&[0, 5, 7, any, any & 0x37]),
            0x06..=0x09 => dice.pick(&self.colors),
            CTRLPF => dice.pick(&[0, 1, any, any & 0x31]),
            0x0D..=0x0F => dice.pick(&[0, 0xFF, 0x10, 0x80, any]),
            0x1B | 0x1C => dice.pick(&[0, 0, 0xFF, 0x80, any, any]),
            0x1D..=0x1F | 0x28 | 0x29 => dice.pick(&[0, 2, 2]),
            HMM0 => dice.pick(&[0x70, 0x60, any]),
            _ => any,
        }
    }

    /// Changes a few accesses in a frame, or none.
    fn change(&mut self, frame: &mut Vec<Timed>) {
        for _ in 0..self.dice.pick(&[0, 0, 1, 1, 2, 3, 8]) {
            let place = self.start_of_instruction(frame);
            let alone = frame.get(place + 1).is_none_or(|&(gap, _)| gap > 0);
            match (self.dice.below(4), frame.get(place).copied()) {
                (0, Some((gap, Access::Write { address, .. }))) if address & 0x3F != u16::from(VSYNC) => {
                    let value = self.value(address as u8 & 0x3F);
                    frame[place] = (gap, Access::Write { address, value });
                }
                (1, Some((gap, access))) => {
                    frame[place] = ((gap + self.dice.below(7)).saturating_sub(3).max(LEAST_GAP), access);
                }
                (2, Some((_, Access::Write { address, .. }))) if alone && address & 0x3F != u16::from(VSYNC) => {
                    frame.remove(place);
                }
                _ => {
                    let mut new = Vec::new();
                    self.instruction(&mut new);
                    frame.splice(place..place, new);
                }
            }
        }
    }

    /// Ends a frame at a random place, with a VSYNC of about a line.
    fn end_early(&mut self, frame: &mut Vec<Timed>) {
        let end = self.start_of_instruction(frame);
        let mut start = end;
        let mut held = LEAST_GAP;
        while start > 0 && (held < LINE_CYCLES || frame.get(start).is_some_and(|&(gap, _)| gap == 0)) {
            start -= 1;
            held += frame[start].0;
        }
        let gap = LEAST_GAP + self.dice.pick(&[0, 0, 0, 1, 2, 5]);
        let mut ending = self.last_accesses();
        ending.push((gap, write(VSYNC, 0)));
        frame.splice(end..end, ending);
        frame.insert(start, (LEAST_GAP, write(VSYNC, 2)));
    }

    /// Cuts off a frame's accesses at a random place.
    fn cut(&mut self, frame: &mut Vec<Timed>) {
        let end = self.start_of_instruction(frame);
        frame.truncate(end);
        frame.extend(self.last_accesses());
    }

    /// Accesses for the end of a frame, so close to each other that one draws only a few pixels more than the one
    /// before, which has drawn ahead. Only in this situation can the pixels of an over-run stay.
    fn last_accesses(&mut self) -> Vec<Timed> {
        let mut accesses = Vec::new();
        for _ in 0..self.dice.pick(&[0, 1, 2, 3]) {
            let ahead = self.dice.pick(&[0x04, 0x05, 0x12, 0x13]);
            let value = self.dice.pick(&[0, 5, 7]);
            let access = if self.dice.percent(50) { write(ahead, value) } else { self.write() };
            accesses.push((LEAST_GAP + self.dice.pick(&[0, 0, 1, 4]), access));
        }
        accesses
    }

    /// A random place in a frame, before an instruction and not far after its window.
    fn start_of_instruction(&mut self, frame: &[Timed]) -> usize {
        let mut place = self.dice.below(frame.len().saturating_sub(380) as u32 + 1) as usize;
        while frame.get(place).is_some_and(|&(gap, _)| gap == 0) {
            place += 1;
        }
        place.min(frame.len())
    }
}

fn write(register: u8, value: u8) -> Access {
    Access::Write { address: register.into(), value }
}

/// Both chips, which get the same accesses.
struct Both {
    /// The pictures seen last, with their versions.
    seen: VecDeque<(Vec<u8>, ScreenVersion)>,
    real: Tia,
    plain: Plain,
    pins: InputPins,
    picture: PictureLayout,
    cycles: u32,
}

impl Both {
    /// Runs a program on both chips. The error describes the first difference.
    fn run(program: &Program) -> Result<(), String> {
        let mut both = Self::new(program);
        for (number, update) in program.updates.iter().enumerate() {
            both.update(update).map_err(|difference| format!("update {number}, {difference}"))?;
        }
        (0..8).try_for_each(|address| both.access(Access::Read { address, data_bus: 0 }))
    }

    /// Both chips after a reset.
    fn new(program: &Program) -> Self {
        let Program { picture, pins, overheard, .. } = *program;
        let mut both = Self {
            real: Tia::new(picture),
            plain: Plain::new(picture),
            pins,
            picture,
            cycles: 0,
            seen: VecDeque::new(),
        };
        if overheard {
            both.real.set_overheard();
        }
        both.real.reset(picture);
        both
    }

    fn update(&mut self, update: &Update) -> Result<(), String> {
        match update.before {
            Before::Nothing => {}
            Before::Reset => {
                self.real.reset(self.picture);
                self.plain.reset();
                self.cycles = 0;
            }
            Before::Restore => self.restore(),
        }
        if self.real.frame_finished() != self.plain.frame_finished() {
            return Err(format!("frame finished: {}", self.real.frame_finished()));
        }
        if self.real.frame_finished() {
            self.real.start_frame(self.cycles);
            self.plain.start_frame(self.cycles);
            self.cycles = 0;
        }
        self.real.begin_update();
        self.plain.begin_update();
        for &(gap, access) in &update.accesses {
            // Between two instructions the CPU asks whether to stop.
            if gap > 0 && self.plain.stopped() {
                break;
            }
            self.cycles += gap;
            self.access(access)?;
        }
        if !self.plain.stopped() {
            self.cycles += update.idle;
        }
        self.real.end_update(self.cycles);
        self.plain.end_update(self.cycles);
        // Only rows of the window are compared. Below it, where a window of less than 200 rows shows some rows, a reset
        // in the middle of a frame may have drawn. The real chip need not reproduce this, as no cartridge's window is
        // that low.
        let rows = self.picture.height as usize;
        let plain = self.plain.frames();
        match update.look {
            Look::Away => Ok(()),
            Look::AtTheLast => {
                let real = self.real.frame();
                same_picture(self.picture, rows, real.pixels, plain[0])?;
                self.seen.iter().try_for_each(|(pixels, version)| {
                    let (painted_in, known) = real.since(Some(*version));
                    let alike =
                        (0..rows).filter(|&row| painted_in[row] <= known).map(|row| row * WIDTH..(row + 1) * WIDTH);
                    match alike.into_iter().find(|row| real.pixels[row.clone()] != pixels[row.clone()]) {
                        Some(row) => Err(format!("row {} was painted, and says that it was not", row.start / WIDTH)),
                        None => Ok(()),
                    }
                })?;
                if self.seen.len() == 3 {
                    self.seen.pop_front();
                }
                self.seen.push_back((real.pixels.to_vec(), real.version));
                Ok(())
            }
            Look::AtBoth => {
                let real = self.real.last_two_frames();
                same_picture(self.picture, rows, real[0], plain[0])?;
                let before = same_picture(self.picture, rows, real[1], plain[1]);
                before.map_err(|difference| format!("in the frame before: {difference}"))
            }
        }
    }

    fn access(&mut self, access: Access) -> Result<(), String> {
        let Self { real, plain, cycles, .. } = self;
        let (now, scanline) = (*cycles, real.scanline(*cycles));
        let results = match access {
            Access::Write { address, value } => {
                // As the console's board does it.
                let later = real.write_later(address, value, now);
                *cycles = later.unwrap_or_else(|| real.write(address, value, now, false));
                (*cycles, plain.write(address, value, now, false))
            }
            Access::Push { address, value } => {
                *cycles = real.write(address, value, now, true);
                (*cycles, plain.write(address, value, now, true))
            }
            Access::Read { address, data_bus } => {
                let byte = real.read(address, now, data_bus, &self.pins);
                (byte.into(), plain.read(address, now, data_bus, &self.pins).into())
            }
        };
        if results.0 != results.1 || real.stopped() != plain.stopped() {
            let outcome = |result: u32, stopped| format!("${result:02X}{}", if stopped { ", frame ended" } else { "" });
            let (deferred, at_once) = (outcome(results.0, real.stopped()), outcome(results.1, plain.stopped()));
            return Err(format!("scanline {scanline}, cycle {now}: {access:X?} gives {deferred}; plainly {at_once}"));
        }
        Ok(())
    }

    /// Saves the real chip and continues with the restored one.
    fn restore(&mut self) {
        let mut archive = Archive::saving(Vec::new(), Scope::Complete);
        self.real.clone().exchange(self.picture, &mut archive).unwrap();
        let bytes = archive.into_bytes();
        self.real.exchange(self.picture, &mut Archive::reading(&bytes, Scope::Complete)).unwrap();
    }
}

/// Compares two pictures. The error names the first pixel that differs.
fn same_picture(picture: PictureLayout, rows: usize, real: &[u8], plain: &[u8]) -> Result<(), String> {
    match (0..rows * WIDTH).find(|&place| real[place] != plain[place]) {
        None => Ok(()),
        Some(place) => {
            let (row, x) = (place / WIDTH, place % WIDTH);
            let scanline = row + picture.first_scanline as usize;
            let (real, plain) = (real[place], plain[place]);
            Err(format!("row {row} (scanline {scanline}), pixel {x}: ${real:02X}; plainly ${plain:02X}"))
        }
    }
}

/// Runs the programs of many seeds.
#[track_caller]
fn assert_agreement(seeds: std::ops::Range<u32>, picture: impl Fn(&mut Dice) -> PictureLayout) {
    for seed in seeds {
        if let Err(difference) = Both::run(&Author::new(seed, &picture).program()) {
            panic!("seed {seed}: {difference}");
        }
    }
}

/// A window of a few lines, so that many can be tried.
fn small_picture(dice: &mut Dice, pal: bool) -> PictureLayout {
    PictureLayout { first_scanline: 2 + dice.below(6), height: 5 + dice.below(25), hmove_blanks: dice.percent(70), pal }
}

#[test]
fn deferred_drawing_agrees_with_drawing_pixel_by_pixel() {
    assert_agreement(0..2000, |dice| small_picture(dice, false));
}

#[test]
fn deferred_drawing_agrees_with_drawing_pixel_by_pixel_on_a_pal_television() {
    assert_agreement(10_000..11_000, |dice| small_picture(dice, true));
}

#[test]
fn deferred_drawing_agrees_with_drawing_pixel_by_pixel_in_pictures_of_every_size() {
    assert_agreement(20_000..20_060, |dice| {
        let pal = dice.percent(30);
        let (first_scanline, height) = match pal {
            false => dice.pick(&[(34, 210), (26, 214), (26, 220), (34, 230), (40, 210), (30, 210)]),
            true => dice.pick(&[(34, 250), (39, 256)]),
        };
        PictureLayout { first_scanline, height, hmove_blanks: dice.percent(90), pal }
    });
}

/// Two full frames, then one that hangs for two updates after `accesses`, the first of which comes in the window's
/// second line. All frames are looked at.
fn hanging(accesses: &[Timed]) -> Program {
    let picture = PictureLayout { first_scanline: 2, height: 10, hmove_blanks: true, pal: false };
    let shown = |accesses, idle| Update { before: Before::Nothing, accesses, idle, look: Look::AtTheLast };
    let full = || {
        let playfield = [0x0D, 0x0E, 0x0F].map(|register| (LEAST_GAP, write(register, 0xFF)));
        let sync = [(15 * LINE_CYCLES, write(VSYNC, 2)), (LINE_CYCLES, write(VSYNC, 0))];
        shown([&playfield[..], &[(LEAST_GAP, write(0x08, 0x3E))], &sync].concat(), 0)
    };
    let waits = [(LEAST_GAP, write(WSYNC, 0)); 3];
    let hanging = [&[(LEAST_GAP, write(0x08, 0x5E))], &waits[..], accesses].concat();
    let updates = vec![full(), full(), shown(hanging, HANGING), shown(Vec::new(), HANGING)];
    let pins = InputPins { resistance: [InputPins::OPEN; 4], grounded: [false; 2] };
    Program { picture, pins, overheard: false, updates }
}

#[test]
fn an_hmove_that_is_the_last_access_blackens_nothing() {
    let program = hanging(&[(3, write(CTRLPF, 1)), (3, write(0x2D, 0)), (3, write(HMOVE, 0))]);
    assert_eq!(Both::run(&program), Ok(()));
}

#[test]
fn a_hanging_frame_stays_as_it_is() {
    let program = hanging(&[(3, write(HMOVE, 0)), (3, write(0x2D, 0)), (23, write(0x2D, 0))]);
    assert_eq!(Both::run(&program), Ok(()));
}

#[test]
fn an_over_run_of_an_access_before_the_last_stays_over_what_hmove_blackened() {
    let resm1 = 0x13;
    let program = hanging(&[(3, write(HMOVE, 0)), (3, write(0x2D, 0)), (17, write(resm1, 0)), (3, write(0x2D, 0))]);
    assert_eq!(Both::run(&program), Ok(()));
}

#[test]
fn the_programs_get_around() {
    let mut met = [[false; 6]; 6];
    let (mut star_fields, mut unfinished, mut limited) = (0, 0, 0);
    for seed in 0..300 {
        let program = Author::new(seed, |dice| small_picture(dice, false)).program();
        let mut both = Both::new(&program);
        for update in &program.updates {
            both.update(update).unwrap();
            for (all, now) in met.iter_mut().flatten().zip(both.plain.met.iter().flatten()) {
                *all |= now;
            }
            star_fields += u32::from(both.plain.star_field.is_some());
            unfinished += u32::from(!both.plain.frame_finished());
            limited += u32::from(both.plain.frame_finished() && both.plain.lines_of_last_frame > 290);
        }
    }
    assert_eq!(met, [[true; 6]; 6]);
    let times = [star_fields, unfinished, limited];
    assert!(times.iter().all(|&times| times > 20), "{times:?}");
}
