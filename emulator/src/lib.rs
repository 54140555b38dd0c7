//! An Atari 2600 whose frames equal the Arcade Learning Environment's (ale-py 0.12.1), bit for bit.
//!
//! The crate reads no files and opens no window: cartridges come in as bytes, frames go out as palette indices. It
//! starts threads for two purposes only: one translates code that is executed often (feature `translate`), and others
//! help to step the environments of a vector (feature `vector`). The smallest run loop:
//!
//! ```
//! use atari_emulator::{Action, CartridgeImage, Environment, Settings};
//!
//! let mut environment = Environment::new(&CartridgeImage::bricks(), Settings::default().with_frame_skip(4));
//! let mut score = 0;
//! while !environment.game_over() {
//!     score += environment.act(Action::Fire);
//! }
//! assert_eq!(score, environment.score());
//! ```
//!
//! `bricks` comes with the crate. Other cartridges are bytes that the caller reads: [`CartridgeImage::new`] recognizes them.
//!
//! # Actions
//!
//! ```
//! use atari_emulator::{Action, ActionSet, CartridgeImage, Environment, Settings};
//!
//! let environment = Environment::new(&CartridgeImage::bricks(), Settings::default());
//! let minimal: ActionSet = environment.game().expect("bricks is known").minimal_actions;
//! assert_eq!(minimal.len(), 4);
//! for action in minimal {
//!     assert_eq!(Action::try_from(action.number() as u8), Ok(action)); // ALE's number
//!     assert_eq!(action.to_string().parse(), Ok(action)); // ALE's name
//! }
//! ```
//!
//! # Screens
//!
//! A [`Screen`] has palette indices, and converts them into a buffer of the caller:
//!
//! ```
//! use atari_emulator::{CartridgeImage, Environment, Settings};
//!
//! let mut environment = Environment::new(&CartridgeImage::bricks(), Settings::default());
//! let screen = environment.screen();
//! assert_eq!((screen.height, screen.width), (210, 160));
//! let (mut rgb, mut gray) = (vec![0; 3 * 210 * 160], vec![0; 210 * 160]);
//! screen.to_rgb(&mut rgb);
//! screen.to_gray(&mut gray);
//! ```
//!
//! # Saving
//!
//! A clone is the complete state of an environment; [`Environment::save`] turns it into bytes:
//!
//! ```
//! use atari_emulator::{Action, CartridgeImage, Environment, Settings};
//!
//! let mut environment = Environment::new(&CartridgeImage::bricks(), Settings::default());
//! let saved = environment.save();
//! let reward = environment.act(Action::Fire);
//! let ram = *environment.ram();
//! environment.restore(&saved)?;
//! assert_eq!(environment.act(Action::Fire), reward);
//! assert_eq!(*environment.ram(), ram);
//! # Ok::<(), atari_emulator::StateError>(())
//! ```
//!
//! # Games
//!
//! ```
//! use atari_emulator::{game, CartridgeImage, Environment, Settings};
//!
//! assert_eq!(game::all().count(), 105);
//! let pong = game::by_name("pong").expect("a game of ALE");
//! assert_eq!(pong.available_modes(), [0, 1]);
//! assert_eq!(pong.difficulties, [0, 1, 2, 3]);
//!
//! let mut environment = Environment::new(&CartridgeImage::bricks(), Settings::default());
//! assert_eq!(environment.md5(), CartridgeImage::bricks().md5());
//! assert_eq!((environment.mode(), environment.difficulty()), (0, 0));
//! let error = environment.set_mode(7).unwrap_err();
//! assert_eq!(error.available, environment.available_modes());
//! let error = environment.set_difficulty(3).unwrap_err();
//! assert_eq!(error.available, environment.available_difficulties());
//! ```
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `translate` | yes | cartridge code that is executed often is translated into the host's, on x86-64 and AArch64. Without it, and on other hosts, an interpreter executes everything; only the time differs. Needs Cranelift |
//! | `vector` | yes | the module `vector`: many environments stepped together on threads. Needs rayon |
//! | `serde` | no | [`observation::Resize`] and [`preprocessed::Step`] implement `Serialize` and `Deserialize` |
//!
//! # Map
//!
//! A module imports only modules further down; `tests/architecture.rs` checks it.
//!
//! | module | contents |
//! |---|---|
//! | `vector` | many environments on threads, as ale-py's `AtariVectorEnv`; with the feature `vector` |
//! | [`preprocessed`] | an environment as gymnasium's `AtariPreprocessing` steps it: hold the action, pool, observe |
//! | [`environment`] | ALE's semantics: actions, rewards, lives, sticky actions, resets; [`Settings`] |
//! | [`observation`] | a screen as a learner sees it: gray or color, maximum of two, any size, stacked |
//! | [`game`] | the facts of each game: score, reward, terminal, lives, modes, controllers |
//! | [`screen`] | palette indices, as RGB and gray; what changed since another screen |
//! | `console` | CPU and board: power-on, reset, one frame |
//! | [`image`] | the bytes of a cartridge, and the translated code that consoles share |
//! | `translate` | translates cartridge code into the host's at run time; without the feature `translate` everything is interpreted |
//! | `board` | TIA, RIOT and cartridge on one bus |
//! | `riot` | RAM and timer |
//! | `controller` | sticks, paddles and switches |
//! | `cartridge` | bank switching and its recognition |
//! | `tia` | the video chip: registers, objects, motion, drawing, collisions, sound |
//! | `cpu` | the 6507, and the bus that it needs |
//! | [`palette`], [`random`] | colors; the Mersenne twister |
//! | [`action`], `opcode`, `properties`, `translation` | joystick actions; facts of the opcodes; controllers and television format; whether code is translated |
//! | `saved_state` | states as bytes: the envelope, [`StateError`], the archive that every part goes through |
//! | `setting_fault` | [`SettingFault`]: a setting outside its range |
//!
//! # ALE, not silicon
//!
//! Where ALE and the real hardware disagree, this crate follows ALE. The differences, and the tests that pin them:
//!
//! | what ALE does | test |
//! |---|---|
//! | all accesses of an instruction carry the time of its end; no dummy accesses but the stack's | `tests/tia_examples.rs`, `tests/console_examples.rs` |
//! | read-modify-writes write once; LAX zp takes 4 cycles; a zero-page pointer at $FF does not wrap | `tests/cpu_vectors.rs` |
//! | decimal mode takes N, V and Z from the decimal result | `tests/cpu_vectors.rs` |
//! | twelve opcodes stop the CPU for good, and the rest of the frame turns gray | `tests/tia_examples.rs` |
//! | a frame ends at the release of a VSYNC held for a line, or at the first TIA write after 291 lines (PAL 343) | `tests/tia_examples.rs` |
//! | nothing is drawn, and nothing collides, outside the display window | `tests/tia_examples.rs` |
//! | RESPx suppresses the first copy for the rest of the line except in a 4-pixel zone | `tests/tia_examples.rs` |
//! | HMOVE moves at once; six RESMx/RESBL strobes after it are hard-wired | `tests/tia_examples.rs`, `tia/motion.rs` |
//! | the fire buttons are never latched (VBLANK bit 6); port directions are ignored | `riot.rs` |
//! | the timer keeps counting at the prescaled rate after its first read past zero | `riot.rs` |
//! | RIOT RAM is random at power-on and survives every reset | `riot.rs` |

pub mod action;
mod board;
mod cartridge;
mod console;
mod controller;
mod cpu;
pub mod environment;
pub mod game;
pub mod image;
pub mod observation;
mod opcode;
pub mod palette;
pub mod preprocessed;
mod properties;
pub mod random;
mod riot;
mod saved_state;
pub mod screen;
mod setting_fault;
mod tia;
#[cfg(feature = "translate")]
mod translate;
mod translation;
#[cfg(feature = "vector")]
pub mod vector;

pub use action::{Action, ActionError, ActionNameError, ActionSet};
pub use cartridge::{CartridgeError, Scheme, LARGEST_IMAGE};
pub use environment::{DifficultyError, Environment, ModeError, Settings};
pub use game::Game;
pub use image::CartridgeImage;
pub use palette::Palette;
pub use properties::{Properties, TelevisionFormat};
pub use saved_state::StateError;
pub use screen::{Screen, ScreenVersion};
pub use setting_fault::SettingFault;
pub use translation::Translation;

/// Internals for this crate's own tests. They may change or disappear in any version.
#[doc(hidden)]
pub mod engine {
    pub use crate::cpu::{Bus, Cpu, Polled};
    pub use crate::opcode::{Opcode, OpcodeAhead};
}
