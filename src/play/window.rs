//! The window: keys in, pictures out, at the console's rate.

use super::controls::{joystick, Speed, HELP};
use super::keys::Keys;
use super::pilot::Pilot;
use super::scaler::{width_for, Scaler};
use crate::drawing::recording::save_screenshot;
use crate::drawing::Colors;
use crate::environments::atari::{colors, picture, warn_of_unfinished_frames};
use anyhow::{anyhow, bail, Result};
use atari_emulator::Environment;
use minifb::{Key, Window, WindowOptions};
use std::panic;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

const WITHOUT_DISPLAY: &str = "run it in a desktop session, or use --record FILE.gif, which needs no display";

/// Frames SELECT is held for.
const SELECT_FRAMES: u32 = 3;

/// How long an agent's finished game stays on the screen.
const PAUSE_AFTER_GAME: Duration = Duration::from_secs(2);

/// Refuses where no window can open because there is no display.
///
/// # Errors
/// When there is no display; the message says what to do.
pub fn check_display() -> Result<()> {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if cfg!(all(unix, not(target_os = "macos"))) && !set("DISPLAY") {
        if set("WAYLAND_DISPLAY") {
            bail!("no X11 display: WAYLAND_DISPLAY is set but DISPLAY is not, and the window needs XWayland; start that, or use --record FILE.gif");
        }
        bail!("no display: neither DISPLAY nor WAYLAND_DISPLAY is set; {WITHOUT_DISPLAY}");
    }
    Ok(())
}

/// Opens the window. Where minifb panics, this returns an error too.
pub(super) fn open(title: &str, width: usize, height: usize) -> Result<Window> {
    let options = WindowOptions { resize: true, ..WindowOptions::default() };
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| ()));
    let opened = panic::catch_unwind(|| Window::new(title, width, height, options));
    panic::set_hook(hook);
    match opened {
        Ok(Ok(window)) => Ok(window),
        Ok(Err(error)) => Err(anyhow!("cannot open a window: {error}; {WITHOUT_DISPLAY}")),
        Err(_) => Err(anyhow!("cannot open a window: the window system refused; {WITHOUT_DISPLAY}")),
    }
}

/// Lets a person play, or watch `pilot` play, until the window is closed or `frames` frames were played. `scale` is the
/// height of a scanline in window pixels.
///
/// # Errors
/// When no window can be opened, or the policy's device fails.
pub fn open_window(
    console: Environment,
    name: &str,
    pilot: Option<Pilot>,
    scale: usize,
    frames: Option<u32>,
) -> Result<()> {
    let height = console.screen_height() * scale;
    let mut window = open(name, width_for(height), height)?;
    say!("{HELP}");
    Session {
        pilot_plays: pilot.is_some(),
        pilot,
        keys: Keys::of(&mut window),
        window,
        scaler: Scaler::default(),
        colors: colors(console.palette()),
        name: name.to_owned(),
        title: String::new(),
        speed: Speed::NORMAL,
        paused: false,
        score: 0,
        frames: 0,
        frames_due: 0.0,
        game_over_since: None,
        longest: frames.unwrap_or(u32::MAX),
        console,
    }
    .run()
}

struct Session {
    window: Window,
    keys: Keys,
    console: Environment,
    colors: Colors,
    pilot: Option<Pilot>,
    pilot_plays: bool,
    scaler: Scaler,
    name: String,
    title: String,
    speed: Speed,
    paused: bool,
    /// Sum of the rewards since the game began.
    score: i32,
    frames: u32,
    longest: u32,
    /// Frames that are due by the clock, kept as a fraction for speeds below 1.
    frames_due: f64,
    game_over_since: Option<Instant>,
}

impl Session {
    fn run(mut self) -> Result<()> {
        let refresh = Duration::from_secs(1) / self.console.frames_per_second();
        self.window.set_target_fps(0); // The pace is kept here.
        self.begin();
        let mut next = Instant::now();
        while self.window.is_open() && !self.keys.struck(&[Key::Escape]) && self.frames < self.longest {
            self.handle_keys()?;
            next += refresh;
            self.emulate_until(next)?;
            self.show()?;
            let now = Instant::now();
            match next.checked_duration_since(now) {
                Some(early) => sleep(early),
                // Late, e.g. after the machine slept: do not race to catch up.
                None => next = now,
            }
        }
        Ok(())
    }

    fn begin(&mut self) {
        self.score = 0;
        self.game_over_since = None;
        if let Some(pilot) = &mut self.pilot {
            pilot.begin();
        }
    }

