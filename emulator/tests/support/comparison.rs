//! Plays a random program interpreted and translated, and compares the consoles after every frame.

use super::programs::{image, Random};
use atari_emulator::{Action, CartridgeImage, Environment, Scheme, Settings, Translation};

/// Frames that every program plays, after the sixty in which the console finds its television format.
const FRAMES: u32 = 12;
/// Frames that are played from a crafted state.
const FRAMES_OF_A_STATE: u32 = 3;

/// What was compared for one seed.
#[derive(Default)]
pub struct Compared {
    /// The scheme of the image; `None` if the emulator refuses it.
    pub scheme: Option<Scheme>,
    /// Frames compared.
    pub frames: u32,
    /// Instructions that translated code executed.
    pub translated: u64,
    /// Crafted states that were refused, and that were accepted and played.
    pub states: [u32; 2],
}

/// Compares the program of `seed`, and continues from `states` crafted saved states of it. Returns the first difference.
pub fn compare(seed: u32, states: u32) -> Result<Compared, String> {
    let mut random = Random::new(!seed);
    let bytes = image(seed);
    let settings = Settings::default().with_system_seed(seed).with_random_seed(seed).with_sound_observation(true);
    let [interpreted, translated] = [(); 2].map(|()| CartridgeImage::new(&bytes, None));
    let (Ok(interpreted), Ok(translated)) = (interpreted, translated) else { return Ok(Compared::default()) };
    let eager = settings.clone().with_translation(Translation::Eager);
    let mut reference = Environment::new(&interpreted, settings.with_translation(Translation::Off));
    let mut first = Environment::new(&translated, eager.clone());
    same(&mut reference, &mut first, "at the start")?;
    // A second console shares what the first one translated, and so enters it at other times.
    let mut second = Environment::new(&translated, eager);
    same(&mut reference, &mut second, "at the start, translated before")?;

    let mut compared = Compared { scheme: Some(interpreted.scheme()), ..Compared::default() };
    for frame in 0..FRAMES {
        let step = Step::random(&mut random);
        [&mut reference, &mut first, &mut second].into_iter().for_each(|environment| step.take(environment));
        same(&mut reference, &mut first, &format!("in frame {frame}"))?;
        same(&mut reference, &mut second, &format!("in frame {frame}, translated before"))?;
        compared.frames += 1;
    }
    for number in 0..states {
        let state = crafted(&reference, &mut random);
        let mut consoles = [reference.clone(), first.clone()];
        let [one, other] = consoles.each_mut().map(|console| console.restore(&state));
        if one != other {
            return Err(format!("crafted state {number}: {one:?} interpreted, {other:?} translated"));
        }
        compared.states[usize::from(one.is_ok())] += 1;
        let [reference, translated] = &mut consoles;
        for frame in 0..FRAMES_OF_A_STATE {
            if one.is_err() {
                break;
            }
            let step = Step::random(&mut random);
            step.take(reference);
            step.take(translated);
            same(reference, translated, &format!("in frame {frame} after crafted state {number}"))?;
            // The state that follows is as good as any other.
            if let Err(error) = reference.restore(&translated.save()) {
                return Err(format!("the state that follows crafted state {number} is refused: {error}"));
            }
        }
        compared.translated += translated.executed_by_translated_code() - first.executed_by_translated_code();
    }
    compared.translated += first.executed_by_translated_code() + second.executed_by_translated_code();
    Ok(compared)
}

/// Something that a caller can do with an environment.
enum Step {
    Act(Action),
    Reset,
    Select,
}

impl Step {
    fn random(random: &mut Random) -> Self {
        match random.below(40) {
            0 => Self::Reset,
            1 => Self::Select,
            _ => Self::Act(random.one_of(&Action::ALL)),
        }
    }

    fn take(&self, environment: &mut Environment) {
        match self {
            Self::Act(action) => {
                environment.act(*action);
            }
            Self::Reset => environment.reset(),
            Self::Select => environment.press_select(2),
        }
    }
}

/// Compares RAM, the saved states (registers, chips, cartridge, sound, both pictures) and the screens.
fn same(reference: &mut Environment, other: &mut Environment, when: &str) -> Result<(), String> {
    if reference.ram() != other.ram() {
        return Err(format!("RAM differs {when}"));
    }
    let [one, two] = [&*reference, &*other].map(Environment::save);
    if one != two {
        let at = one.iter().zip(&two).position(|(a, b)| a != b).unwrap_or(0);
        return Err(format!("the saved states differ {when}, at byte {at} of {}", one.len()));
    }
    if reference.screen() != other.screen() {
        return Err(format!("the screens differ {when}"));
    }
    Ok(())
}

/// Bytes of a saved state before the payload, and after it.
const HEADER: usize = 32;
const CHECKSUM: usize = 4;
/// Bytes that follow the pictures: the TIA's registers, the CPU, the RIOT, the cartridge, and the first of a generator.
const REGISTERS: usize = 420;

/// A saved state of this console with some of its registers changed, and the right checksum.
fn crafted(environment: &Environment, random: &mut Random) -> Vec<u8> {
    let mut state = environment.save();
    state.truncate(state.len() - CHECKSUM);
    let first = after_pictures(&state, environment.screen_height() * 160);
    for _ in 0..1 + random.below(4) {
        let at = first + random.below(REGISTERS.min(state.len() - first - 4));
        let edge = random.one_of(&[0, 1, -1, 3, 75, 76, 227, 228, 22_116, 1 << 28, i32::MAX, i32::MIN, i32::MIN / 3]);
        let value = edge.wrapping_add(random.below(9) as i32 - 4);
        match random.below(5) {
            0 => state[at..at + 4].copy_from_slice(&value.to_le_bytes()),
            1 => state[at] ^= 1,
            2 => state[at] = random.one_of(&[0, 1, 2, 0x7F, 0x80, 0xFF]),
            3 => state[at] = state[at].wrapping_add(random.below(9) as u8).wrapping_sub(4),
            _ => state[at] = random.byte(),
        }
    }
    let checksum = crc32fast::hash(&state);
    state.extend(checksum.to_le_bytes());
    state
}

/// The place in a saved state after its two pictures of `pixels` bytes, which are runs of a byte and a length.
fn after_pictures(state: &[u8], pixels: usize) -> usize {
    // The name of the rules, then the television format.
    let mut at = HEADER + 1 + usize::from(state[HEADER]) + 1;
    for _ in 0..2 {
        let mut done = 0;
        while done < pixels {
            let mut shift = 0;
            loop {
                at += 1;
                done += usize::from(state[at] & 0x7F) << shift;
                shift += 7;
                if state[at] & 0x80 == 0 {
                    break;
                }
            }
            done += 1;
            at += 1;
        }
    }
    at
}
