//! Small cartridges for tests: an assembler for the 6507 and a kernel that writes registers at exact cycles.
//!
//! Each test program uses its own part of this module.
#![allow(dead_code)]

use atari_emulator::{Action, CartridgeImage, Environment, Settings};
use std::collections::HashMap;

pub const VSYNC: u8 = 0x00;
pub const VBLANK: u8 = 0x01;
pub const WSYNC: u8 = 0x02;
pub const NUSIZ0: u8 = 0x04;
pub const NUSIZ1: u8 = 0x05;
pub const COLUP0: u8 = 0x06;
pub const COLUP1: u8 = 0x07;
pub const COLUPF: u8 = 0x08;
pub const COLUBK: u8 = 0x09;
pub const CTRLPF: u8 = 0x0A;
pub const REFP0: u8 = 0x0B;
pub const REFP1: u8 = 0x0C;
pub const PF0: u8 = 0x0D;
pub const PF1: u8 = 0x0E;
pub const PF2: u8 = 0x0F;
pub const RESP0: u8 = 0x10;
pub const RESP1: u8 = 0x11;
pub const RESM0: u8 = 0x12;
pub const RESM1: u8 = 0x13;
pub const RESBL: u8 = 0x14;
pub const GRP0: u8 = 0x1B;
pub const GRP1: u8 = 0x1C;
pub const ENAM0: u8 = 0x1D;
pub const ENAM1: u8 = 0x1E;
pub const ENABL: u8 = 0x1F;
pub const HMP0: u8 = 0x20;
pub const HMM0: u8 = 0x22;
pub const HMBL: u8 = 0x24;
pub const VDELP0: u8 = 0x25;
pub const RESMP0: u8 = 0x28;
pub const HMOVE: u8 = 0x2A;
pub const CXCLR: u8 = 0x2C;

/// Read register: collisions of player 0 with playfield and ball.
pub const CXP0FB: u8 = 0x02;

pub const SWCHA: u16 = 0x0280;
pub const SWCHB: u16 = 0x0282;
pub const INTIM: u16 = 0x0284;
pub const TIMINT: u16 = 0x0285;
pub const TIM1T: u16 = 0x0294;
pub const TIM8T: u16 = 0x0295;

/// CPU cycles of a scanline.
const LINE: u32 = 76;
/// First scanline on the screen.
const FIRST_SCANLINE: u32 = 34;
/// Where images start in the address space.
const ORIGIN: u16 = 0xF000;

/// The scanline that screen row `row` shows.
pub fn row(row: u32) -> u32 {
    FIRST_SCANLINE + row
}

enum Reference {
    Relative,
    Absolute,
    Low,
    High,
}

/// A one-pass assembler for images of 4 KiB that start at $F000. Methods are instructions. Labels may be used before
/// they are defined.
#[derive(Default)]
pub struct Assembler {
    bytes: Vec<u8>,
    labels: HashMap<&'static str, u16>,
    references: Vec<(usize, Reference, &'static str)>,
}

impl Assembler {
    pub fn new() -> Self {
        Self::default()
    }

    /// Any bytes, for instructions without a method.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    pub fn label(&mut self, name: &'static str) -> &mut Self {
        let here = ORIGIN + self.bytes.len() as u16;
        assert!(self.labels.insert(name, here).is_none(), "label {name} is set twice");
        self
    }

    pub fn lda(&mut self, value: u8) -> &mut Self {
        self.bytes(&[0xA9, value])
    }

    pub fn ldx(&mut self, value: u8) -> &mut Self {
        self.bytes(&[0xA2, value])
    }

    pub fn ldy(&mut self, value: u8) -> &mut Self {
        self.bytes(&[0xA0, value])
    }

    pub fn lda_zp(&mut self, address: u8) -> &mut Self {
        self.bytes(&[0xA5, address])
    }

    pub fn sta_zp(&mut self, address: u8) -> &mut Self {
        self.bytes(&[0x85, address])
    }

    pub fn inc_zp(&mut self, address: u8) -> &mut Self {
        self.bytes(&[0xE6, address])
    }

    pub fn lda_abs(&mut self, address: u16) -> &mut Self {
        self.bytes(&[0xAD, address as u8, (address >> 8) as u8])
    }

    pub fn sta_abs(&mut self, address: u16) -> &mut Self {
        self.bytes(&[0x8D, address as u8, (address >> 8) as u8])
    }

    /// LDA #`value`, STA `address`.
    pub fn put(&mut self, address: u8, value: u8) -> &mut Self {
        self.lda(value).sta_zp(address)
    }

    /// LDA `from`, STA `to`.
    pub fn copy(&mut self, from: u16, to: u8) -> &mut Self {
        self.lda_abs(from).sta_zp(to)
    }

    /// LDX #`value`, TXS.
    pub fn stack_at(&mut self, value: u8) -> &mut Self {
        self.ldx(value).bytes(&[0x9A])
    }

    pub fn wsync(&mut self) -> &mut Self {
        self.sta_zp(WSYNC)
    }

