//! Cartridges: the bank switching that brings more than 4 KiB into the console's 4 KiB window.
//!
//! The 2600 has no cartridge-select logic worth the name: address line A12 picks the cartridge, the twelve lines below it
//! pick the byte, and there is not even a write line. Everything larger than 4 KiB, and every RAM chip, is therefore a trick
//! played by a chip inside the cartridge that watches the address lines. Each trick is a *scheme*, and each family of schemes
//! has a file under `cartridge/`. `cartridge/detect.rs` recognizes the scheme from the bytes;
//! [`Cartridge`] is the cartridge in the slot, bank registers and RAM included.
//!
//! Reads are the console's most frequent operation, so they are a table look-up: `cartridge/window.rs` keeps the bytes that the
//! window shows. Only reads with side effects (hot spots, RAM ports, the DPC's registers) reach the scheme's own code.
//!
//! # Where ALE departs from the chips
//! * A read sees the byte of the bank it switches *to*, not of the bank it leaves.
//! * Hot spots exist for CPU accesses that ALE makes; it makes no dummy accesses, so a scheme that counts on one
//!   would not switch.
//! * Reading a RAM *write* port returns a byte of the image and leaves the RAM alone; the chip would write the floating
//!   bus into it.
//! * RAM on the cartridge is random again after every system reset, from the console's generator.
//!
//! The file of a scheme lists departures that concern it alone.

mod activision;
mod banked;
mod commavid;
pub(crate) mod detect;
mod dpc;
mod fixed;
mod m_network;
#[cfg(test)]
mod measured;
mod megaboy;
mod megacart;
mod parker;
#[cfg(test)]
mod synthetic;
mod tigervision;
mod ua;
mod window;

use crate::opcode::OpcodeAhead;
use crate::random::MersenneTwister;
use crate::saved_state::{Archive, Saved, StateError};
use std::fmt;
use std::sync::Arc;
use window::{Mapper, Window};

/// The largest image, in bytes: 256 banks of 2 KiB.
pub const LARGEST_IMAGE: usize = 512 * 1024;

/// A bank-switching scheme, by the name collectors and emulators have given it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// 2 KiB of ROM, which appear twice.
    TwoK,
    /// 4 KiB of ROM.
    FourK,
    /// Atari: two 4 KiB banks.
    F8,
    /// Atari: four 4 KiB banks.
    F6,
    /// Atari: eight 4 KiB banks.
    F4,
    /// [`Scheme::F8`] with 128 bytes of RAM (Superchip).
    F8Sc,
    /// [`Scheme::F6`] with 128 bytes of RAM (Superchip).
    F6Sc,
    /// [`Scheme::F4`] with 128 bytes of RAM (Superchip).
    F4Sc,
    /// CBS RAM Plus: three 4 KiB banks and 256 bytes of RAM.
    Fasc,
    /// Parker Brothers: four 1 KiB windows over eight slices.
    E0,
    /// M Network: a 2 KiB window over eight slices, 2 KiB of RAM.
    E7,
    /// Activision: two 4 KiB banks, chosen by address line A13.
    Fe,
    /// CommaVid: 2 KiB of ROM, 1 KiB of RAM.
    Cv,
    /// UA Limited: two 4 KiB banks, switched from outside the window.
    Ua,
    /// Tigervision: a 2 KiB window, switched by writes to $00-$3F.
    ThreeF,
    /// [`Scheme::ThreeF`] with 32 KiB of RAM.
    ThreeE,
    /// Activision's Display Processor Chip: two 4 KiB banks and eight data fetchers.
    Dpc,
    /// MegaBoy (Dynacom): sixteen 4 KiB banks, chosen in turn.
    Mb,
    /// Megacart: four 1 KiB windows onto 128 KiB of ROM and 32 KiB of RAM.
    Mc,
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Scheme::TwoK => "2K",
            Scheme::FourK => "4K",
            Scheme::F8 => "F8",
            Scheme::F6 => "F6",
            Scheme::F4 => "F4",
            Scheme::F8Sc => "F8SC",
            Scheme::F6Sc => "F6SC",
            Scheme::F4Sc => "F4SC",
            Scheme::Fasc => "FASC",
            Scheme::E0 => "E0",
            Scheme::E7 => "E7",
            Scheme::Fe => "FE",
            Scheme::Cv => "CV",
            Scheme::Ua => "UA",
            Scheme::ThreeF => "3F",
            Scheme::ThreeE => "3E",
            Scheme::Dpc => "DPC",
            Scheme::Mb => "MB",
            Scheme::Mc => "MC",
        })
    }
}

