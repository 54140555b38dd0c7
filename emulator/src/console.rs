//! The console: a CPU and a board, powered on, reset, and run a frame at a time.

use crate::board::Board;
use crate::controller::{Controls, Ports};
use crate::cpu::Cpu;
use crate::image::CartridgeImage;
use crate::properties::{Properties, TelevisionFormat};
use crate::saved_state::{exchange, Archive, Saved, StateError};
use crate::tia::{Painted, PictureLayout, SAMPLES, WIDTH};
#[cfg(feature = "translate")]
use crate::translate::Translated;
use crate::translation::Translation;

/// Instructions after which an update returns even if the frame is not finished.
const INSTRUCTION_LIMIT: u32 = 25_000;

/// Updates run to detect the television format, and the range of them that vote.
const FORMAT_UPDATES: u32 = 60;
const FORMAT_VOTES: std::ops::Range<u32> = 30..60;
/// An update with more scanlines than this votes for PAL.
const NTSC_SCANLINES: i32 = 285;

/// A powered-on console with a cartridge in its slot.
#[derive(Clone, Debug)]
pub(crate) struct Console {
    cpu: Cpu,
    board: Board,
    properties: Properties,
    picture: PictureLayout,
    /// The image in the slot, which holds the translated code.
    #[cfg(feature = "translate")]
    image: CartridgeImage,
    /// `None`: everything is interpreted.
    #[cfg(feature = "translate")]
    translated: Option<Translated>,
}

/// The picture of a cartridge with these properties on a television of this format.
fn picture_of(properties: &Properties, format: TelevisionFormat) -> PictureLayout {
    let pal = format == TelevisionFormat::Pal;
    let taller = pal && properties.height == Properties::DEFAULT.height;
    PictureLayout {
        first_scanline: properties.first_scanline,
        height: if taller { 250 } else { properties.height },
        hmove_blanks: properties.hmove_blanks,
        pal,
    }
}

impl Saved for Console {
    /// The television format is saved because its detection depends on the contents of RAM, and so on the seed. ALE does not
    /// save it.
    fn exchange(&mut self, archive: &mut Archive) -> Result<(), StateError> {
        #[rustfmt::skip]
        let Self {
            cpu, board, properties, picture,
            #[cfg(feature = "translate")] image: _,
            #[cfg(feature = "translate")] translated: _,
        } = self;
        if archive.complete() {
            let mut pal = picture.pal;
            exchange!(archive, &mut pal);
            *picture = picture_of(properties, if pal { TelevisionFormat::Pal } else { TelevisionFormat::Ntsc });
        }
        board.exchange(cpu, *picture, archive)
    }
}

impl Console {
    /// Powers a console on. `seed` starts its generator, which fills RAM and starts timers.
    #[cfg_attr(not(feature = "translate"), allow(unused_variables))]
    pub(crate) fn new(image: &CartridgeImage, properties: Properties, seed: u32, translation: Translation) -> Self {
        let picture = picture_of(&properties, TelevisionFormat::Ntsc);
        let ports = Ports::new(&Controls::untouched(properties.difficulty_a), &properties);
        let mut console = Self {
            cpu: Cpu::new(),
            board: Board::new(image.cartridge(), picture, ports, seed),
            properties,
            picture,
            #[cfg(feature = "translate")]
            image: image.clone(),
            #[cfg(feature = "translate")]
            translated: Translated::new(image.translations(), translation),
        };
        let format = properties.format.unwrap_or_else(|| console.detect_format());
        console.picture = picture_of(&properties, format);
        console.reset();
        console
    }

    /// Runs sixty frames and counts their lines. RAM keeps the bytes they wrote.
    fn detect_format(&mut self) -> TelevisionFormat {
        self.reset();
        let mut votes = 0;
        for update in 0..FORMAT_UPDATES {
            self.update();
            if FORMAT_VOTES.contains(&update) && self.board.tia.scanline(self.board.cycles) > NTSC_SCANLINES {
                votes += 1;
            }
        }
        if votes >= 15 {
            TelevisionFormat::Pal
        } else {
            TelevisionFormat::Ntsc
        }
    }

    /// A system reset; see [`Board::reset`].
    pub(crate) fn reset(&mut self) {
        self.board.reset(&mut self.cpu, self.picture);
    }

    /// Sets the controls for the following frames.
    pub(crate) fn set_controls(&mut self, controls: &Controls) {
        self.board.ports = Ports::new(controls, &self.properties);
    }

    /// Runs until the frame ends or 25,000 instructions have passed: one ALE frame.
    pub(crate) fn update(&mut self) {
        self.board.begin_update();
        self.run(INSTRUCTION_LIMIT);
        self.board.end_update();
    }

    /// Whether the program itself ended the last frame.
    pub(crate) fn frame_finished(&self) -> bool {
        self.board.tia.frame_finished()
    }

    /// Puts a byte on the data bus between two frames, as ALE does when it reads RAM.
    pub(crate) fn leave_on_data_bus(&mut self, byte: u8) {
        self.board.leave_on_data_bus(byte);
    }

