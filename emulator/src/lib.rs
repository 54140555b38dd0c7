//! An Atari 2600 whose frames equal the Arcade Learning Environment's (ale-py 0.12.1), bit for bit.
//!
//! Bytes in, frames out: no files and no window. The only threads are one that translates code which is executed often, and
//! those of a [vector of environments](#map). The smallest run loop:
//!
//! ```
//! use atari_emulator::{Action, CartridgeImage, Environment, Settings};
//!
//! let mut environment = Environment::new(&CartridgeImage::bricks(), Settings { frame_skip: 4, ..Settings::default() });
//! let mut score = 0;
//! while !environment.game_over() {
//!     score += environment.act(Action::Fire);
//! }
//! assert_eq!(score, environment.score());
//! ```
//!
//! # Map
//!
//! | module | what it is |
//! |---|---|
//! | [`environment`] | ALE's semantics: actions, rewards, lives, sticky actions, resets |
//! | [`observation`] | a screen as a learner sees it: gray or color, maximum of two, any size, stacked |
//! | [`preprocessed`] | an environment as gymnasium's `AtariPreprocessing` steps it: hold the action, pool, observe |
//! | `vector` | many of them on threads, as ale-py's `AtariVectorEnv`; the feature `vector` |
//! | [`game`] | the facts of each game: score, reward, terminal, lives, modes, controllers |
//! | [`cartridge`] | images, their recognition, bank switching |
//! | `console` | CPU, TIA, RIOT and cartridge on one bus; power-on and reset |
//! | `cpu`, `bus` | the 6507 and what it sees |
//! | `translate` | the cartridge's code as the host's own; the feature `translate`, without which everything is interpreted |
//! | `tia` | the video chip: registers, objects, motion, drawing, collisions |
//! | `riot`, `controller` | RAM and timer; sticks, paddles and switches |
//! | `saved_state` | environments as bytes: the envelope, [`StateError`], the archive that every part goes through |
//! | [`palette`], [`action`], [`random`] | colours; joystick actions; the Mersenne twister |
//!
//! # ALE, not silicon
//!
//! Equality with ALE decides, also where ALE departs from the chips. The departures, and the tests that pin them:
//!
//! | what ALE does | test |
//! |---|---|
//! | all accesses of an instruction carry the time of its end; no dummy accesses but the stack's | `tests/tia_examples.rs`, `tests/console_examples.rs` |
//! | read-modify-writes write once; LAX zp takes 4 cycles; a zero-page pointer at $FF does not wrap | `tests/cpu_vectors.rs` |
//! | decimal mode takes N, V and Z from the decimal result | `tests/cpu_vectors.rs` |
//! | twelve opcodes stop the CPU for good, and the rest of the frame turns gray | `tests/tia_examples.rs` |
//! | a frame ends at the release of a VSYNC held for a line, or at the first TIA write after 291 lines (PAL 343) | `tests/tia_examples.rs` |
//! | nothing is drawn, and nothing collides, outside the display window | `tests/tia_examples.rs` |
//! | RESPx suppresses the first copy for the rest of the line but in a 4-pixel zone | `tests/tia_examples.rs` |
//! | HMOVE moves at once; six RESMx/RESBL strobes after it are hard-wired | `tests/tia_examples.rs`, `tia/motion.rs` |
//! | the fire buttons are never latched (VBLANK bit 6); port directions are ignored | `riot.rs` |
//! | the timer goes on at the prescaled rate after its first read past zero | `riot.rs` |
//! | RIOT RAM is random at power-on and survives every reset | `riot.rs` |

pub mod action;
mod bus;
pub mod cartridge;
mod console;
mod controller;
mod cpu;
pub mod environment;
pub mod game;
pub mod observation;
pub mod palette;
pub mod preprocessed;
pub mod random;
mod riot;
mod saved_state;
mod tia;
#[cfg(feature = "translate")]
mod translate;
#[cfg(feature = "vector")]
pub mod vector;

pub use action::{Action, ActionError, ActionSet};
pub use bus::{Bus, OpcodeAhead, Polled};
pub use cartridge::{CartridgeError, CartridgeImage, Scheme};
pub use cpu::Cpu;
pub use environment::{DifficultyError, Environment, ModeError, Screen, Settings};
pub use game::{Format, Game};
pub use palette::Palette;
pub use saved_state::StateError;
pub use tia::ScreenVersion;
#[cfg(feature = "translate")]
#[doc(hidden)]
pub use translate::Translation;
