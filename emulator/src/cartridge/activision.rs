//! FE, Activision: two banks of 4 KiB and no hot spot. Robot Tank and Decathlon.
//!
//! The chip watches the bus for the stack address $01FE, which JSR and RTS touch. It takes the bank from the byte that
//! follows: the high byte of the new program counter, whose bit 5 is A13. Programs therefore run one bank at $F000 and
//! the other at $D000.
//!
//! ALE, not the chip: there is no latch. Its CPU keeps all 16 address bits, so A13 of the access itself chooses the
//! bank: the first 4 KiB if it is set, the second if it is clear. A reset does nothing.

use super::window::{window_offset, Mapper, Window, WINDOW_SIZE};
use crate::random::MersenneTwister;

const A13: u16 = 0x2000;

#[derive(Clone)]
pub(super) struct Activision;

impl Activision {
    pub fn install(window: &mut Window) -> Self {
        window.show_by_a13();
        Self
    }
}

impl Mapper for Activision {
    fn reset(&mut self, _: &mut Window, _: &mut MersenneTwister, _: u32) {}

    // Never called: no address is hidden.
    fn read(&mut self, window: &mut Window, address: u16, _: u32) -> u8 {
        let bank = if address & A13 == 0 { WINDOW_SIZE } else { 0 };
        window.rom[bank + window_offset(address)]
    }

    fn write(&mut self, _: &mut Window, _: u16, _: u8, _: u32) {}
}

#[cfg(test)]
mod tests {
    use crate::cartridge::synthetic::{numbered, read_all, reset};
    use crate::cartridge::Scheme;

    #[test]
    fn address_line_13_of_the_access_itself_chooses_the_bank() {
        let mut cartridge = numbered(Scheme::Fe, 8192, 4096);
        let addresses = [0xF000, 0xD000, 0xFFFF, 0xDFFF, 0x1000, 0x3000, 0xFFFC];
        assert_eq!(read_all(&mut cartridge, addresses), [0, 1, 0, 1, 1, 0, 0]);
    }

    #[test]
    fn neither_writes_nor_resets_do_anything() {
        let mut cartridge = numbered(Scheme::Fe, 8192, 64);
        cartridge.write(0xDFF8, 9, 0);
        assert_eq!(reset(&mut cartridge).len(), 0);
        assert_eq!(read_all(&mut cartridge, [0xF040, 0xD040]), [1, 65]);
    }
}