/// The end of every message about a size.
const SUPPORTED_SIZES: &str = "supported sizes are 2048 (2K, CV), 4096 (2K, 4K, CV), \
     8192 (F8, F8SC, E0, FE, UA, 3F, 3E), 10240, 10495 and 10496 (DPC), 12288 (FASC), 16384 (F6, F6SC, E7, 3F, 3E), \
     32768 (F4, F4SC, 3F, 3E), 65536 (MB, 3F, 3E), 131072 (MC, 3F, 3E), and anything from 2048 to 524288 that carries the code of a 3F or 3E cartridge";

/// Why bytes are not a cartridge this console can run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CartridgeError {
    /// No byte at all.
    #[error("the cartridge image is empty (0 bytes); {SUPPORTED_SIZES}; check that the file was copied completely")]
    Empty,
    /// More bytes than any scheme can address.
    #[error(
        "the cartridge image has {size} bytes, more than the largest possible one ({LARGEST_IMAGE}); \
         check that this is a plain Atari 2600 image; {SUPPORTED_SIZES}"
    )]
    TooLarge {
        /// Bytes in the image.
        size: usize,
    },
    /// Recognized, but the scheme is not emulated.
    #[error(
        "the cartridge image ({size} bytes, md5 {md5}) uses the {scheme} scheme, which is not emulated; \
         {SUPPORTED_SIZES}; no game of the Arcade Learning Environment needs {scheme} (see docs/ale-equality.md)"
    )]
    UnsupportedScheme {
        /// Bytes in the image.
        size: usize,
        /// MD5 of the image, 32 lower-case hexadecimal digits.
        md5: String,
        /// The scheme's name.
        scheme: &'static str,
    },
    /// Not an image of any scheme.
    #[error(
        "the cartridge image ({size} bytes, md5 {md5}) is of no known kind; {SUPPORTED_SIZES}; \
         check that the file is complete, not packed, and from an Atari 2600 cartridge"
    )]
    Unrecognized {
        /// Bytes in the image.
        size: usize,
        /// MD5 of the image, 32 lower-case hexadecimal digits.
        md5: String,
    },
}

/// A cartridge in the slot: image, window, RAM and bank registers. Cloning shares the image and copies the rest, so a clone is a
/// saved state.
#[derive(Clone)]
pub struct Cartridge {
    window: Window,
    circuit: Circuit,
    scheme: Scheme,
    claims_low_addresses: bool,
}

/// The bank-switching circuit in the cartridge; one variant for each family of schemes.
#[derive(Clone)]
enum Circuit {
    Fixed(fixed::Fixed),
    Banked(banked::Banked),
    Parker(parker::Parker),
    MNetwork(m_network::MNetwork),
    Activision(activision::Activision),
    CommaVid(commavid::CommaVid),
    Ua(ua::Ua),
    Tigervision(tigervision::Tigervision),
    Dpc(dpc::Dpc),
    Megaboy(megaboy::Megaboy),
    Megacart(megacart::Megacart),
}

