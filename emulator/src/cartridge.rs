//! Cartridges: what an image is, and the bank switching that brings more than 4 KiB into the console's 4 KiB window.
//!
//! The 2600 has no cartridge-select logic worth the name: address line A12 picks the cartridge, the twelve lines below it
//! pick the byte, and there is not even a write line. Everything larger than 4 KiB, and every RAM chip, is therefore a trick
//! played by a chip inside the cartridge that watches the address lines. Each trick is a *scheme*, and each family of schemes
//! has a file under `cartridge/`. [`CartridgeImage`] recognises the scheme from the bytes (`cartridge/detect.rs`);
//! [`Cartridge`] is the cartridge in the slot, bank registers and RAM included.
//!
//! Reading is the console's most frequent act, so it is a table look-up: `cartridge/board.rs` keeps the bytes that the window
//! shows. Only where a read *does* something (hot spots, RAM ports, the DPC's registers) it goes to the scheme's own code.
//!
//! # Where ALE departs from the chips
//! * A read sees the byte of the bank it switches *to*, not of the bank it leaves.
//! * Hot spots exist for CPU accesses that ALE makes; it makes no dummy accesses, so a scheme that counts on one
//!   would not switch.
//! * Reading a RAM *write* port returns a byte of the image and leaves the RAM alone; the chip would write the floating
//!   bus into it.
//! * RAM on the cartridge is random again after every system reset, from the console's generator.
//!
//! Departures of a single scheme are told in its file.

mod activision;
mod banked;
mod board;
mod commavid;
mod detect;
mod dpc;
mod fixed;
mod m_network;
#[cfg(test)]
mod measured;
mod parker;
#[cfg(test)]
mod shipped;
#[cfg(test)]
mod synthetic;
mod tigervision;
mod ua;

use crate::bus::OpcodeAhead;
use crate::random::MersenneTwister;
use crate::saved_state::{Archive, Saved, StateError};
#[cfg(feature = "translate")]
use crate::translate::Translations;
use board::{Board, Mapper};
use md5::{Digest, Md5};
use std::fmt::{self, Write as _};
use std::sync::Arc;

/// The largest image, in bytes: 256 banks of 2 KiB.
pub const LARGEST_IMAGE: usize = 512 * 1024;

/// A bank-switching scheme, by the name collectors and emulators have given it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// 2 KiB of ROM, seen twice.
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
        })
    }
}

/// What every message about a size ends with.
const SUPPORTED_SIZES: &str = "supported sizes are 2048 (2K, CV), 4096 (2K, 4K, CV), \
     8192 (F8, F8SC, E0, FE, UA, 3F, 3E), 10240, 10495 and 10496 (DPC), 12288 (FASC), 16384 (F6, F6SC, E7, 3F, 3E), \
     32768 (F4, F4SC, 3F, 3E), and anything from 2048 to 524288 that carries the code of a 3F or 3E cartridge";

/// Why bytes are not a cartridge this console can run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
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
    /// Recognised, but the scheme is not emulated.
    #[error(
        "the cartridge image ({size} bytes, md5 {md5}) uses the {scheme} scheme, which is not emulated; \
         {SUPPORTED_SIZES}; no game of the Arcade Learning Environment needs {scheme}"
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
    Unrecognised {
        /// Bytes in the image.
        size: usize,
        /// MD5 of the image, 32 lower-case hexadecimal digits.
        md5: String,
    },
}

/// The bytes of a cartridge and what they were recognised as. Cloning shares the bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct CartridgeImage {
    bytes: Arc<[u8]>,
    md5: Arc<str>,
    scheme: Scheme,
    file_stem: Option<Arc<str>>,
    #[cfg(feature = "translate")]
    translations: Translations,
}

impl CartridgeImage {
    /// Recognises `bytes`, the plain content of the ROM chips. `file_stem` is the file's name without its extension: a
    /// cartridge the game tables do not know by its MD5 can still be matched by that name.
    ///
    /// # Errors
    /// Empty, too large, of an unknown kind, or of a kind that is not emulated.
    pub fn new(bytes: &[u8], file_stem: Option<&str>) -> Result<Self, CartridgeError> {
        if bytes.is_empty() {
            return Err(CartridgeError::Empty);
        }
        if bytes.len() > LARGEST_IMAGE {
            return Err(CartridgeError::TooLarge { size: bytes.len() });
        }
        let md5 = md5_in_hexadecimal(bytes);
        let scheme = detect::scheme_of(bytes, &md5)?;
        Ok(Self::of_scheme(bytes, md5, scheme, file_stem))
    }

