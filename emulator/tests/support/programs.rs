//! Random cartridges with the structure of programs, for comparing two ways of executing code.
//!
//! An image of random bytes soon runs into one short loop. These programs keep going: every bank has a kernel, which starts the
//! stack, waits for frames and calls *slots*, short pieces of code at addresses known in advance. Any code may jump to any
//! slot of any bank, and the vectors lead back to the kernel. The pieces do what may part the two ways: loops, a stack
//! pointer that leaves RAM, code written to RAM and executed there, jumps into the registers of TIA and RIOT and across the
//! mirrors of the window, bank switches by every kind of access, and instructions that lie across a hot spot or the window's
//! end.

use atari_emulator::engine::Opcode;
use atari_emulator::random::MersenneTwister;

/// Random numbers in the forms that generators need.
pub struct Random(MersenneTwister);

impl Random {
    /// The generator that `seed` starts.
    pub fn new(seed: u32) -> Self {
        Self(MersenneTwister::new(seed))
    }

    /// A number from 0 to `end` - 1.
    pub fn below(&mut self, end: usize) -> usize {
        self.0.draw() as usize % end
    }

    /// Any byte.
    pub fn byte(&mut self) -> u8 {
        self.0.draw() as u8
    }

    /// Whether an event with the probability 1/`n` happens.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of these.
    pub fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// A kind of image: its size, the places that the recognition of its scheme looks at, and its hot spots.
struct Kind {
    size: usize,
    /// Offset and bytes; the recognition finds the scheme by them.
    marks: &'static [(usize, &'static [u8])],
    /// Bytes at the start of every 4 KiB that must be equal.
    blank: usize,
    /// Addresses at which accesses switch banks or do something else.
    hot_spots: &'static [u16],
}

const fn kind(size: usize, hot_spots: &'static [u16]) -> Kind {
    Kind { size, marks: &[], blank: 0, hot_spots }
}

const fn marked(size: usize, marks: &'static [(usize, &'static [u8])], hot_spots: &'static [u16]) -> Kind {
    Kind { size, marks, blank: 0, hot_spots }
}

const fn blank(size: usize, hot_spots: &'static [u16]) -> Kind {
    Kind { size, marks: &[], blank: 256, hot_spots }
}

const SUPERCHIP: [u16; 12] =
    [0xFFF4, 0xFFF5, 0xFFF6, 0xFFF7, 0xFFF8, 0xFFF9, 0xF000, 0xF010, 0xF07F, 0xF080, 0xF090, 0xF0FF];
const PARKER: [u16; 8] = [0xFFE0, 0xFFE3, 0xFFE7, 0xFFE8, 0xFFEA, 0xFFEF, 0xFFF0, 0xFFF5];
const M_NETWORK: [u16; 9] = [0xFFE0, 0xFFE1, 0xFFE6, 0xFFE7, 0xFFE9, 0xFFEB, 0xF800, 0xF900, 0xF410];
const TIGERVISION: [u16; 6] = [0x003F, 0x003E, 0x0002, 0x203F, 0xF410, 0x003F];
const DPC: [u16; 9] = [0xFFF8, 0xFFF9, 0xF000, 0xF008, 0xF010, 0xF038, 0xF040, 0xF058, 0xF070];

