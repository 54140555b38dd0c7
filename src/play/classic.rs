//! Playing a classic environment: a window for a person or a policy, or a recording of a policy's episode as a GIF.

use super::controls::Speed;
use super::keys::Keys;
use super::scaler::Scaler;
use super::window::open;
use crate::drawing::recording::{save_screenshot, GifRecorder};
use crate::drawing::Picture;
use crate::environments::classic::ClassicSpec;
use crate::environments::{Environment, EnvironmentSpec, Thoughts};
use crate::observations::Observations;
use crate::policy::Policy;
use crate::random::{Generator, Purpose};
use crate::text::output::print;
use anyhow::{anyhow, Context, Result};
use minifb::{Key, Window};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Steps after which a recording without a limit ends if the episode does not.
const LONGEST_RECORDING: u32 = 18_000;
/// How long the end of an episode stays on the screen.
const PAUSE_AFTER_EPISODE: Duration = Duration::from_secs(2);
/// Environments slower than this wait for a person's key at every step.
const WAITS_BELOW: u32 = 20;
/// Times a second that a window is refreshed which waits for keys.
const REFRESHES: u32 = 30;

/// The keys, printed at the start and when H is struck.
const HELP: &str = "\
arrows or WASD  the action of that direction      1 to 9  an action by its number, from 1 on
R or Enter      a new episode                     Tab     take over, or hand back to the agent
P               pause                             N       one step, while paused
- +             slower, faster                    F12     screenshot (PNG in this folder)
H               these lines                       Esc     quit";

/// A policy in a classic environment, step by step.
pub struct Player {
    environment: Box<dyn Environment>,
    observation: Observations,
    /// Without one a person plays.
    policy: Option<Policy>,
    /// The values of the policy's table, drawn into the picture.
    values: Option<Vec<f64>>,
    epsilon: f64,
    random: Generator,
    score: f64,
    steps: u32,
    over: bool,
}

impl Player {
    /// In the first episode; the same seed plays the same.
    pub fn new(spec: &ClassicSpec, policy: Option<Policy>, epsilon: f64, seed: u64) -> Self {
        let environment = spec.make(&spec.conditions(seed));
        let observation = environment.space().observations(1);
        let random = Generator::new(seed, Purpose::Exploration);
        let values = policy.as_ref().and_then(Policy::table_values);
        let mut player =
            Self { environment, observation, policy, values, epsilon, random, score: 0.0, steps: 0, over: false };
        player.begin();
        player
    }

    fn picture(&mut self) -> Result<Picture<'_>> {
        let probabilities = match &mut self.policy {
            Some(policy) => policy.probabilities(self.observation.seen())?,
            None => None,
        };
        let picture = match (&self.values, probabilities) {
            (Some(values), _) => self.environment.picture_with(Thoughts::Values(values)),
            (None, Some(probabilities)) => self.environment.picture_with(Thoughts::Probabilities(probabilities)),
            (None, None) => self.environment.picture(),
        };
        picture.context("the environment cannot be drawn")
    }

    fn begin(&mut self) {
        self.environment.reset(&mut self.random, self.observation.place());
        (self.score, self.steps, self.over) = (0.0, 0, false);
    }

    fn step(&mut self, action: usize) {
        let step = self.environment.step(action, self.observation.place());
        self.score += step.raw_reward;
        self.steps += 1;
        self.over = step.over;
    }

    /// A step of the policy; nothing without one.
    fn policy_step(&mut self) -> Result<()> {
        if let Some(policy) = &mut self.policy {
            let action = policy.act(self.observation.seen(), self.epsilon, &mut self.random)?;
            self.step(action);
        }
        Ok(())
    }
}