    pub(crate) fn of_scheme(bytes: &[u8], md5: String, scheme: Scheme, file_stem: Option<&str>) -> Self {
        Self {
            bytes: bytes.into(),
            md5: md5.into(),
            scheme,
            file_stem: file_stem.map(Arc::from),
            #[cfg(feature = "translate")]
            translations: Translations::default(),
        }
    }

    /// Bricks, the game that comes with this crate.
    pub fn bricks() -> Self {
        Self::new(include_bytes!("../cartridges/bricks.bin"), Some("bricks"))
            .expect("the built-in image is of a supported size, as a test makes sure")
    }

    /// The image's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// MD5 of the bytes, 32 lower-case hexadecimal digits: the key of ALE's tables.
    pub fn md5(&self) -> &str {
        &self.md5
    }

    /// The same as it was computed: sixteen bytes.
    pub(crate) fn md5_bytes(&self) -> [u8; 16] {
        Md5::digest(&self.bytes).into()
    }

    /// What of its code is translated; shared by all consoles that the image or a clone of it is put into.
    #[cfg(feature = "translate")]
    pub(crate) fn translations(&self) -> &Translations {
        &self.translations
    }

    /// How the cartridge switches banks.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The file's name without its extension, if the image came from a file.
    pub fn file_stem(&self) -> Option<&str> {
        self.file_stem.as_deref()
    }
}

impl fmt::Debug for CartridgeImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CartridgeImage")
            .field("scheme", &self.scheme)
            .field("size", &self.bytes.len())
            .field("md5", &self.md5)
            .field("file_stem", &self.file_stem)
            .finish()
    }
}

