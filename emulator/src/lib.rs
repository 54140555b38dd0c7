//! skeleton
pub mod action;
mod bus;
pub mod cartridge;
mod console;
mod controller;
mod cpu;
pub mod environment;
pub mod game;
pub mod palette;
pub mod random;
mod riot;
mod tia;
pub use action::{Action, ActionSet};
pub use bus::Bus;
pub use cartridge::{Cartridge, CartridgeError, CartridgeImage, Scheme};
pub use cpu::Cpu;
pub use environment::{Environment, Screen, Settings};
pub use palette::Palette;