impl Circuit {
    fn install(scheme: Scheme, md5: &str, window: &mut Window) -> Self {
        use banked::{Banked, Layout};
        match scheme {
            Scheme::TwoK | Scheme::FourK => Self::Fixed(fixed::Fixed::install(window)),
            Scheme::F8 if detect::starts_in_bank_0(md5) => {
                Self::Banked(Banked::install(&Layout::F8_STARTING_IN_BANK_0, window))
            }
            Scheme::F8 => Self::Banked(Banked::install(&Layout::F8, window)),
            Scheme::F6 => Self::Banked(Banked::install(&Layout::F6, window)),
            Scheme::F4 => Self::Banked(Banked::install(&Layout::F4, window)),
            Scheme::F8Sc => Self::Banked(Banked::install(&Layout::F8SC, window)),
            Scheme::F6Sc => Self::Banked(Banked::install(&Layout::F6SC, window)),
            Scheme::F4Sc => Self::Banked(Banked::install(&Layout::F4SC, window)),
            Scheme::Fasc => Self::Banked(Banked::install(&Layout::FASC, window)),
            Scheme::E0 => Self::Parker(parker::Parker::install(window)),
            Scheme::E7 => Self::MNetwork(m_network::MNetwork::install(window)),
            Scheme::Fe => Self::Activision(activision::Activision::install(window)),
            Scheme::Cv => Self::CommaVid(commavid::CommaVid::install(window)),
            Scheme::Ua => Self::Ua(ua::Ua::install(window)),
            Scheme::ThreeF => Self::Tigervision(tigervision::Tigervision::install(false, window)),
            Scheme::ThreeE => Self::Tigervision(tigervision::Tigervision::install(true, window)),
            Scheme::Dpc => Self::Dpc(dpc::Dpc::install(window)),
            Scheme::Mb => Self::Megaboy(megaboy::Megaboy::install(window)),
            Scheme::Mc => Self::Megacart(megacart::Megacart::install(window)),
        }
    }

    fn mapper(&mut self) -> &mut dyn Mapper {
        match self {
            Self::Fixed(mapper) => mapper,
            Self::Banked(mapper) => mapper,
            Self::Parker(mapper) => mapper,
            Self::MNetwork(mapper) => mapper,
            Self::Activision(mapper) => mapper,
            Self::CommaVid(mapper) => mapper,
            Self::Ua(mapper) => mapper,
            Self::Tigervision(mapper) => mapper,
            Self::Dpc(mapper) => mapper,
            Self::Megaboy(mapper) => mapper,
            Self::Megacart(mapper) => mapper,
        }
    }
}

impl Cartridge {
    /// The cartridge with these ROM bytes, in the slot but not yet reset; draws no random number. `md5` is the MD5 of
    /// the bytes in hexadecimal: by it, two F8 cartridges are known to start in bank 0.
    pub fn new(bytes: Arc<[u8]>, scheme: Scheme, md5: &str) -> Self {
        let mut window = Window::new(bytes);
        let circuit = Circuit::install(scheme, md5, &mut window);
        let claims_low_addresses = matches!(scheme, Scheme::Ua | Scheme::ThreeF | Scheme::ThreeE | Scheme::Mc);
        Self { window, circuit, scheme, claims_low_addresses }
    }

    /// The cartridge's part of a system reset at cycle `cycles`: RAM is drawn from the console's generator, then the start
    /// bank is selected.
    pub fn reset(&mut self, random: &mut MersenneTwister, cycles: u32) {
        self.circuit.mapper().reset(&mut self.window, random, cycles);
    }

    /// The byte at `address` (A12 = 1) if reading it certainly has no side effects; if `None`, call [`Cartridge::read`].
    #[inline(always)]
    pub fn direct(&self, address: u16) -> Option<u8> {
        self.window.direct(address)
    }

    /// The opcode at `address` if reading it and the two bytes after it certainly has no side effects, otherwise
    /// [`OpcodeAhead::UNKNOWN`]; also if A12 is 0.
    #[inline(always)]
    pub fn opcode_ahead(&self, address: u16) -> OpcodeAhead {
        self.window.opcode_ahead(address)
    }

    /// The byte at `address`, one or two after such an opcode.
    #[inline(always)]
    pub fn operand_ahead(&self, address: u16) -> u8 {
        self.window.operand_ahead(address)
    }

    /// The byte at `address` (A12 = 1) and the two after it, if reading them has no side effects; exact.
    #[inline(always)]
    pub fn look_ahead_carefully(&self, address: u16) -> Option<[u8; 3]> {
        self.window.look_ahead_carefully(address)
    }

    /// The byte at `address` (A12 = 1) if it is plain ROM.
    #[cfg(feature = "translate")]
    pub(crate) fn plain(&self, address: u16) -> Option<u8> {
        self.window.plain(address)
    }

