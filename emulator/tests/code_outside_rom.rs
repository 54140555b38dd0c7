//! Programs that execute the TIA's registers, measured with ale-py 0.12.1 under the name krull.
//!
//! An opcode fetched there has the last byte on the data bus in its low six bits. Between two frames this is the byte that ALE
//! itself read last: by the game's rules, or when it copied RIOT RAM.

use atari_emulator::{Action, CartridgeImage, Environment, Settings, Translation};

/// An environment whose cartridge runs `code`, with this BRK vector and $EA everywhere else.
fn krull(code: &[u8], brk: u16) -> Environment {
    let mut image = vec![0xEA; 4096];
    image[..code.len()].copy_from_slice(code);
    image[0xFFC..0xFFE].copy_from_slice(&[0x00, 0xF0]);
    image[0xFFE..].copy_from_slice(&brk.to_le_bytes());
    let image = CartridgeImage::new(&image, Some("krull")).expect("a cartridge");
    Environment::new(&image, Settings::default().with_sticky_probability(0.0))
}

/// RAM filled with three bytes in turn, as a stack that BRK fills.
fn in_turn(bytes: [u8; 3]) -> Vec<u8> {
    bytes.into_iter().cycle().take(128).collect()
}

#[test]
fn brk_to_a_register_after_ram_was_cleared() {
    let clear_ram = [0x78, 0xD8, 0xA2, 0xFF, 0x9A, 0xA9, 0x00, 0xA2, 0x80, 0x95, 0x00, 0xE8, 0xD0, 0xFB, 0x00];
    let mut environment = krull(&clear_ram, 0x0001);
    for _ in 0..4 {
        assert_eq!(environment.ram()[..], in_turn([0x00, 0x34, 0x03]));
        assert_eq!(environment.lives(), 5);
        environment.act(Action::Noop);
    }
}

#[test]
fn brk_to_another_register() {
    let environment = krull(&[0xA2, 0xFF, 0x9A, 0x00], 0x0004);
    assert_eq!(environment.ram()[..], in_turn([0x00, 0x34, 0x06]));
    assert_eq!(environment.lives(), 5);
}

#[test]
fn from_the_last_byte_of_the_window_on_into_the_registers() {
    // STA $95,X all over, and at $FFFD an SBC of three bytes. The next instruction is at $0000.
    let mut bytes = vec![0x95; 4096];
    bytes[0xFFD] = 0xFD;
    for translation in [Translation::Off, Translation::Eager] {
        let image = CartridgeImage::new(&bytes, Some("krull")).expect("a cartridge");
        let settings = Settings::default().with_sticky_probability(0.0).with_translation(translation);
        let environment = Environment::new(&image, settings);
        let ram: String = environment.ram().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            ram,
            "b896c049cb55c87ffbb445662b3410cab9ceff8f4f7fa18a04c5cdfc75e70aad2d9b609eaa171e54f984513e34977c5e\
             50b68685be77458b6d04b5ee4239c14b5233524749b3ee6b70ac246bd4fefed617dc389a498e21acd61c0d5cdaad0b77\
             a36c283851c589ff5a169855955baf4aaf990d4bec0aba5ea7bdf463a0f06600",
            "{translation:?}"
        );
    }
}