/// Images of every scheme that an image can choose by itself.
const KINDS: [Kind; 27] = [
    kind(2048, &[]),
    kind(4096, &[]),
    kind(4096, &[]),
    marked(2048, &[(0x7A0, &[0x9D, 0xFF, 0xF3])], &[0xF000, 0xF3FF, 0xF400, 0xF7FF]), // CV
    marked(4096, &[(0x7A0, &[0x9D, 0xFF, 0xF3])], &[0xF000, 0xF3FF, 0xF400, 0xF7FF]),
    kind(8192, &[0xFFF8, 0xFFF9]), // F8
    kind(8192, &[0xFFF8, 0xFFF9]),
    blank(8192, &SUPERCHIP),
    marked(8192, &[(0x7A0, &[0x8D, 0xE0, 0x1F])], &PARKER), // E0
    marked(8192, &[(0x7A0, &[0x20, 0x00, 0xD0, 0xC6, 0xC5])], &[]), // FE
    marked(8192, &[(0x7A0, &[0x8D, 0x40, 0x02])], &[0x0220, 0x0240]), // UA
    marked(8192, &[(0x7A0, &[0x85, 0x3F, 0x00, 0x85, 0x3F])], &TIGERVISION), // 3F
    marked(8192, &[(0x7A0, &[0x85, 0x3E, 0xA9, 0x00])], &TIGERVISION), // 3E
    kind(10_240, &DPC),
    kind(10_495, &DPC),
    Kind { size: 12_288, marks: &[], blank: 0, hot_spots: &[0xFFF8, 0xFFF9, 0xFFFA, 0xF001, 0xF0FF, 0xF100, 0xF1FF] }, // FASC
    kind(16_384, &[0xFFF6, 0xFFF7, 0xFFF8, 0xFFF9]), // F6
    blank(16_384, &SUPERCHIP),
    marked(16_384, &[(0x3800, &[0x11; 0x200])], &M_NETWORK), // E7
    marked(16_384, &[(0x7A0, &[0x85, 0x3F, 0x00, 0x85, 0x3F])], &TIGERVISION),
    kind(32_768, &[0xFFF4, 0xFFF5, 0xFFF6, 0xFFF7, 0xFFF8, 0xFFF9, 0xFFFA, 0xFFFB]), // F4
    blank(32_768, &SUPERCHIP),
    marked(32_768, &[(0x7A0, &[0x85, 0x3E, 0xA9, 0x00])], &TIGERVISION),
    marked(524_288, &[(0x7A0, &[0x85, 0x3F, 0x00, 0x85, 0x3F])], &TIGERVISION),
    kind(65_536, &[0xFFF0, 0xFFF1]),                  // MB
    kind(131_072, &[0x003C, 0x003D, 0x003E, 0x003F]), // MC
    kind(8448, &[0xFFF8, 0xF000, 0xF01D, 0xF0FF]),    // AR
];

/// Opcodes near hot spots: with operands that lie across one, and without.
const ACROSS: [u8; 12] = [0xEA, 0xAD, 0xEE, 0x4C, 0x20, 0x60, 0xD0, 0x85, 0xBD, 0x2C, 0x9D, 0xFE];
/// Bytes of a slot.
const SLOT: usize = 48;
/// Offset of the kernel in every 4 KiB; in 2 KiB images at the same place modulo 2 KiB.
const KERNEL: usize = 0xE80;
/// Where the slots end.
const SLOTS_END: usize = 0x1000 - 0x180;

/// A program under construction.
struct Writer {
    random: Random,
    kind: &'static Kind,
    /// The upper byte's high nibble of most addresses: which mirror of the window the program runs in.
    home: u16,
    /// Jumps to computed or odd places are this rare; 0: there are none.
    wildness: usize,
    /// Whether the program uses opcodes that stop the CPU.
    jams: bool,
}

/// The image that `seed` stands for.
pub fn image(seed: u32) -> Vec<u8> {
    let mut random = Random::new(seed);
    let kind = &KINDS[random.below(KINDS.len())];
    let home = random.one_of(&[0xF000, 0xF000, 0xF000, 0x1000, 0xD000, 0x3000]);
    let wildness = random.one_of(&[0, 40, 20, 20, 10, 5]);
    let jams = random.one_in(8);
    Writer { random, kind, home, wildness, jams }.image()
}