    /// The image's bytes, which the cartridge shares.
    #[cfg(feature = "translate")]
    #[inline(always)]
    pub(crate) fn rom(&self) -> &Arc<[u8]> {
        &self.window.rom
    }

    /// See [`Window::mapping`].
    #[cfg(feature = "translate")]
    #[inline(always)]
    pub(crate) fn mapping(&self) -> Option<u64> {
        self.window.mapping()
    }

    /// See [`Window::longest_plain`].
    #[cfg(feature = "translate")]
    pub(crate) fn longest_plain(&self) -> std::ops::Range<usize> {
        self.window.longest_plain()
    }

    /// Byte offset of the window's bytes from the start of a cartridge.
    #[cfg(feature = "translate")]
    pub(crate) const WINDOW_OFFSET: usize = std::mem::offset_of!(Self, window) + Window::WINDOW_OFFSET;

    /// Reads `address` (A12 = 1, all 16 bits as the CPU has them) at cycle `cycles`; hot spots act.
    pub fn read(&mut self, address: u16, cycles: u32) -> u8 {
        match self.window.plain(address) {
            Some(byte) => byte,
            None => self.circuit.mapper().read(&mut self.window, address, cycles),
        }
    }

    /// Writes `value` to `address` (A12 = 1, all 16 bits) at cycle `cycles`; hot spots act.
    pub fn write(&mut self, address: u16, value: u8, cycles: u32) {
        self.circuit.mapper().write(&mut self.window, address, value, cycles);
    }

    /// Rebases the time stamps: the cycle counter, now at `cycles`, will restart at 0.
    pub fn rebase_cycles(&mut self, cycles: u32) {
        self.circuit.mapper().rebase_cycles(cycles);
    }

    /// Whether [`Cartridge::read_low`] and [`Cartridge::write_low`] must see accesses to the TIA (A12 = 0, A7 = 0).
    #[inline(always)]
    pub fn claims_low_addresses(&self) -> bool {
        self.claims_low_addresses
    }

    /// Reads an address of the TIA: a byte if the cartridge answers, `None` if the TIA does.
    pub fn read_low(&mut self, address: u16) -> Option<u8> {
        self.circuit.mapper().read_low(&mut self.window, address)
    }

    /// Notes a write to the TIA, before the TIA gets it. Returns whether it gets it.
    pub fn write_low(&mut self, address: u16, value: u8) -> bool {
        self.circuit.mapper().write_low(&mut self.window, address, value)
    }

    /// Whether a write to `address` (A12 = 1) reaches the TIA as well, at register `address & $3F`, after [`Cartridge::write`]:
    /// a quirk of ALE's 3F and 3E.
    #[inline(always)]
    pub fn passes_write_to_tia(&mut self, address: u16) -> bool {
        self.claims_low_addresses && self.circuit.mapper().passes_write_to_tia(address)
    }

    /// RAM on the cartridge; empty when it has none.
    pub fn ram(&self) -> &[u8] {
        &self.window.ram
    }
}

impl Saved for Cartridge {
    /// Exchanges RAM and bank registers; image and scheme stay the receiver's.
    fn exchange(&mut self, archive: &mut Archive) -> Result<(), StateError> {
        let Self { window, circuit, scheme: _, claims_low_addresses: _ } = self;
        archive.bytes(&mut window.ram)?;
        circuit.mapper().exchange(window, archive)
    }
}

