//! ale-py's settings by name, kept as text.

use atari_emulator::Settings;

/// The types of value that a setting takes.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Text,
    Integer,
    Flag,
    Float,
    /// Every type: settings of ale-py's window and sound card.
    Any,
}

use Kind::{Any, Flag, Float, Integer, Text};

/// Every setting with the type of its values and its default.
const SETTINGS: [(&str, Kind, &str); 28] = [
    // These have an effect here, at the next loadROM.
    ("system_random_seed", Integer, "4753849"),
    ("random_seed", Integer, "-1"),
    ("repeat_action_probability", Float, "0.25"),
    ("frame_skip", Integer, "1"),
    ("max_num_frames_per_episode", Integer, "0"),
    ("truncate_on_loss_of_life", Flag, "0"),
    ("reward_min", Integer, "-2147483648"),
    ("reward_max", Integer, "2147483647"),
    ("color_averaging", Flag, "0"),
    ("sound_obs", Flag, "0"),
    ("record_screen_dir", Text, ""),
    ("rom_file", Text, ""),
    // These are only kept.
    ("cpu", Text, "low"),
    ("max_num_frames", Integer, "0"),
    ("paddle_min", Integer, "-1"),
    ("paddle_max", Integer, "-1"),
    ("display_screen", Flag, "0"),
    ("record_sound_filename", Text, ""),
    ("run_length_encoding", Flag, "1"),
    ("restricted_action_set", Flag, "0"),
    ("send_rgb", Flag, "0"),
    ("sound", Any, "false"),
    ("palette", Any, "standard"),
    ("fragsize", Any, "64"),
    ("freq", Any, "31400"),
    ("tiafreq", Any, "31400"),
    ("volume", Any, "100"),
    ("clipvol", Any, "true"),
];

/// The values of all settings.
#[derive(Clone)]
pub(crate) struct SettingTexts(Vec<String>);

impl SettingTexts {
    /// ale-py's defaults.
    pub(crate) fn new() -> Self {
        Self(SETTINGS.iter().map(|(_, _, default)| (*default).to_string()).collect())
    }

    fn place(key: &str) -> Option<usize> {
        SETTINGS.iter().position(|(name, ..)| *name == key)
    }

    /// The value as text; `None` if there is no such setting.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        Self::place(key).map(|place| self.0[place].as_str())
    }

    /// The value as an integer: the number with which the text begins, or 0.
    pub(crate) fn integer(&self, key: &str) -> Option<i32> {
        self.text(key).map(leading_integer)
    }

    /// Whether the value is "1" or "true".
    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        self.text(key).map(|text| text == "1" || text == "true")
    }

    /// The value as a single-precision number: the number with which the text begins, or 0.
    pub(crate) fn float(&self, key: &str) -> Option<f32> {
        self.text(key).map(leading_float)
    }

    /// Changes a setting. Returns whether there is one that takes values of this type.
    pub(crate) fn set(&mut self, key: &str, kind: Kind, value: String) -> bool {
        let place = Self::place(key).filter(|&place| SETTINGS[place].1 == kind || SETTINGS[place].1 == Any);
        if let Some(place) = place {
            self.0[place] = value;
        }
        place.is_some()
    }

    /// Notes the file loaded last.
    pub(crate) fn set_rom_file(&mut self, path: String) {
        self.set("rom_file", Text, path);
    }

    /// The settings of an environment, except the seed of its generator.
    pub(crate) fn environment(&self) -> Settings {
        let integer = |key| self.integer(key).unwrap_or(0);
        let flag = |key| self.flag(key).unwrap_or(false);
        // ale-py takes the bits of negative seeds as they are.
        Settings::default()
            .with_frame_skip(integer("frame_skip").max(1).unsigned_abs())
            .with_sticky_probability(self.float("repeat_action_probability").unwrap_or(0.0))
            .with_system_seed(integer("system_random_seed") as u32)
            .with_max_episode_frames(integer("max_num_frames_per_episode").max(0).unsigned_abs())
            .with_truncate_on_life_loss(flag("truncate_on_loss_of_life"))
            .with_reward_range((integer("reward_min"), integer("reward_max")))
            .with_color_averaging(flag("color_averaging"))
            .with_sound_observation(flag("sound_obs"))
    }
}

/// The integer at the start of `text`, cut to 32 bits.
fn leading_integer(text: &str) -> i32 {
    let text = text.trim_start();
    let signs = usize::from(text.starts_with(['-', '+']));
    let digits = text[signs..].bytes().take_while(u8::is_ascii_digit).count();
    let negative = text.starts_with('-');
    match text[..signs + digits].parse::<i64>() {
        Ok(number) => number as i32,
        Err(_) if digits == 0 => 0,
        // Past 64 bits, the nearest number that these can hold.
        Err(_) => (if negative { i64::MIN } else { i64::MAX }) as i32,
    }
}

/// The decimal number at the start of `text`, of at most 400 characters.
fn leading_float(text: &str) -> f32 {
    let text = text.trim_start();
    let numbers = (1..=text.len().min(400)).rev().filter(|&end| text.is_char_boundary(end));
    let number = numbers.filter_map(|end| text[..end].parse::<f64>().ok()).next();
    number.unwrap_or(0.0) as f32
}

/// `value` with six significant digits, as C's `%g` writes it: 0.123457, 1e+30, inf.
pub(crate) fn float_as_text(value: f32) -> String {
    if !value.is_finite() {
        let sign = if value.is_sign_negative() && !value.is_nan() { "-" } else { "" };
        return format!("{sign}{}", if value.is_nan() { "nan" } else { "inf" });
    }
    let scientific = format!("{value:.5e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trimmed = |number: &str| match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => number.to_string(),
    };
    if (-4..6).contains(&exponent) {
        let places = (5 - exponent).unsigned_abs() as usize;
        return trimmed(&format!("{value:.places$}"));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trimmed(digits), exponent.unsigned_abs())
}