impl Writer {
    fn image(mut self) -> Vec<u8> {
        let mut image = vec![0; self.kind.size];
        // Large images repeat themselves: what is shown counts, not the number of different banks.
        let distinct = self.kind.size.min(0x8000);
        let filler = self.random.one_of(&[0xEA, 0xEA, 0x00, 0x60]);
        for bank in (0..distinct).step_by(0x1000) {
            let end = (bank + 0x1000).min(distinct);
            let code = self.bank(filler);
            // In a 2 KiB image the upper half, which has the kernel and the vectors.
            image[bank..end].copy_from_slice(&code[0x1000 - (end - bank)..]);
        }
        for at in (distinct..self.kind.size).step_by(0x1000) {
            let end = (at + 0x1000).min(self.kind.size);
            image.copy_within(at % distinct..at % distinct + end - at, at);
        }
        for &(at, bytes) in self.kind.marks {
            image[at..at + bytes.len()].copy_from_slice(bytes);
        }
        if self.kind.blank > 0 {
            image.chunks_mut(0x1000).for_each(|bank| bank[..self.kind.blank].fill(filler));
        }
        image
    }

    /// 4 KiB: slots, the kernel, code around the hot spots, and the vectors.
    fn bank(&mut self, filler: u8) -> Vec<u8> {
        let mut bank = vec![filler; 0x1000];
        for at in (0..SLOTS_END - SLOT).step_by(SLOT) {
            let slot = self.slot();
            bank[at..at + slot.len()].copy_from_slice(&slot);
        }
        let kernel = self.kernel();
        bank[KERNEL..KERNEL + kernel.len()].copy_from_slice(&kernel);
        // Instructions across hot spots and the window's end.
        for byte in &mut bank[0xFE0..0xFFA] {
            if self.random.one_in(3) {
                *byte = self.random.one_of(&ACROSS);
            }
        }
        let start = self.home | KERNEL as u16;
        for vector in [0xFFA, 0xFFC, 0xFFE] {
            let mut target = start;
            if vector == 0xFFE && self.wild() {
                target = self.odd_target();
            } else if vector == 0xFFE && self.random.one_in(2) {
                target = self.slot_address();
            } else if vector == 0xFFC && self.random.one_in(60) {
                target = self.odd_target();
            }
            bank[vector..vector + 2].copy_from_slice(&target.to_le_bytes());
        }
        bank
    }

    fn wild(&mut self) -> bool {
        self.wildness > 0 && self.random.one_in(self.wildness)
    }

    /// Starts the stack, then forever: ends the frame, starts the timer, calls slots and waits for the timer.
    fn kernel(&mut self) -> Vec<u8> {
        let stack = if self.random.one_in(4) { self.random.byte() } else { 0xFF };
        let mut code = vec![0x78, 0xD8, 0xA2, stack, 0x9A];
        let frame = self.home | (KERNEL + code.len()) as u16;
        if !self.random.one_in(6) {
            // VSYNC over three lines; rarely only over a part of one, so that the frame goes on.
            code.extend([0xA9, 0x02, 0x85, 0x00]);
            for _ in 0..self.random.one_of(&[3, 3, 3, 0]) {
                code.extend([0x85, 0x02]);
            }
            code.extend([0xA9, 0x00, 0x85, 0x00]);
        }
        if self.random.one_in(2) {
            let (count, register) = (self.random.byte(), self.random.one_of(&[0x94, 0x95, 0x96, 0x96, 0x97]));
            code.extend([0xA9, count, 0x8D, register, 0x02]);
        }
        for _ in 0..1 + self.random.below(8) {
            let [low, high] = self.slot_address().to_le_bytes();
            match self.random.below(4) {
                // As often as a counter in RAM says.
                0 => {
                    let counter = 0xF0 | self.random.below(8) as u8;
                    code.extend([0xC6, counter, 0x20, low, high, 0xA5, counter, 0x29, 0x07, 0xD0, 0xF5]);
                }
                _ => code.extend([0x20, low, high]),
            }
        }
        if self.random.one_in(2) {
            code.extend(self.wait());
        }
        code.push(0x4C);
        code.extend(frame.to_le_bytes());
        code
    }