impl fmt::Debug for Cartridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cartridge")
            .field("scheme", &self.scheme)
            .field("size", &self.window.rom.len())
            .field("ram", &self.window.ram.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saved_state::Scope;

    /// A cartridge of every scheme. No two parts of an image are the same.
    fn one_of_each_scheme() -> Vec<Cartridge> {
        use Scheme::*;
        let sizes = [
            (vec![TwoK, Cv], 2048),
            (vec![FourK, Cv], 4096),
            (vec![F8, F8Sc, E0, Fe, Ua], 8192),
            (vec![Dpc], 10_240),
            (vec![Fasc], 12_288),
            (vec![F6, F6Sc, E7], 16_384),
            (vec![F4, F4Sc, ThreeF, ThreeE], 32_768),
            (vec![Mb], 65_536),
            (vec![Mc], 131_072),
        ];
        let mut random = MersenneTwister::new(3);
        let mut made = Vec::new();
        for (schemes, size) in sizes {
            let bytes: Vec<u8> = (0..size).map(|_| random.draw() as u8).collect();
            made.extend(schemes.into_iter().map(|scheme| synthetic::of_bytes(scheme, &bytes)));
        }
        made
    }

    /// Reads and writes all over the window, its hot spots and the TIA. Returns the bytes read.
    fn use_at_random(cartridge: &mut Cartridge, random: &mut MersenneTwister, accesses: u32) -> Vec<Option<u8>> {
        let mut seen = Vec::new();
        for cycles in 0..accesses {
            let draw = random.draw();
            let low = match draw >> 30 {
                0 => 0x0FE0 + (draw & 0x1F),
                1 => draw & 0x7F,
                _ => draw & 0x0FFF,
            };
            let (address, value) = ((0xD000 | low | draw >> 8 & 0x2000) as u16, (draw >> 16) as u8);
            match draw >> 24 & 7 {
                0 if cartridge.claims_low_addresses() => {
                    let register = [0x3C, 0x3D, 0x3E, 0x3F, 0x3E, 0x3F, 0x0220, 0x0240][usize::from(value & 7)];
                    cartridge.write_low(register, (draw >> 8) as u8);
                    seen.push(cartridge.read_low(register));
                }
                0 | 1 => cartridge.write(address, value, cycles),
                _ => seen.push(Some(cartridge.read(address, cycles))),
            }
        }
        seen
    }

    fn saved(cartridge: &Cartridge) -> Vec<u8> {
        let mut archive = Archive::saving(Vec::new(), Scope::Complete);
        cartridge.clone().exchange(&mut archive).expect("writing cannot fail");
        archive.into_bytes()
    }

    #[test]
    fn a_restored_cartridge_of_any_scheme_goes_on_as_the_saved_one() {
        for mut cartridge in one_of_each_scheme() {
            let mut restored = cartridge.clone();
            for seed in 0..30 {
                use_at_random(&mut cartridge, &mut MersenneTwister::new(seed), 50 * seed);
                // The state before a restore must not matter.
                use_at_random(&mut restored, &mut MersenneTwister::new(!seed), 20);
                let bytes = saved(&cartridge);
                restored.exchange(&mut Archive::reading(&bytes, Scope::Complete)).unwrap();
                let next = || MersenneTwister::new(seed + 100);
                let seen = use_at_random(&mut cartridge, &mut next(), 500);
                assert!(seen == use_at_random(&mut restored, &mut next(), 500), "{}", cartridge.scheme);
                assert!(saved(&cartridge) == saved(&restored), "{}", cartridge.scheme);
            }
        }
    }

    #[test]
    fn registers_that_cannot_be_are_refused_and_others_never_reach_past_the_image() {
        let mut random = MersenneTwister::new(4);
        for cartridge in one_of_each_scheme() {
            let bytes = saved(&cartridge);
            let registers = bytes.len() - cartridge.ram().len();
            let mut refused = 0;
            for _ in 0..3_000 {
                let mut wrong = bytes.clone();
                for _ in 0..random.draw() % 3 * registers.min(1) as u32 {
                    let at = wrong.len() - 1 - random.draw() as usize % registers;
                    wrong[at] = (random.draw() >> (random.draw() % 32)) as u8;
                }
                let mut crafted = cartridge.clone();
                match crafted.exchange(&mut Archive::reading(&wrong, Scope::Complete)) {
                    Ok(()) => drop(use_at_random(&mut crafted, &mut random, 30)),
                    Err(_) => refused += 1,
                }
            }
            assert_eq!(refused > 0, registers > 0, "{}: {refused}", cartridge.scheme);
        }
    }

    #[test]
    fn a_scheme_prints_its_usual_name_and_respects_the_column_width() {
        assert_eq!(format!("{:>5}|{}", Scheme::F8Sc, Scheme::ThreeF), " F8SC|3F");
    }
}