    /// Lets the CPU execute up to `limit` instructions.
    fn run(&mut self, limit: u32) {
        #[cfg(feature = "translate")]
        if let Some(translated) = &mut self.translated {
            translated.run(&mut self.cpu, &mut self.board, limit);
            return;
        }
        self.board.interpret(&mut self.cpu, limit);
    }

    /// How the cartridge's code is executed from now on.
    #[cfg_attr(not(feature = "translate"), allow(unused_variables, clippy::unused_self))]
    pub(crate) fn set_translation(&mut self, translation: Translation) {
        #[cfg(feature = "translate")]
        {
            self.translated = Translated::new(self.image.translations(), translation);
        }
    }

    /// Instructions that translated code executed.
    #[cfg(feature = "translate")]
    pub(crate) fn executed_by_translated_code(&self) -> u64 {
        self.translated.as_ref().map_or(0, Translated::executed)
    }

    /// The frame buffer: the screen and the rows below it.
    pub(crate) fn screen(&mut self) -> Painted<'_> {
        self.board.tia.frame()
    }

    /// The screen and the one before it.
    pub(crate) fn last_two_screens(&mut self) -> [&[u8]; 2] {
        let pixels = self.exposed_rows() as usize * WIDTH;
        self.board.tia.last_two_frames().map(|frame| &frame[..pixels])
    }

    /// The sound samples of the agent step that ends now.
    pub(crate) fn fill_sound(&mut self, samples: &mut [u8; SAMPLES]) {
        self.board.tia.sound_mut().fill(samples);
    }

    /// Rows of the screen.
    pub(crate) fn exposed_rows(&self) -> u32 {
        self.picture.exposed_rows()
    }

    /// The television format found.
    pub(crate) fn format(&self) -> TelevisionFormat {
        if self.picture.pal {
            TelevisionFormat::Pal
        } else {
            TelevisionFormat::Ntsc
        }
    }

    /// RIOT RAM.
    pub(crate) fn ram(&self) -> &[u8; 128] {
        &self.board.riot.ram
    }

    /// RIOT RAM, mutable.
    pub(crate) fn ram_mut(&mut self) -> &mut [u8; 128] {
        &mut self.board.riot.ram
    }

    /// RAM on the cartridge; empty when it has none.
    pub(crate) fn cartridge_ram(&self) -> &[u8] {
        self.board.cartridge.ram()
    }

    /// Whether the program has run into an undefined opcode.
    pub(crate) fn jammed(&self) -> bool {
        self.cpu.jammed()
    }
}

#[cfg(test)]
#[cfg(feature = "translate")]
mod tests {
    use super::*;

    /// A console whose program counts in RAM with calls and branches in both directions, and never ends a frame.
    fn counting() -> Console {
        let mut rom = vec![0x02; 4096];
        #[rustfmt::skip]
        let program = [
            0xE6, 0x80, 0x20, 0x20, 0xF0, 0xC8, 0x98, 0x29, 0x07, 0xF0, 0x02, 0x65, 0x81, 0x85, 0x81, 0x85, 0x06,
            0x4C, 0x00, 0xF0,
        ];
        rom[..program.len()].copy_from_slice(&program);
        let subroutine = [0xA2, 0x05, 0xCA, 0xF6, 0x90, 0x10, 0xFB, 0xC6, 0x82, 0xD0, 0x02, 0xE6, 0x83, 0x60];
        rom[0x20..0x20 + subroutine.len()].copy_from_slice(&subroutine);
        rom[0xFFC..0xFFE].copy_from_slice(&[0x00, 0xF0]);
        let image = CartridgeImage::new(&rom, None).unwrap();
        let properties = Properties { format: Some(TelevisionFormat::Ntsc), ..Properties::DEFAULT };
        Console::new(&image, properties, 1, Translation::Usual)
    }

    #[test]
    fn translated_code_stops_at_exactly_the_instruction_where_interpreted_code_does() {
        let mut translated = counting();
        let mut interpreted = translated.clone();
        translated.set_translation(Translation::Eager);
        interpreted.set_translation(Translation::Off);
        let limits = (1..200).chain(4_000..4_300).chain([INSTRUCTION_LIMIT; 3]).chain(4_096..4_200);
        for (round, limit) in [INSTRUCTION_LIMIT, 7].into_iter().chain(limits).enumerate() {
            for console in [&mut translated, &mut interpreted] {
                // The frame continues.
                console.board.tia.begin_update();
                console.board.cycles %= 10_000;
                console.run(limit);
            }
            assert_eq!(translated.cpu, interpreted.cpu, "round {round}, limit {limit}");
            assert_eq!(translated.board.cycles, interpreted.board.cycles, "round {round}, limit {limit}");
            assert_eq!(translated.board.data_bus(), interpreted.board.data_bus(), "round {round}, limit {limit}");
            assert_eq!(translated.ram(), interpreted.ram(), "round {round}, limit {limit}");
        }
        let executed = translated.executed_by_translated_code();
        assert!(executed > 30_000, "translated code executed {executed} instructions only");
    }
}