    /// A loop of a load and a branch back to it, usually of the timer.
    fn wait(&mut self) -> Vec<u8> {
        let load = self.random.one_of(&[0xAD, 0xAD, 0xAC, 0xAE, 0x2C]);
        let address = match self.random.below(8) {
            0 => self.address(),
            1 => 0x0285,
            _ => self.random.one_of(&[0x0284, 0x0284, 0x0286, 0x2284, 0xEA84, 0x0A84]),
        };
        let branch = self.random.one_of(&[0xD0, 0xD0, 0x10, 0x30, 0xF0, 0x50, 0x70]);
        let [low, high] = address.to_le_bytes();
        vec![load, low, high, branch, 0xFB]
    }

    /// Pieces of code, then an end.
    fn slot(&mut self) -> Vec<u8> {
        let mut code: Vec<u8> = Vec::new();
        let mut starts = Vec::new();
        let length = 6 + self.random.below(SLOT - 9);
        loop {
            let piece = self.piece(&code, &starts);
            if code.len() + piece.len() > length {
                break;
            }
            starts.push(code.len());
            code.extend(piece);
        }
        match self.random.below(8) {
            0 => {
                code.push(0x4C);
                code.extend(self.slot_address().to_le_bytes());
            }
            // Falls into the next slot, or what lies between.
            1 => {}
            2 if self.wild() => code.push(self.random.one_of(&[0x00, 0x40])),
            _ => code.push(0x60),
        }
        code
    }

    /// A few instructions. `code` is the slot so far, with an instruction at each of `starts`.
    fn piece(&mut self, code: &[u8], starts: &[usize]) -> Vec<u8> {
        if self.wild() {
            return self.wild_piece();
        }
        match self.random.below(24) {
            0..=6 => self.any_instruction(),
            7..=9 => {
                let store = self.random.one_of(&[0x85, 0x86, 0x84, 0x95, 0x94]);
                vec![
                    store,
                    self.random.one_of(&[0x02, 0x06, 0x09, 0x0D, 0x10, 0x1B, 0x20, 0x2A, 0x2B, 0x2C, 0x15, 0x04]),
                ]
            }
            10 => vec![self.random.one_of(&[0xA9, 0xA2, 0xA0]), self.random.byte()],
            // A branch back within the slot, most often one that a counter ends.
            11..=13 if !starts.is_empty() => {
                let target = self.random.one_of(starts);
                let counter = self.random.one_of(&[0xCA, 0x88, 0xE8, 0xC8]);
                let branch = self.random.one_of(&[0xD0, 0xD0, 0xD0, 0x10, 0x30]);
                vec![counter, branch, (target as i32 - code.len() as i32 - 3) as u8]
            }
            14 => {
                let branch = self.random.one_of(&[0xD0, 0xF0, 0x10, 0x30, 0x90, 0xB0, 0x50, 0x70]);
                vec![branch, self.random.one_of(&[0x01, 0x02, 0x03, 0x05, 0x08, 0x10, 0x2A])]
            }
            15 => {
                let [low, high] = self.slot_address().to_le_bytes();
                vec![0x20, low, high]
            }
            // The stack, balanced and not.
            16 => vec![self.random.one_of(&[0x48, 0x08]), 0xEA, self.random.one_of(&[0x68, 0x28])],
            17 => vec![self.random.one_of(&[0x48, 0x68, 0x08, 0x28, 0xBA, 0x9A])],
            18 => self.access_of_hot_spot(),
            19 => self.write_and_call_code_in_ram(),
            20 => self.wait(),
            21 => vec![0xF8, 0x69, self.random.byte(), self.random.one_of(&[0xD8, 0xEA])],
            22 => {
                // A jump through RAM.
                let pointer = 0x80 | self.random.byte();
                let [low, high] = self.slot_address().to_le_bytes();
                let page = self.random.one_of(&[0x00, 0x00, 0x01, 0x20]);
                vec![0xA9, low, 0x85, pointer, 0xA9, high, 0x85, pointer.wrapping_add(1), 0x6C, pointer, page]
            }
            _ => self.any_instruction(),
        }
    }