pub(crate) fn md5_in_hexadecimal(bytes: &[u8]) -> String {
    Md5::digest(bytes).iter().fold(String::with_capacity(32), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A cartridge in the slot: the image, what the window shows of it, the RAM and the bank registers. Cloning shares the image
/// and copies the rest, so a clone is a saved state.
#[derive(Clone)]
pub struct Cartridge {
    board: Board,
    circuit: Circuit,
    scheme: Scheme,
    claims_low_addresses: bool,
    #[cfg(feature = "translate")]
    translations: Translations,
}

/// The bank-switching circuit on the board; one variant for each family of schemes.
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
}

impl Circuit {
    fn install(image: &CartridgeImage, board: &mut Board) -> Self {
        use banked::{Banked, Layout};
        match image.scheme {
            Scheme::TwoK | Scheme::FourK => Self::Fixed(fixed::Fixed::install(board)),
            Scheme::F8 if detect::starts_in_bank_0(&image.md5) => {
                Self::Banked(Banked::install(&Layout::F8_STARTING_IN_BANK_0, board))
            }
            Scheme::F8 => Self::Banked(Banked::install(&Layout::F8, board)),
            Scheme::F6 => Self::Banked(Banked::install(&Layout::F6, board)),
            Scheme::F4 => Self::Banked(Banked::install(&Layout::F4, board)),
            Scheme::F8Sc => Self::Banked(Banked::install(&Layout::F8SC, board)),
            Scheme::F6Sc => Self::Banked(Banked::install(&Layout::F6SC, board)),
            Scheme::F4Sc => Self::Banked(Banked::install(&Layout::F4SC, board)),
            Scheme::Fasc => Self::Banked(Banked::install(&Layout::FASC, board)),
            Scheme::E0 => Self::Parker(parker::Parker::install(board)),
            Scheme::E7 => Self::MNetwork(m_network::MNetwork::install(board)),
            Scheme::Fe => Self::Activision(activision::Activision::install(board)),
            Scheme::Cv => Self::CommaVid(commavid::CommaVid::install(board)),
            Scheme::Ua => Self::Ua(ua::Ua::install(board)),
            Scheme::ThreeF => Self::Tigervision(tigervision::Tigervision::install(false, board)),
            Scheme::ThreeE => Self::Tigervision(tigervision::Tigervision::install(true, board)),
            Scheme::Dpc => Self::Dpc(dpc::Dpc::install(board)),
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
        }
    }
}

impl Cartridge {
    /// The cartridge, put into the slot but not yet reset; draws nothing.
    pub fn new(image: &CartridgeImage) -> Self {
        let mut board = Board::new(Arc::clone(&image.bytes));
        let circuit = Circuit::install(image, &mut board);
        Self {
            board,
            circuit,
            scheme: image.scheme,
            claims_low_addresses: matches!(image.scheme, Scheme::Ua | Scheme::ThreeF | Scheme::ThreeE),
            #[cfg(feature = "translate")]
            translations: image.translations.clone(),
        }
    }

    /// The cartridge's part of a system reset at cycle `cycles`: RAM is drawn from the console's generator, then the start
    /// bank is selected.
    pub fn reset(&mut self, random: &mut MersenneTwister, cycles: u32) {
        self.circuit.mapper().reset(&mut self.board, random, cycles);
    }

    /// The byte at `address` (A12 = 1) if reading it certainly does nothing else; [`Cartridge::read`] must be asked if not.
    #[inline(always)]
    pub fn direct(&self, address: u16) -> Option<u8> {
        self.board.direct(address)
    }

    /// The opcode at `address` if reading it and the two bytes behind it certainly does nothing else, otherwise
    /// [`OpcodeAhead::UNKNOWN`]; also if A12 is 0.
    #[inline(always)]
    pub fn opcode_ahead(&self, address: u16) -> OpcodeAhead {
        self.board.opcode_ahead(address)
    }

    /// The byte at `address`, one or two behind such an opcode.
    #[inline(always)]
    pub fn operand_ahead(&self, address: u16) -> u8 {
        self.board.operand_ahead(address)
    }

    /// The byte at `address` (A12 = 1) and the two behind it, if reading them does nothing else: the last word on it.
    #[inline(always)]
    pub fn look_ahead_carefully(&self, address: u16) -> Option<[u8; 3]> {
        self.board.look_ahead_carefully(address)
    }

    /// What of its code is translated.
    #[cfg(feature = "translate")]
    pub(crate) fn translations(&self) -> &Translations {
        &self.translations
    }

    /// The byte at `address` (A12 = 1) if it is plain ROM.
    #[cfg(feature = "translate")]
    pub(crate) fn plain(&self, address: u16) -> Option<u8> {
        self.board.plain(address)
    }

    /// See [`Board::mapping`].
    #[cfg(feature = "translate")]
    #[inline(always)]
    pub(crate) fn mapping(&self) -> Option<u64> {
        self.board.mapping()
    }

    /// See [`Board::longest_plain`].
    #[cfg(feature = "translate")]
    pub(crate) fn longest_plain(&self) -> std::ops::Range<usize> {
        self.board.longest_plain()
    }

    /// Where in a cartridge the bytes of the window lie.
    #[cfg(feature = "translate")]
    pub(crate) const WINDOW_OFFSET: usize = std::mem::offset_of!(Self, board) + Board::WINDOW_OFFSET;

    /// Reads `address` (A12 = 1, all 16 bits as the CPU has them) at cycle `cycles`; hot spots act.
    pub fn read(&mut self, address: u16, cycles: u32) -> u8 {
        match self.board.plain(address) {
            Some(byte) => byte,
            None => self.circuit.mapper().read(&mut self.board, address, cycles),
        }
    }

    /// Writes `value` to `address` (A12 = 1, all 16 bits) at cycle `cycles`; hot spots act.
    pub fn write(&mut self, address: u16, value: u8, cycles: u32) {
        self.circuit.mapper().write(&mut self.board, address, value, cycles);
    }

    /// The cycle counter, now at `cycles`, is about to go back to 0.
    pub fn rebase_cycles(&mut self, cycles: u32) {
        self.circuit.mapper().rebase_cycles(cycles);
    }

    /// Whether [`Cartridge::read_low`] and [`Cartridge::write_low`] must see accesses to the TIA (A12 = 0, A7 = 0).
    #[inline(always)]
    pub fn claims_low_addresses(&self) -> bool {
        self.claims_low_addresses
    }

    /// Reads an address of the TIA: a byte if the cartridge answers instead; `None` if the TIA does.
    pub fn read_low(&mut self, address: u16) -> Option<u8> {
        self.circuit.mapper().read_low(&mut self.board, address)
    }

    /// Sees a write to the TIA, before the TIA gets it.
    pub fn write_low(&mut self, address: u16, value: u8) {
        self.circuit.mapper().write_low(&mut self.board, address, value);
    }

    /// Whether a write to `address` (A12 = 1) reaches the TIA as well, at register `address & $3F`, after [`Cartridge::write`]:
    /// a quirk of ALE's 3F and 3E.
    #[inline(always)]
    pub fn passes_write_to_tia(&mut self, address: u16) -> bool {
        self.claims_low_addresses && self.circuit.mapper().passes_write_to_tia(address)
    }

    /// RAM on the cartridge; empty when it has none.
    pub fn ram(&self) -> &[u8] {
        &self.board.ram
    }

    /// How the cartridge switches banks.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }
}

impl Saved for Cartridge {
    /// RAM and bank registers; image and scheme are the receiver's.
    fn exchange(&mut self, archive: &mut Archive) -> Result<(), StateError> {
        #[rustfmt::skip]
        let Self {
            board, circuit, scheme: _, claims_low_addresses: _,
            #[cfg(feature = "translate")] translations: _,
        } = self;
        archive.bytes(&mut board.ram)?;
        circuit.mapper().exchange(board, archive)
    }
}

impl fmt::Debug for Cartridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cartridge")
            .field("scheme", &self.scheme)
            .field("size", &self.board.rom.len())
            .field("ram", &self.board.ram.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_knows_its_md5_scheme_and_file_stem() {
        let image = CartridgeImage::new(&[0; 2048], Some("nothing")).unwrap();
        assert_eq!(image.md5(), "c99a74c555371a433d121f551d6c6398");
        assert_eq!(image.scheme(), Scheme::TwoK);
        assert_eq!(image.file_stem(), Some("nothing"));
        assert_eq!(image.bytes(), [0; 2048]);
        assert!(Arc::ptr_eq(&image.bytes, &image.clone().bytes));
        assert!(format!("{image:?}").len() < 200);
        assert!(format!("{:?}", Cartridge::new(&image)).len() < 200);
    }

    #[test]
    fn the_built_in_game_is_a_cartridge_without_a_circuit() {
        let bricks = CartridgeImage::bricks();
        assert!(matches!(bricks.scheme(), Scheme::TwoK | Scheme::FourK));
        assert_eq!(bricks.file_stem(), Some("bricks"));
    }

    #[test]
    fn errors_tell_what_was_found_and_what_is_supported() {
        for (bytes, told) in [
            (vec![], vec!["0 bytes"]),
            (vec![0; LARGEST_IMAGE + 1], vec!["524289 bytes", "524288"]),
            (vec![0; 5000], vec!["5000 bytes", "md5 6bf95a48f366bdf8af3a198c7b723c77"]),
            (vec![0; 8448], vec!["8448 bytes", "AR", "not emulated"]),
            (vec![0; 65536], vec!["65536 bytes", "MB", "not emulated"]),
            (vec![0; 131_072], vec!["131072 bytes", "MC", "not emulated"]),
        ] {
            let message = CartridgeImage::new(&bytes, None).unwrap_err().to_string();
            for part in told {
                assert!(message.contains(part), "{message} does not say {part}");
            }
            assert!(message.contains("supported sizes are 2048"), "{message}");
        }
    }

    #[test]
    fn putting_a_cartridge_in_already_selects_the_start_bank() {
        let mut bytes = vec![0; 8192];
        bytes[4096 + 0xFFC] = 0x42;
        bytes[1] = 1;
        let image = CartridgeImage::new(&bytes, None).unwrap();
        assert_eq!(image.scheme(), Scheme::F8);
        assert_eq!(Cartridge::new(&image).read(0xFFFC, 0), 0x42);
    }

    /// A cartridge of every scheme; no two parts of its image are the same.
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
        ];
        let mut random = MersenneTwister::new(3);
        let mut made = Vec::new();
        for (schemes, size) in sizes {
            let bytes: Vec<u8> = (0..size).map(|_| random.draw() as u8).collect();
            made.extend(schemes.into_iter().map(|scheme| synthetic::of_bytes(scheme, &bytes)));
        }
        made
    }

    /// Reads and writes all over the window, its hot spots and the TIA; what was read.
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
                    let register = [0x3E, 0x3F, 0x0220, 0x0240][usize::from(value & 3)];
                    cartridge.write_low(register, value >> 2);
                    seen.push(cartridge.read_low(register));
                }
                0 | 1 => cartridge.write(address, value, cycles),
                _ => seen.push(Some(cartridge.read(address, cycles))),
            }
        }
        seen
    }

    fn saved(cartridge: &Cartridge) -> Vec<u8> {
        let mut archive = Archive::Saving(Vec::new());
        cartridge.clone().exchange(&mut archive).expect("writing cannot fail");
        let Archive::Saving(bytes) = archive else { unreachable!() };
        bytes
    }

    #[test]
    fn a_restored_cartridge_of_any_scheme_goes_on_as_the_saved_one() {
        for mut cartridge in one_of_each_scheme() {
            let mut restored = cartridge.clone();
            for seed in 0..30 {
                use_at_random(&mut cartridge, &mut MersenneTwister::new(seed), 50 * seed);
                // Whatever the other one did in the meantime.
                use_at_random(&mut restored, &mut MersenneTwister::new(!seed), 20);
                let bytes = saved(&cartridge);
                restored.exchange(&mut Archive::Restoring(&bytes)).unwrap();
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
                match crafted.exchange(&mut Archive::Restoring(&wrong)) {
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