    /// Waits for the starts of `count` lines with WSYNC; ends at line cycle 4.
    pub fn wsyncs(&mut self, count: u8) -> &mut Self {
        self.ldx(count).bytes(&[0x85, WSYNC, 0xCA, 0xD0, 0xFB])
    }

    /// A branch: BNE is $D0, BEQ $F0.
    pub fn branch(&mut self, opcode: u8, label: &'static str) -> &mut Self {
        self.references.push((self.bytes.len() + 1, Reference::Relative, label));
        self.bytes(&[opcode, 0])
    }

    pub fn bne(&mut self, label: &'static str) -> &mut Self {
        self.branch(0xD0, label)
    }

    pub fn beq(&mut self, label: &'static str) -> &mut Self {
        self.branch(0xF0, label)
    }

    pub fn jmp(&mut self, label: &'static str) -> &mut Self {
        self.absolute(0x4C, label)
    }

    pub fn jsr(&mut self, label: &'static str) -> &mut Self {
        self.absolute(0x20, label)
    }

    /// Puts the address of `label` into zero page at `address`.
    pub fn pointer(&mut self, address: u8, label: &'static str) -> &mut Self {
        for (byte, half) in [(0, Reference::Low), (1, Reference::High)] {
            self.references.push((self.bytes.len() + 1, half, label));
            self.put(address + byte, 0);
        }
        self
    }

    fn absolute(&mut self, opcode: u8, label: &'static str) -> &mut Self {
        self.references.push((self.bytes.len() + 1, Reference::Absolute, label));
        self.bytes(&[opcode, 0, 0])
    }

    /// Does nothing for `cycles` cycles (not 1). From seven cycles on it pushes and pulls A.
    pub fn delay(&mut self, cycles: u32) -> &mut Self {
        assert_ne!(cycles, 1, "nothing takes one cycle");
        let mut left = cycles;
        while left >= 9 || left == 7 {
            self.bytes(&[0x48, 0x68]); // PHA, PLA
            left -= 7;
        }
        if left % 2 == 1 {
            self.bytes(&[0x24, 0xFF]); // BIT $FF
            left -= 3;
        }
        for _ in 0..left / 2 {
            self.bytes(&[0xEA]); // NOP
        }
        self
    }

    /// Three lines of VSYNC; the last write ends the frame.
    pub fn vertical_sync(&mut self) -> &mut Self {
        self.put(VSYNC, 2).wsyncs(3).put(VSYNC, 0)
    }

    /// The finished image. Execution starts at its first byte; BRK goes to the label "break" if there is one.
    pub fn image(&self) -> Vec<u8> {
        let mut image = self.bytes.clone();
        for (position, kind, label) in &self.references {
            let target = *self.labels.get(label).unwrap_or_else(|| panic!("no label {label}"));
            match kind {
                Reference::Relative => {
                    let distance = i32::from(target) - i32::from(ORIGIN) - *position as i32 - 1;
                    image[*position] = i8::try_from(distance).expect("a branch reaches 128 bytes") as u8;
                }
                Reference::Low => image[*position] = target as u8,
                Reference::High => image[*position] = (target >> 8) as u8,
                Reference::Absolute => image[*position..][..2].copy_from_slice(&target.to_le_bytes()),
            }
        }
        assert!(image.len() <= 0xFF0, "{} bytes of program are too many", image.len());
        image.resize(0x1000, 0);
        image[0xFFC..0xFFE].copy_from_slice(&ORIGIN.to_le_bytes());
        let on_break = self.labels.get("break").unwrap_or(&ORIGIN);
        image[0xFFE..].copy_from_slice(&on_break.to_le_bytes());
        image
    }

    /// Powers up a console with the image.
    pub fn start(&self) -> Environment {
        power_up(&self.image())
    }
}

/// A console with `image` in its slot.
pub fn power_up(image: &[u8]) -> Environment {
    power_up_with(image, Settings::default())
}

/// The same with settings other than the defaults.
pub fn power_up_with(image: &[u8], settings: Settings) -> Environment {
    Environment::new(&CartridgeImage::new(image, None).expect("4 KiB are a cartridge"), settings)
}

/// Runs `count` frames without input.
pub fn run(environment: &mut Environment, count: u32) {
    for _ in 0..count {
        environment.act_once(Action::Noop);
    }
}

/// One action of a [`Kernel`] at a set time.
struct Event {
    /// Cycle at which it completes, counted from the start of scanline 0.
    time: u32,
    code: Vec<u8>,
    /// Cycles of `code` up to its completion, and after it.
    before: u32,
    after: u32,
}

/// A program that draws the same 262-line frame again and again and accesses the TIA at exact cycles.
///
/// "Completing at N" is the time of the access, line cycle 0 to 75. Accesses may follow each other at five cycles (three
/// for strobes). Scanlines 1 to 258 are free.
pub struct Kernel {
    boot: Vec<(u8, u8)>,
    events: Vec<Event>,
}

impl Kernel {
    /// A kernel that sets only the colors of the worked examples: background $40, players $1E and $2E, playfield $3E.
    pub fn new() -> Self {
        Self { boot: vec![(COLUBK, 0x40), (COLUP0, 0x1E), (COLUP1, 0x2E), (COLUPF, 0x3E)], events: Vec::new() }
    }

