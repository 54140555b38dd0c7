//! skeleton
pub mod action;
pub mod cartridge;
pub mod environment;
pub mod game;
pub mod palette;
pub mod random;
pub use action::{Action, ActionSet};
pub use cartridge::{Cartridge, CartridgeError, CartridgeImage, Scheme};
pub use environment::{Environment, Screen, Settings};
pub use palette::Palette;