/// Plays one episode, or `steps` of it, into a GIF.
///
/// # Errors
/// When the file cannot be written, the environment cannot be drawn, or the policy's device fails.
pub fn record(path: &Path, mut player: Player, steps: Option<u32>) -> Result<()> {
    let mut recorder = GifRecorder::create(path, &player.picture()?)?;
    recorder.frame(&player.picture()?)?;
    let longest = steps.unwrap_or(LONGEST_RECORDING);
    while player.steps < longest && !player.over {
        player.policy_step()?;
        recorder.frame(&player.picture()?)?;
    }
    recorder.finish()?;
    let ending = if player.over { "the whole episode" } else { "cut off" };
    print(&format!("{}: {} steps, {ending}, return {}\n", path.display(), player.steps, shown(player.score)))
}

/// A return with as many digits as it needs, two at most.
fn shown(score: f64) -> String {
    let text = format!("{score:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// Lets a person play, or watch the policy play, until the window is closed or `steps` steps were taken.
///
/// # Errors
/// When no window can be opened, or the policy's device fails.
pub fn open_window(spec: &ClassicSpec, player: Player, steps: Option<u32>) -> Result<()> {
    let mut player = player;
    let picture = player.picture()?;
    let (width, height, steps_per_second) = (picture.width, picture.height, picture.frames_per_second);
    let mut window = open(spec.name(), width, height)?;
    say!("{HELP}");
    Session {
        keys: Keys::of(&mut window),
        window,
        scaler: Scaler::default(),
        actions: spec.task().actions(),
        name: spec.name().to_string(),
        agent_plays: player.policy.is_some(),
        waits: steps_per_second < WAITS_BELOW,
        steps_per_second,
        player,
        speed: Speed::NORMAL,
        paused: false,
        steps_due: 0.0,
        over_since: None,
        taken: 0,
        longest: steps.unwrap_or(u32::MAX),
        title: String::new(),
    }
    .run()
}

struct Session {
    window: Window,
    keys: Keys,
    scaler: Scaler,
    player: Player,
    /// What the actions do, in words.
    actions: Vec<String>,
    name: String,
    agent_plays: bool,
    /// A person takes a step with each key, as there is no hurry.
    waits: bool,
    steps_per_second: u32,
    speed: Speed,
    paused: bool,
    /// Steps that are due by the clock, kept as a fraction.
    steps_due: f64,
    over_since: Option<Instant>,
    taken: u32,
    longest: u32,
    title: String,
}

impl Session {
    fn run(mut self) -> Result<()> {
        let rate = self.steps_per_second.max(REFRESHES);
        let refresh = Duration::from_secs(1) / rate;
        self.window.set_target_fps(0); // The pace is kept here.
        let mut next = Instant::now();
        while self.window.is_open() && !self.keys.struck(&[Key::Escape]) && self.taken < self.longest {
            self.handle_keys()?;
            self.advance(f64::from(self.steps_per_second) / f64::from(rate))?;
            self.show()?;
            next += refresh;
            match next.checked_duration_since(Instant::now()) {
                Some(early) => sleep(early),
                // Late, e.g. after the machine slept: do not race to catch up.
                None => next = Instant::now(),
            }
        }
        Ok(())
    }

    fn handle_keys(&mut self) -> Result<()> {
        if self.keys.struck(&[Key::H]) {
            say!("{HELP}");
        }
        if self.keys.struck(&[Key::P, Key::Pause]) {
            self.paused = !self.paused;
        }
        if self.paused && self.keys.struck_or_repeated(Key::N) {
            self.step()?;
        }
        if self.keys.struck(&[Key::Equal, Key::NumPadPlus, Key::RightBracket]) {
            self.speed.faster();
        }
        if self.keys.struck(&[Key::Minus, Key::NumPadMinus, Key::LeftBracket]) {
            self.speed.slower();
        }
        if self.player.policy.is_some() && self.keys.struck(&[Key::Tab]) {
            self.agent_plays = !self.agent_plays;
        }
        if self.keys.struck(&[Key::R, Key::Enter, Key::NumPadEnter]) {
            self.begin();
        }
        if self.keys.struck(&[Key::F12]) {
            match save_screenshot(Path::new("."), &self.name, &self.player.picture()?) {
                Ok(path) => say!("{}", path.display()),
                // A full disk should not end the game.
                Err(error) => warn!("error: {error:#}"),
            }
        }
        Ok(())
    }

    fn begin(&mut self) {
        self.player.begin();
        (self.over_since, self.steps_due) = (None, 0.0);
    }

    /// The steps that are due after another refresh, in which `due` of a step passes at normal speed.
    fn advance(&mut self, due: f64) -> Result<()> {
        if self.player.over {
            let since = *self.over_since.get_or_insert_with(Instant::now);
            if self.agent_plays && !self.paused && since.elapsed() >= PAUSE_AFTER_EPISODE {
                self.begin();
            }
            return Ok(());
        }
        if self.paused {
            return Ok(());
        }
        if self.waits && !self.agent_plays {
            // One step a key; a held key counts once.
            return if self.chosen(|keys, key| keys.struck(key)).is_some() { self.step() } else { Ok(()) };
        }
        self.steps_due += due * self.speed.frames_per_refresh();
        while self.steps_due >= 1.0 {
            self.steps_due -= 1.0;
            if !self.player.over && self.taken < self.longest {
                self.step()?;
            }
        }
        Ok(())
    }

    fn step(&mut self) -> Result<()> {
        if self.player.over {
            return Ok(());
        }
        self.taken += 1;
        if self.agent_plays {
            return self.player.policy_step();
        }
        let action = self.chosen(|keys, key| keys.down(key)).unwrap_or(0);
        self.player.step(action);
        Ok(())
    }

    /// The action that the keys ask for.
    fn chosen(&self, pressed: impl Fn(&Keys, &[Key]) -> bool) -> Option<usize> {
        const DIGITS: [Key; 9] =
            [Key::Key1, Key::Key2, Key::Key3, Key::Key4, Key::Key5, Key::Key6, Key::Key7, Key::Key8, Key::Key9];
        let digit = DIGITS.iter().position(|key| pressed(&self.keys, &[*key]));
        let directions: [(&[Key], &[&str]); 4] = [
            (&[Key::Left, Key::A], &["left"]),
            (&[Key::Right, Key::D], &["right"]),
            (&[Key::Up, Key::W], &["up", "main"]),
            (&[Key::Down, Key::S], &["down"]),
        ];
        let pushed = directions.iter().filter(|(keys, _)| pressed(&self.keys, keys));
        let named = pushed.flat_map(|(_, words)| words.iter()).find_map(|word| {
            self.actions.iter().position(|action| action.split_whitespace().any(|part| part == *word))
        });
        named.or(digit.filter(|digit| *digit < self.actions.len()))
    }

    fn show(&mut self) -> Result<()> {
        let title = self.describe();
        if title != self.title {
            self.window.set_title(&title);
            self.title = title;
        }
        self.keys.forget(&self.window);
        let (width, height) = self.window.get_size();
        let picture = self.player.picture()?;
        if width == 0 || height == 0 {
            self.window.update();
            return Ok(());
        }
        let pixels = self.scaler.draw(&picture, width, height);
        self.window.update_with_buffer(pixels, width, height).map_err(|error| anyhow!("the window is gone: {error}"))
    }

    fn describe(&self) -> String {
        let mut title = format!("{}  return {}  {}", self.name, shown(self.player.score), self.speed);
        if self.player.policy.is_some() {
            title += if self.agent_plays { "  agent plays (Tab: you)" } else { "  you play (Tab: agent)" };
        }
        if self.player.over {
            title += "  THE END (R: again)";
        } else if self.paused {
            title += "  PAUSED";
        }
        title
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_have_the_digits_that_they_need() {
        for (score, text) in [(200.0, "200"), (-0.25, "-0.25"), (0.0, "0"), (264.516, "264.52"), (0.5, "0.5")] {
            assert_eq!(shown(score), text);
        }
    }
}