    /// Something that well-behaved programs do not do.
    fn wild_piece(&mut self) -> Vec<u8> {
        let [low, high] = self.odd_target().to_le_bytes();
        match self.random.below(9) {
            0 => vec![0x4C, low, high],
            1 => vec![0x20, low, high],
            2 => vec![0x6C, low, high],
            // A stack anywhere.
            3 => vec![0xA2, self.random.byte(), 0x9A],
            4 => {
                let stack = self.random.one_of(&[0x48, 0x68, 0x08, 0x28]);
                vec![0xA2, self.random.byte(), stack, 0xCA, 0xD0, 0xFC]
            }
            // RTS to anywhere.
            5 => vec![0xA9, high, 0x48, 0xA9, low, 0x48, 0x60],
            6 => vec![0xA9, high, 0x48, 0xA9, low, 0x48, 0xA9, self.random.byte(), 0x48, 0x40],
            7 => vec![self.random.byte(), self.random.byte(), self.random.byte()],
            _ if self.jams => vec![0x02],
            _ => vec![0x00],
        }
    }

    /// An instruction of any opcode, undocumented ones included, but for jumps, returns and the twelve that stop the CPU.
    fn any_instruction(&mut self) -> Vec<u8> {
        loop {
            let opcode = self.random.byte();
            let Opcode { name, bytes, .. } = Opcode::of(opcode);
            if matches!(name, "JMP" | "JSR" | "RTS" | "RTI" | "BRK" | "TXS" | "LAS" | "SHS") || opcode & 0x1F == 0x10 {
                continue;
            }
            if name == "JAM" {
                if self.jams && self.random.one_in(4) {
                    return vec![opcode];
                }
                continue;
            }
            return match bytes {
                1 => vec![opcode],
                2 => vec![opcode, if self.random.one_in(3) { self.random.byte() } else { 0x80 | self.random.byte() }],
                _ => {
                    let [low, high] = self.address().to_le_bytes();
                    vec![opcode, low, high]
                }
            };
        }
    }

    /// Writes a short routine into RAM, the console's or the cartridge's, and jumps there or calls it.
    fn write_and_call_code_in_ram(&mut self) -> Vec<u8> {
        let mut routine = match self.random.below(5) {
            0 => {
                let [low, high] = self.hot_spot().to_le_bytes();
                vec![self.random.one_of(&[0x8D, 0xAD, 0xEE]), low, high]
            }
            1 => vec![0xE6, 0x80 | self.random.byte()],
            2 => vec![self.random.byte(), self.random.byte()],
            3 => vec![0x85, self.random.byte() & 0x3F],
            _ => vec![],
        };
        match self.random.below(4) {
            0 => {
                routine.push(0x4C);
                routine.extend(self.slot_address().to_le_bytes());
            }
            _ => routine.push(0x60),
        }
        let at = self.random.one_of(&[0x80, 0x90, 0xA8, 0xC0, 0xFD]);
        let mut code = Vec::new();
        for (offset, byte) in routine.into_iter().enumerate() {
            code.extend([0xA9, byte, 0x85, (at + offset) as u8]);
        }
        let page = self.random.one_of(&[0x00, 0x00, 0x01, 0x04, 0x20, 0xE0]);
        code.extend([self.random.one_of(&[0x20, 0x20, 0x4C]), at as u8, page]);
        code
    }