    /// Sets a register once, at power-on and after every reset.
    pub fn boot(mut self, register: u8, value: u8) -> Self {
        self.boot.push((register, value));
        self
    }

    /// Writes `value` to `register`, completing at cycle `n` of `scanline`.
    pub fn write(self, scanline: u32, n: u32, register: u8, value: u8) -> Self {
        self.code(scanline, n, &[0xA9, value, 0x85, register], 5, 0)
    }

    /// Writes an arbitrary value to `register`.
    pub fn strobe(self, scanline: u32, n: u32, register: u8) -> Self {
        self.code(scanline, n, &[0x85, register], 3, 0)
    }

    /// Loads the TIA's `register`, completing at cycle `n`, and stores the byte at `ram`.
    pub fn read(self, scanline: u32, n: u32, register: u8, ram: u8) -> Self {
        self.code(scanline, n, &[0xA5, register, 0x85, ram], 3, 3)
    }

    /// Runs `code`: the access in it completes at `n`, `before` cycles after its start, and the rest takes `after`
    /// cycles.
    pub fn code(mut self, scanline: u32, n: u32, code: &[u8], before: u32, after: u32) -> Self {
        self.events.push(Event { time: scanline * LINE + n, code: code.to_vec(), before, after });
        self
    }

    /// Tests RAM `flag` at the start of `scanline`. If it is set, `code` runs and the flag is cleared. Both paths must
    /// end before the line does.
    pub fn once(self, scanline: u32, flag: u8, code: &[u8]) -> Self {
        let mut whole = vec![0xA5, flag, 0xF0, code.len() as u8 + 4];
        whole.extend_from_slice(code);
        whole.extend_from_slice(&[0xA9, 0, 0x85, flag, 0x85, WSYNC]);
        // LDA, BEQ and WSYNC. After WSYNC the time is known again.
        self.code(scanline, 5, &whole, 5, LINE - 5)
    }

    pub fn image(mut self) -> Vec<u8> {
        let mut program = Assembler::new();
        program.bytes(&[0xD8]).stack_at(0xFF);
        for &(register, value) in &self.boot {
            program.put(register, value);
        }
        // The new frame begins with the end of VSYNC, in the scanline that thereby becomes scanline 0.
        program.label("frame").wsync();
        let mut now = LINE;
        self = self.write(259, 10, VSYNC, 2).write(262, 10, VSYNC, 0);
        self.events.sort_by_key(|event| event.time);
        for event in &self.events {
            let start = event.time - event.before;
            assert!(
                start >= now && start != now + 1,
                "no time for the access at {:?}",
                (event.time / LINE, event.time % LINE)
            );
            wait(&mut program, now, start);
            program.bytes(&event.code);
            now = event.time + event.after;
        }
        program.jmp("frame").image()
    }

    /// A console that has run the program for so long that every frame equals the last.
    pub fn run(self) -> Environment {
        let mut environment = power_up(&self.image());
        run(&mut environment, 2);
        environment
    }
}

/// Waits from cycle `now` to cycle `start`, with WSYNC as far as possible.
fn wait(program: &mut Assembler, now: u32, start: u32) {
    // LDX and STA WSYNC take five cycles; DEX and BNE four after the last wait.
    let first_line = (now + 5).div_ceil(LINE) * LINE;
    let lines = |count: u32| first_line + (count - 1) * LINE + 4;
    let count = (1..=255).rev().find(|&count| lines(count) <= start && lines(count) + 1 != start);
    match count {
        Some(count) => program.wsyncs(count as u8).delay(start - lines(count)),
        None => program.delay(start - now),
    };
}

/// Row `row` of the screen as runs of one color: (first x, color).
pub fn runs(environment: &Environment, row: usize) -> Vec<(usize, u8)> {
    let mut environment = environment.clone();
    let screen = environment.screen();
    let pixels = &screen.pixels[row * screen.width..][..screen.width];
    let mut runs = Vec::new();
    for (x, &color) in pixels.iter().enumerate() {
        if runs.last().is_none_or(|&(_, last)| last != color) {
            runs.push((x, color));
        }
    }
    runs
}

/// The runs of color `color` in row `row`: (first x, last x).
pub fn spans(environment: &Environment, row: usize, color: u8) -> Vec<(usize, usize)> {
    let runs = runs(environment, row);
    let ends = runs.iter().skip(1).map(|run| run.0).chain([160]);
    runs.iter().zip(ends).filter(|(run, _)| run.1 == color).map(|(run, end)| (run.0, end - 1)).collect()
}

/// The RAM byte at CPU address `address` ($80 to $FF).
pub fn ram(environment: &Environment, address: u8) -> u8 {
    environment.ram()[usize::from(address & 0x7F)]
}

/// Sets the RAM byte at CPU address `address`.
pub fn set_ram(environment: &mut Environment, address: u8, value: u8) {
    environment.ram_mut()[usize::from(address & 0x7F)] = value;
}