    fn handle_keys(&mut self) -> Result<()> {
        if self.keys.struck(&[Key::H]) {
            say!("{HELP}");
        }
        if self.keys.struck(&[Key::P, Key::Pause]) {
            self.paused = !self.paused;
        }
        if self.paused && self.keys.struck_or_repeated(Key::N) {
            self.emulate()?;
        }
        if self.keys.struck(&[Key::Equal, Key::NumPadPlus, Key::RightBracket]) {
            self.speed.faster();
        }
        if self.keys.struck(&[Key::Minus, Key::NumPadMinus, Key::LeftBracket]) {
            self.speed.slower();
        }
        if self.keys.struck(&[Key::M]) {
            self.speed.unlimited = !self.speed.unlimited;
        }
        if self.pilot.is_some() && self.keys.struck(&[Key::Tab]) {
            self.pilot_plays = !self.pilot_plays;
        }
        let reset = self.keys.struck(&[Key::R, Key::F2]);
        if self.keys.struck(&[Key::Enter, Key::NumPadEnter]) || (reset && self.console.game_over()) {
            self.console.reset();
            self.begin();
        } else if reset {
            self.console.soft_reset();
            self.begin();
        }
        if self.keys.struck(&[Key::T, Key::F1]) {
            self.console.press_select(SELECT_FRAMES);
        }
        if self.keys.struck(&[Key::F12]) {
            match save_screenshot(Path::new("."), &self.name, &picture(&mut self.console, &self.colors)) {
                Ok(path) => say!("{}", path.display()),
                // A full disk should not end the game.
                Err(error) => warn!("error: {error:#}"),
            }
        }
        Ok(())
    }

    /// The frames due at this refresh.
    fn emulate_until(&mut self, deadline: Instant) -> Result<()> {
        if self.console.game_over() {
            let since = *self.game_over_since.get_or_insert_with(Instant::now);
            if self.pilot_plays && !self.paused && since.elapsed() >= PAUSE_AFTER_GAME {
                self.console.reset();
                self.begin();
            }
            return Ok(());
        }
        if self.paused {
            return Ok(());
        }
        if self.speed.unlimited {
            // Leave a little of each refresh to the window.
            while Instant::now() + Duration::from_millis(3) < deadline
                && self.frames < self.longest
                && !self.console.game_over()
            {
                self.emulate()?;
            }
            return Ok(());
        }
        self.frames_due += self.speed.frames_per_refresh();
        while self.frames_due >= 1.0 {
            self.frames_due -= 1.0;
            if self.frames < self.longest && !self.console.game_over() {
                self.emulate()?;
            }
        }
        Ok(())
    }

    /// One frame.
    fn emulate(&mut self) -> Result<()> {
        let from_pilot = self.pilot.as_mut().map(|pilot| pilot.act(&mut self.console)).transpose()?;
        let action = match from_pilot {
            Some(action) if self.pilot_plays => action,
            _ => joystick(
                self.keys.down(&[Key::Up, Key::W]),
                self.keys.down(&[Key::Down, Key::S]),
                self.keys.down(&[Key::Left, Key::A]),
                self.keys.down(&[Key::Right, Key::D]),
                self.keys.down(&[Key::Space]),
            ),
        };
        self.score += self.console.act_once(action);
        warn_of_unfinished_frames(&self.console);
        self.frames += 1;
        Ok(())
    }

    fn show(&mut self) -> Result<()> {
        let title = self.describe();
        if title != self.title {
            self.window.set_title(&title);
            self.title = title;
        }
        self.keys.forget(&self.window);
        let (width, height) = self.window.get_size();
        if width == 0 || height == 0 {
            self.window.update();
            return Ok(());
        }
        let pixels = self.scaler.draw(&picture(&mut self.console, &self.colors), width, height);
        self.window.update_with_buffer(pixels, width, height).map_err(|error| anyhow!("the window is gone: {error}"))
    }

    fn describe(&self) -> String {
        let mut title = self.name.clone();
        if self.console.game().is_some() {
            title += &format!("  score {}", self.score);
            if self.console.lives() > 0 {
                title += &format!("  lives {}", self.console.lives());
            }
        }
        title += &format!("  {}", self.speed);
        if self.pilot.is_some() {
            title += if self.pilot_plays { "  agent plays (Tab: you)" } else { "  you play (Tab: agent)" };
        }
        if self.console.game_over() {
            title += "  GAME OVER (R: new game)";
        } else if self.paused {
            title += "  PAUSED";
        }
        title
    }
}