    /// An access of a hot spot, by any instruction that has an address.
    fn access_of_hot_spot(&mut self) -> Vec<u8> {
        let spot = self.hot_spot();
        let [low, high] = spot.to_le_bytes();
        let index = self.random.one_of(&[0, 0, 1, 3, 0x10]);
        let [indexed_low, indexed_high] = spot.wrapping_sub(u16::from(index)).to_le_bytes();
        let pointer = 0x80 | self.random.below(0x7F) as u8;
        let store_pointer = [0xA9, indexed_low, 0x85, pointer, 0xA9, indexed_high, 0x85, pointer + 1];
        match self.random.below(8) {
            0 => vec![0xAD, low, high],
            1 => vec![0x8D, low, high],
            2 => vec![self.random.one_of(&[0xEE, 0x0E, 0xCF, 0x2F, 0x2C, 0x0C, 0xCD]), low, high],
            3 => vec![0xA2, index, self.random.one_of(&[0xBD, 0x9D, 0xFE, 0x1C, 0xDF]), indexed_low, indexed_high],
            4 => vec![0xA0, index, self.random.one_of(&[0xB9, 0x99, 0xBF, 0xD9]), indexed_low, indexed_high],
            5 => {
                let access = self.random.one_of(&[0xB1, 0x91, 0xD1, 0xB3]);
                [&store_pointer[..], &[0xA0, index, access, pointer]].concat()
            }
            6 => vec![0xA9, self.random.byte(), self.random.one_of(&[0x85, 0x86, 0x84, 0x8D]), low, high],
            // A jump or a call to the hot spot itself, or just before it.
            _ => {
                let [low, high] = spot.wrapping_sub(self.random.below(4) as u16).to_le_bytes();
                vec![self.random.one_of(&[0x20, 0x4C, 0x6C]), low, high]
            }
        }
    }

    fn hot_spot(&mut self) -> u16 {
        if self.kind.hot_spots.is_empty() {
            return self.address();
        }
        let spot = self.random.one_of(self.kind.hot_spots);
        if self.random.one_in(4) {
            spot ^ self.random.one_of(&[0x2000, 0x4000, 0x8000, 0xE000])
        } else {
            spot
        }
    }

    /// An address in any part of memory, sometimes in an upper mirror.
    fn address(&mut self) -> u16 {
        let mirror = self.random.one_of(&[0x0000, 0x0000, 0x2000, 0x8000]);
        match self.random.below(12) {
            0..=2 => 0x0080 + self.random.below(0x80) as u16,
            3 | 4 => mirror | self.random.below(0x40) as u16,
            5 => mirror | 0x0180 | self.random.below(0x80) as u16,
            6 => mirror | 0x0280 | self.random.below(0x20) as u16,
            7 if !self.kind.hot_spots.is_empty() => self.hot_spot(),
            8 => 0xFFF0 + self.random.below(0x10) as u16,
            _ => self.home | self.random.below(0x1000) as u16,
        }
    }

    /// The address of a slot, at times in another mirror of the window.
    fn slot_address(&mut self) -> u16 {
        let mirror =
            if self.random.one_in(12) { self.random.one_of(&[0x1000, 0x3000, 0xD000, 0xF000]) } else { self.home };
        mirror | (self.random.below((SLOTS_END - SLOT).div_ceil(SLOT)) * SLOT) as u16
    }

    /// An address where code rarely is: registers, RAM, the edges of the window, the middle of a slot.
    fn odd_target(&mut self) -> u16 {
        let mirror = self.random.one_of(&[0x0000, 0x0000, 0x2000, 0xC000]);
        match self.random.below(9) {
            0 => mirror | self.random.below(0x80) as u16,
            1 => mirror | 0x0280 | self.random.below(0x20) as u16,
            2 => mirror | 0x0080 | self.random.below(0x80) as u16,
            3 => mirror | 0x0180 | self.random.below(0x80) as u16,
            4 => self.home | 0x0FF0 | self.random.below(0x10) as u16,
            5 => (self.home & 0xE000).wrapping_add(0x2000).wrapping_sub(1 + self.random.below(4) as u16),
            6 => self.home | self.random.below(0x1000) as u16,
            7 => self.hot_spot(),
            _ => (u16::from(self.random.byte()) << 8) | u16::from(self.random.byte()),
        }
    }
}
